import type { EntitlementValue, Lack } from "../../ledger/schema.ts";
import { isBelieved, lackAfter, type AnswerTimes } from "./lack.ts";
import type { EntitlementInForce } from "./steps.ts";

/** What a contract includes of a dimension, as the seller was told of it. */
export interface BelievedEntitlement extends EntitlementInForce {
  /** While AWS's answers say less, or nothing; null while they do not. */
  readonly lack: Lack<EntitlementValue | null> | null;
}

/** AWS's answer, and what it is compared with. */
export interface EntitlementAnswer extends AnswerTimes {
  /** What was believed before it. */
  readonly before: readonly BelievedEntitlement[];
  /** One of each dimension. */
  readonly said: readonly EntitlementInForce[];
  /** Whether the agreement has begun anew since the answer before: then less is another contract, and nothing lacking. */
  readonly isAnew: boolean;
}

/**
 * What is believed after an answer of AWS's. Who provisions by it would cut a customer off who has paid, by an answer that
 * lacks something for a moment: so that something is gone, or less, is believed when AWS's answers say it for hours.
 */
export function believedAfter({ before, said, isAnew, ...times }: EntitlementAnswer): BelievedEntitlement[] {
  const saidOf = new Map(said.map((one) => [one.dimension, one]));
  const isNew = ({ dimension }: EntitlementInForce) => !before.some((known) => known.dimension === dimension);
  const kept = before.flatMap((known) => {
    const now = saidOf.get(known.dimension) ?? null;
    return now !== null && (isAnew || !isLessThan(known, now, times))
      ? [{ ...now, lack: null }]
      : withLack(known, now, times);
  });
  const added = said.filter(isNew).map((one) => ({ ...one, lack: null }));
  return [...kept, ...added].toSorted((a, b) => (a.dimension < b.dimension ? -1 : 1));
}

function withLack(
  known: BelievedEntitlement,
  now: EntitlementInForce | null,
  times: AnswerTimes,
): BelievedEntitlement[] {
  const said = now === null ? null : { value: now.value, expiresAt: now.expiresAt };
  const lack = lackAfter(known.lack, said, times, (less, than) => than !== null && isLess(less, than));
  if (!isBelieved(lack, times.now)) return [{ ...known, lack }];
  return now === null ? [] : [{ ...now, lack: null }];
}

/** What was to be less from a time on is so then. */
function isLessThan(
  { lack: _lack, ...known }: BelievedEntitlement,
  said: EntitlementValue,
  { now }: AnswerTimes,
): boolean {
  return (known.expiresAt === null || known.expiresAt > now) && isLess(said, known);
}

/** Where a part with an end has been added, more is included, and sooner less. */
function isLess(said: EntitlementValue | null, than: EntitlementValue): boolean {
  if (said === null) return true;
  if (said.value === than.value)
    return said.expiresAt !== null && than.expiresAt !== null && said.expiresAt < than.expiresAt;
  if (typeof said.value === "number" && typeof than.value === "number") return said.value < than.value;
  return said.value === false;
}
