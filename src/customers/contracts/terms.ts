import type { AllowancePeriod } from "../../ledger/schema.ts";
import type { EncodedTerm } from "../../meter/allowance.ts";
import { HOUR, hourOf } from "../../meter/hours.ts";
import type { Agreement } from "../../ledger/agreements.ts";
import type { Step } from "./steps.ts";

/** How long AWS may still not know what a contract includes: after an activation, a return, or a term's end. */
export const CATCHING_UP = 6 * HOUR;

/** No hour draws on a term that ended so long ago. */
const TERM_MEMORY = 62 * 24 * HOUR;

/** What is known of how much of a dimension a contract includes. Times are epoch milliseconds. */
export interface Known {
  /** What AWS's answers come to, oldest first. The last may not have begun yet. */
  readonly terms: readonly EncodedTerm[];
  /** The newest beginning of the agreement that has begun a term, or is known to have begun none. */
  readonly begun: number;
  /** From then on it is not known what is included; null while all of it is known. */
  readonly unknownSince: number | null;
  /** Since when AWS's answers lack a contract that is known; null while they do not. */
  readonly missingSince: number | null;
  /** AWS has said nothing for so long that nothing is taken to be included since it is unknown. */
  readonly assumedNothing: boolean;
}

/** What of an agreement tells when its terms begin. */
export type Dated = Pick<
  Agreement,
  "startsAt" | "termStartsAt" | "activatedAt" | "registeredAt" | "returnedAt"
>;

const allKnown = { unknownSince: null, missingSince: null, assumedNothing: false } as const;

/**
 * What is known once AWS has said what a contract includes.
 *
 * Another term has the whole quantity of its period anew. It begins where the one before ends, or at a beginning of the
 * agreement that none is of yet, when the contract's end is another, too: a notice says that it was renewed, or the customer
 * has come back. AWS's notice and its entitlements tell of one renewal in either order, days apart; a beginning that has
 * begun a term, or was heard of while the end stayed, begins none later. All else changes the term that there is.
 *
 * @param steps what AWS says; at least one
 */
export function hearContract(
  known: Known | null,
  { steps, per }: { readonly steps: readonly Step[]; readonly per: AllowancePeriod },
  agreement: Dated,
  now: number,
): Known {
  const newest = newestTerm(agreement, now);
  const current = known === null ? undefined : currentOf(known.terms, now);
  if (known === null || current === undefined) {
    const since = Math.min(firstTerm(agreement), now);
    const began = known?.assumedNothing === true ? (known.unknownSince ?? since) : since;
    return { ...allKnown, begun: Math.max(since, newest), terms: lay(steps, { since, began, per }) };
  }
  const begun = Math.max(known.begun, newest);
  const { terms } = known;
  const end = endOf(terms, current);
  const said = steps.at(-1)?.until ?? null;
  if (end !== null && end <= now) {
    const before = terms.filter(({ since }) => since <= now);
    const nothing = { since: nextHour(end), until: newest, quantity: "0", per, began: nextHour(end) };
    const isLater = newest > end + HOUR;
    const next = isLater
      ? [nothing, ...lay(steps, { since: newest, began: hourOf(newest), per })]
      : lay(steps, { since: end, began: nextHour(end), per });
    // Of whatever beginning there was by now this is the term, though its notice may come later.
    return { ...allKnown, begun: now, terms: forget([...before, ...next], now) };
  }
  const isNew = newest > Math.max(known.begun, current.began) + HOUR;
  if (isNew && (said === null || said !== end)) {
    const next = lay(steps, { since: newest, began: hourOf(newest), per });
    return { ...allKnown, begun, terms: forget([...cut(terms, newest), ...next], now) };
  }
  const before = terms.filter(({ since }) => since < current.since);
  const until = earlier(end, said);
  const present = lay(upTo(steps, until), { ...current, per });
  const next =
    until === null || until === said
      ? []
      : lay(after(steps, until), { since: until, began: nextHour(until), per });
  return { ...allKnown, begun, terms: forget([...before, ...present, ...next], now) };
}

/**
 * What is known once AWS has said nothing of a contract. An answer may lack it for a moment, and lacks it when AWS has not
 * caught up: hours wait for some time before nothing is taken to be included.
 *
 * @param isAwaited whether the agreement, or its customer's return, is so new that AWS may not know it yet
 * @returns null while nothing was ever known
 */
export function hearNothing(
  known: Known | null,
  { agreement, isAwaited }: { readonly agreement: Dated; readonly isAwaited: boolean },
  now: number,
): Known | null {
  if (known?.assumedNothing === true) return known;
  const current = known === null ? undefined : currentOf(known.terms, now);
  if (known === null || current === undefined) {
    if (isAwaited) return known;
    const since = firstTerm(agreement);
    const begun = Math.max(since, newestTerm(agreement, now));
    return { terms: [], begun, unknownSince: since, missingSince: null, assumedNothing: true };
  }
  if (known.unknownSince !== null && known.missingSince === null) {
    if (isAwaited) return known;
    if (known.unknownSince > 0) return { ...known, assumedNothing: true };
  }
  const end = endOf(known.terms, current);
  const from = end !== null && end <= now ? end : now;
  const missingSince = known.missingSince ?? from;
  return {
    ...known,
    unknownSince: known.unknownSince ?? nextHour(from),
    missingSince,
    assumedNothing: now >= missingSince + CATCHING_UP,
  };
}

/** Whether hours wait for AWS's next answer. */
export const isUnknown = (known: Known | null): boolean =>
  known === null || (!known.assumedNothing && (known.unknownSince !== null || known.terms.length === 0));

/**
 * The terms as an account is to know them.
 *
 * @param options.per null when the product's contracts include nothing of the dimension
 * @param options.isEnded AWS drops the entitlements of an agreement that ends: what was missing then was in force until the end
 */
export function toldTerms(
  known: Known,
  { per, isEnded }: { readonly per: AllowancePeriod | null; readonly isEnded: boolean },
): EncodedTerm[] {
  const { terms, unknownSince, missingSince, assumedNothing } = known;
  if (per === null) return [{ since: 0, until: null, quantity: "0", per: "hour", began: 0 }];
  const last = terms.at(-1);
  const isMissing = unknownSince === null || missingSince !== null;
  if (isEnded && isMissing && !assumedNothing && last !== undefined)
    return [...terms.slice(0, -1), { ...last, until: null }];
  if (unknownSince === null) return [...terms];
  const before = cut(terms, unknownSince);
  if (!assumedNothing) return before;
  // Where the contract is back later, it is the same period.
  const current = terms.findLast(({ since }) => since < unknownSince);
  const goesOn = missingSince !== null && current !== undefined && (current.until ?? Infinity) > unknownSince;
  const began = goesOn ? current.began : unknownSince;
  return [...before, { since: unknownSince, until: null, quantity: "0", per, began }];
}

const firstTerm = ({ termStartsAt, activatedAt, registeredAt, returnedAt }: Dated): number =>
  Math.max(termStartsAt ?? activatedAt ?? registeredAt, returnedAt ?? 0);

/**
 * When the agreement began again by now, the last time; 0 when it did not. Who comes back has another agreement of AWS's a
 * moment before the return: together they are one beginning.
 */
function newestTerm({ startsAt, termStartsAt, returnedAt }: Dated, now: number): number {
  const renewedAt = termStartsAt === startsAt ? null : termStartsAt;
  const times = [renewedAt, returnedAt].map((time) => (time !== null && time <= now ? time : 0));
  return Math.max(...times);
}

/** The term, or the part of one, that is in force or was the last time. */
const currentOf = (terms: readonly EncodedTerm[], now: number): EncodedTerm | undefined =>
  terms.findLast(({ since }) => since <= now) ?? terms[0];

/** The end of the whole term that a part is of. */
const endOf = (terms: readonly EncodedTerm[], { began }: EncodedTerm): number | null =>
  terms.findLast((term) => term.began === began)?.until ?? null;

const nextHour = (time: number): number => Math.ceil(time / HOUR) * HOUR;

const earlier = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);

/** What is left of terms that end at a time. */
const cut = (terms: readonly EncodedTerm[], at: number): EncodedTerm[] =>
  terms.filter(({ since }) => since < at).map((term) => ({ ...term, until: earlier(term.until, at) }));

/** The steps until a time, the last of them to that time. */
function upTo(steps: readonly Step[], until: number | null): Step[] {
  if (until === null) return [...steps];
  const last = steps.findIndex((step) => step.until === null || step.until >= until);
  return steps.slice(0, last + 1).map((step) => ({ ...step, until: earlier(step.until, until) }));
}

const after = (steps: readonly Step[], time: number): Step[] =>
  steps.filter(({ until }) => until === null || until > time);

/** A term that includes what steps say, from a time on. */
function lay(
  steps: readonly Step[],
  { since: from, began, per }: Pick<EncodedTerm, "since" | "began" | "per">,
): EncodedTerm[] {
  const terms: EncodedTerm[] = [];
  let since = from;
  for (const { until, quantity } of steps) {
    terms.push({ since, until, quantity, per, began });
    since = until ?? since;
  }
  return terms;
}

/** Without what no hour draws on any more; of the two newest terms everything stays. */
function forget(terms: readonly EncodedTerm[], now: number): EncodedTerm[] {
  const newest = new Set([...new Set(terms.map(({ began }) => began))].slice(-2));
  return terms.filter(({ until, began }) => newest.has(began) || until === null || until > now - TERM_MEMORY);
}
