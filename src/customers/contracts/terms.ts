import type { Agreement } from "../../ledger/agreements.ts";
import type { AllowancePeriod, Gap, Step } from "../../ledger/schema.ts";
import type { EncodedTerm } from "../../meter/allowance.ts";
import { HOUR, hourOf } from "../../meter/hours.ts";
import { CATCHING_UP, isBelieved, lackAfter, type AnswerTimes } from "./lack.ts";
import { behind, currentOf, cut, earlier, endOf, forget, isLess, lay, nextHour, upTo } from "./spans.ts";

const DAY = 24 * HOUR;

/** What is known of how much of a dimension a contract includes. Times are epoch milliseconds. */
export interface KnownTerms {
  /** What AWS's answers come to, oldest first. The last may not have begun yet. */
  readonly terms: readonly EncodedTerm[];
  /** The newest beginning of the agreement that has begun a term, or is known to have begun none. */
  readonly accountedUntil: number;
  /** What of that is not so, or not known. */
  readonly gap: Gap;
}

/** Of a contract that AWS has said nothing of yet. */
export const UNREAD: KnownTerms = {
  terms: [],
  accountedUntil: 0,
  gap: { kind: "awaited", since: 0, emptySince: null, began: null },
};

/** What of an agreement tells when its terms begin. */
export type Dated = Pick<
  Agreement,
  "startsAt" | "termStartsAt" | "activatedAt" | "registeredAt" | "returnedAt"
>;

/** Whose contract AWS was asked for, and when it has answered. */
export interface Asked extends AnswerTimes {
  readonly agreement: Dated;
}

/** What AWS says that a contract includes. */
export interface Included {
  /** At least one. */
  readonly steps: readonly Step[];
  readonly per: AllowancePeriod;
}

const NO_GAP: Gap = { kind: "none" };

/**
 * What is known once AWS has said what a contract includes.
 *
 * Another term has the whole quantity of its period anew. It begins where the one before ends, or at a beginning of the
 * agreement that none is of yet, when the contract's end is another, too: a notice says that it was renewed, or the customer
 * has come back. AWS's notice and its entitlements tell of one renewal in either order, days apart; a beginning that has
 * begun a term, or was heard of while the end stayed, begins none later. All else changes the term that there is.
 */
export function withAnswer(known: KnownTerms, said: Included, asked: Asked): KnownTerms {
  const { agreement, now } = asked;
  const current = currentOf(known.terms, now);
  if (current === undefined) return withFirstTerm(known, said, asked);
  const end = endOf(known.terms, current);
  if (end !== null && end <= now) return withFollowingTerm(known, said, { end, ...asked });
  const newest = newestTerm(agreement, now);
  const isNew = newest > Math.max(known.accountedUntil, current.began) + HOUR;
  const saidEnd = said.steps.at(-1)?.until ?? null;
  if (isNew && (saidEnd === null || saidEnd !== end)) {
    const next = lay(said.steps, { since: newest, began: hourOf(newest), per: said.per });
    const terms = forget([...cut(known.terms, newest), ...next], now);
    return { terms, accountedUntil: Math.max(known.accountedUntil, newest), gap: NO_GAP };
  }
  const changed = withChangedTerm(known, said, { current, end, ...asked });
  // Since the agreement began anew, or what is included was set, nothing was known that could be lacking.
  const canLack = known.gap.kind === "none" || known.gap.kind === "missing";
  if (!canLack || !isLess(changed.terms, known.terms, now)) return changed;
  const gap = lacking(known, said.steps, asked);
  return isBelieved(gap.lack, now) ? changed : { ...known, gap };
}

/** The first term of an agreement begins with it, however late AWS tells of it. */
function withFirstTerm(known: KnownTerms, { steps, per }: Included, { agreement, now }: Asked): KnownTerms {
  const since = Math.min(firstTerm(agreement), now);
  // In the same period, of which nothing was included so far.
  const { began = null } = "began" in known.gap ? known.gap : {};
  return {
    terms: lay(steps, { since, began: began ?? since, per }),
    accountedUntil: Math.max(since, newestTerm(agreement, now)),
    gap: NO_GAP,
  };
}

function withFollowingTerm(
  { terms }: KnownTerms,
  { steps, per }: Included,
  { agreement, now, end }: Asked & { readonly end: number },
): KnownTerms {
  const before = terms.filter(({ since }) => since <= now);
  const newest = newestTerm(agreement, now);
  const nothing = { since: nextHour(end), until: newest, quantity: "0", per, began: nextHour(end) };
  const isLater = newest > end + HOUR;
  const next = isLater
    ? [nothing, ...lay(steps, { since: newest, began: hourOf(newest), per })]
    : lay(steps, { since: end, began: nextHour(end), per });
  // Of whatever beginning there was by now this is the term, though its notice may come later.
  return { terms: forget([...before, ...next], now), accountedUntil: now, gap: NO_GAP };
}

function withChangedTerm(
  { terms, accountedUntil }: KnownTerms,
  { steps, per }: Included,
  { agreement, now, current, end }: Asked & { readonly current: EncodedTerm; readonly end: number | null },
): KnownTerms {
  const said = steps.at(-1)?.until ?? null;
  const until = earlier(end, said);
  const before = terms.filter(({ since }) => since < current.since);
  const present = lay(upTo(steps, until), { ...current, per });
  const next =
    until === null || until === said
      ? []
      : lay(behind(steps, until), { since: until, began: nextHour(until), per });
  return {
    terms: forget([...before, ...present, ...next], now),
    accountedUntil: Math.max(accountedUntil, newestTerm(agreement, now)),
    gap: NO_GAP,
  };
}

/**
 * What is known once AWS has said nothing of a contract. An answer may lack it for a moment, and lacks it when AWS has not
 * caught up: hours wait for some time, and for more than one answer, before nothing is taken to be included.
 */
export function withEmptyAnswer(known: KnownTerms, asked: Asked): KnownTerms {
  switch (known.gap.kind) {
    case "assumed_nothing":
      return known;
    case "awaited":
      return stillAwaited(known, known.gap, asked);
    case "none":
    case "missing": {
      const gap = lacking(known, [], asked);
      if (!isBelieved(gap.lack, asked.now)) return { ...known, gap };
      // Where the contract is back later, it is the same period.
      const current = known.terms.findLast(({ since }) => since < gap.since);
      const goesOn = current !== undefined && (current.until ?? Infinity) > gap.since;
      const began = goesOn ? current.began : gap.since;
      return { ...known, gap: { kind: "assumed_nothing", since: gap.since, began } };
    }
  }
}

function stillAwaited(
  known: KnownTerms,
  gap: Gap & { readonly kind: "awaited" },
  { agreement, ...times }: Asked,
): KnownTerms {
  const before = gap.emptySince === null ? null : { since: gap.emptySince, said: null };
  const empty = lackAfter(before, null, times, () => false);
  const { now } = times;
  if (now < catchingUpUntil(agreement) || !isBelieved(empty, now))
    return { ...known, gap: { ...gap, emptySince: empty.since } };
  const last = known.terms.at(-1);
  if (last === undefined) {
    const since = firstTerm(agreement);
    const accountedUntil = Math.max(since, newestTerm(agreement, now));
    return { ...known, accountedUntil, gap: { kind: "assumed_nothing", since, began: gap.began ?? since } };
  }
  // Nor is anything included between the last term's end and the return.
  const since = Math.min(gap.since, last.until === null ? Infinity : nextHour(last.until));
  return { ...known, gap: { kind: "assumed_nothing", since, began: gap.since } };
}

/** Hours wait from when it was lacking first, or from the term's end. */
function lacking(
  { terms, gap }: KnownTerms,
  said: readonly Step[],
  times: AnswerTimes,
): Gap & { readonly kind: "missing" } {
  const { now } = times;
  const current = currentOf(terms, now);
  const end = current === undefined ? null : endOf(terms, current);
  const from = end !== null && end <= now ? end : now;
  const before = gap.kind === "missing" ? gap : null;
  const lack = lackAfter(before?.lack ?? null, said, times, (steps, than) => isLess(steps, than, now));
  return { kind: "missing", since: before?.since ?? nextHour(from), lack };
}

/** Whether hours wait for AWS's next answer. */
export const isUnknown = ({ gap }: Pick<KnownTerms, "gap">): boolean =>
  gap.kind === "awaited" || gap.kind === "missing";

/**
 * The terms as an account is to know them.
 *
 * @param options.per null when the product's contracts include nothing of the dimension
 * @param options.isEnded AWS drops the entitlements of an agreement that ends: what was missing then was in force until the end
 */
export function toldTerms(
  { terms, gap }: Pick<KnownTerms, "terms" | "gap">,
  { per, isEnded }: { readonly per: AllowancePeriod | null; readonly isEnded: boolean },
): EncodedTerm[] {
  if (per === null) return [{ since: 0, until: null, quantity: "0", per: "hour", began: 0 }];
  switch (gap.kind) {
    case "none":
      return isEnded ? withoutEnd(terms) : [...terms];
    case "missing":
      return isEnded ? withoutEnd(terms) : cut(terms, gap.since);
    case "awaited":
      return cut(terms, gap.since);
    case "assumed_nothing": {
      const { since, began } = gap;
      return [...cut(terms, since), { since, until: null, quantity: "0", per, began }];
    }
  }
}

function withoutEnd(terms: readonly EncodedTerm[]): EncodedTerm[] {
  const last = terms.at(-1);
  return last === undefined ? [] : [...terms.slice(0, -1), { ...last, until: null }];
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

/**
 * Until when AWS may not know the contract of an agreement that is new, or that the customer has come back to. Of one that
 * does not become active AWS's answer to its usage is to tell.
 */
function catchingUpUntil({ activatedAt, registeredAt, returnedAt }: Dated): number {
  if (activatedAt === null) return Math.max(registeredAt, returnedAt ?? 0) + DAY;
  return Math.max(activatedAt, returnedAt ?? 0) + CATCHING_UP;
}
