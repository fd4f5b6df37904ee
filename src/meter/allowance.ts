import { HOUR, HOUR_MEMORY, monthStart } from "./hours.ts";
import type { Nano } from "./quantity.ts";

/**
 * How much of a dimension's usage a customer's contract includes in a term, or in a part of one, where the quantity
 * changes within it. Times are epoch milliseconds.
 */
export interface Term {
  readonly since: number;
  /** From then on it is not known what is included, unless another one says so; null while no end is known. */
  readonly until: number | null;
  /** Included in each period: posted units, in billionths. */
  readonly quantity: Nano;
  readonly per: "hour" | "month" | "term";
  /** When the whole term began: parts of one term have one period of it together. */
  readonly began: number;
}

/** A term as JSON: the quantity by its digits. */
export type EncodedTerm = Omit<Term, "quantity"> & { readonly quantity: string };

/** What has been counted against an allowance in one of its periods. */
export interface Period {
  /** Usage of the period in hours that have been sealed. */
  used: Nano;
  /** Of it, what is not billed. */
  withheld: Nano;
}

/** What an account knows of its customer's contract. */
export interface Allowances {
  /** Oldest first. Empty until the contract has been read. */
  terms: readonly Term[];
  /** Usage that contracts have included: counted, in no record, and never billed. */
  withheld: Nano;
  /** By its name, that of a period; see {@link periodOf}. */
  readonly periods: Map<string, Period>;
}

/** No hour of a month is sealed so long after the month's start. */
const MONTH_MEMORY = 62 * 24 * HOUR;

export const encodeTerm = (term: Term): EncodedTerm => ({ ...term, quantity: term.quantity.toString() });

export const decodeTerm = (term: EncodedTerm): Term => ({ ...term, quantity: BigInt(term.quantity) });

/**
 * The term that an hour draws on: an hour in which a term begins is of that term, and one before all terms of the first.
 *
 * @returns null while it is not known what is included in the hour
 */
export function termOf(terms: readonly Term[], hour: number): Term | null {
  const term = terms.findLast(({ since }) => since < hour + HOUR) ?? terms[0];
  if (term === undefined) return null;
  return term.until !== null && term.until <= hour ? null : term;
}

/** The name of the period whose allowance an hour draws on. */
function periodOf({ per, began }: Term, hour: number): string {
  const start = { hour, month: monthStart(hour), term: began }[per];
  return `${per} ${start}`;
}

/** Where usage is noted whose hour's period is not known yet. */
const unknownPeriod = (hour: number): string => `unknown ${hour}`;

/** What has been counted in an hour's period, with what was noted before the period was known. */
function openPeriod({ periods }: Allowances, term: Term | null, hour: number): Period {
  const name = term === null ? unknownPeriod(hour) : periodOf(term, hour);
  let period = periods.get(name);
  if (period === undefined) periods.set(name, (period = { used: 0n, withheld: 0n }));
  const noted = term === null ? undefined : periods.get(unknownPeriod(hour));
  if (noted !== undefined) {
    period.used += noted.used;
    periods.delete(unknownPeriod(hour));
  }
  return period;
}

/**
 * The period that an hour has drawn on, while no term says which it is: its own, or its month's, or that of the last term to
 * begin by then. What is included may once have been so much in a month and now be in a term, so the one that withholds
 * something counts.
 */
function drawnPeriod({ periods }: Allowances, hour: number): Period | undefined {
  const [term = ""] = [...periods.keys()]
    .filter((name) => name.startsWith("term ") && startOf(name) < hour + HOUR)
    .toSorted((a, b) => startOf(b) - startOf(a));
  const drawn = [`hour ${hour}`, `month ${monthStart(hour)}`, term].flatMap(
    (name) => periods.get(name) ?? [],
  );
  return drawn.find(({ withheld }) => withheld > 0n) ?? drawn[0];
}

/**
 * Draws on the allowance of an hour for usage of that hour which is sealed; or, for an amount below zero, gives back for
 * usage that was sealed and is taken away: what was withheld of that was never billed, and is no credit, though the hour's
 * term is not known any more.
 *
 * @returns how much is withheld more than before; below zero: less
 */
export function draw(account: Allowances, hour: number, amount: Nano): Nano {
  const term = termOf(account.terms, hour);
  if (term === null && amount >= 0n) return 0n;
  const drawn = term === null ? drawnPeriod(account, hour) : undefined;
  const period = drawn ?? openPeriod(account, term, hour);
  period.used += amount;
  const used = most(0n, period.used);
  const more =
    amount < 0n
      ? most(least(used - period.withheld, 0n), amount)
      : most(least(least(used, term?.quantity ?? 0n) - period.withheld, amount), 0n);
  period.withheld += more;
  account.withheld += more;
  return more;
}

/**
 * Takes usage of an hour out of its period again that has come back in a record, and will be sealed anew. It was above the
 * allowance then, and draws on it only if that has become more, or was not known: where the period is forgotten, it is
 * below nothing, and draws on nothing.
 */
export function undraw(account: Allowances, hour: number, amount: Nano): void {
  openPeriod(account, termOf(account.terms, hour), hour).used -= amount;
}

const least = (a: Nano, b: Nano): Nano => (a < b ? a : b);
const most = (a: Nano, b: Nano): Nano => (a > b ? a : b);

/** Terms that are told no more and remembered, should they be told again: what they have included is not included anew. */
const FORMER_TERMS = 2;

/**
 * Forgets the periods that no hour is sealed into any more.
 *
 * @param hours those that the account still holds usage of
 * @param at epoch milliseconds
 */
export function forgetPeriods({ terms, periods }: Allowances, hours: ReadonlySet<number>, at: number): void {
  const known = new Set(terms.map(({ began }) => `term ${began}`));
  const former = [...periods.keys()].filter((name) => name.startsWith("term ") && !known.has(name));
  const newest = former.toSorted((a, b) => startOf(b) - startOf(a)).slice(0, FORMER_TERMS);
  const kept = new Set([...known, ...newest]);
  for (const hour of hours)
    for (const name of [`hour ${hour}`, `month ${monthStart(hour)}`, unknownPeriod(hour)]) kept.add(name);
  for (const name of periods.keys()) if (!kept.has(name) && !isRecent(name, at)) periods.delete(name);
}

const startOf = (period: string): number => Number(period.slice(period.indexOf(" ") + 1));

function isRecent(period: string, at: number): boolean {
  if (period.startsWith("hour ")) return startOf(period) >= at - HOUR_MEMORY;
  return period.startsWith("month ") && startOf(period) >= at - MONTH_MEMORY;
}
