import {
  hearContract,
  hearNothing,
  toldTerms,
  type Dated,
  type Known,
} from "../../../src/customers/contracts/terms.ts";
import { HOUR } from "../../../src/meter/hours.ts";

export const DAY = 24 * HOUR;
export const start = Date.parse("2026-01-01T00:00:00Z");
export const end = Date.parse("2027-01-01T00:00:00Z");
export const nextEnd = Date.parse("2028-01-01T00:00:00Z");
/** A renewal before its time. */
export const early = end - 9 * DAY;

/** Of an agreement that its notices have told of. */
const agreement = (told: Partial<Dated> = {}): Dated => ({
  registeredAt: start + HOUR,
  activatedAt: start + 2 * HOUR,
  startsAt: start,
  termStartsAt: start,
  returnedAt: null,
  ...told,
});

/** What AWS answers. */
export type Answer = { readonly now: number; readonly of?: Partial<Dated> } & (
  | { readonly until: number | null; readonly quantity?: string }
  | { readonly nothing: true; readonly isAwaited?: boolean }
);

/** What is known after some answers of AWS's. */
export const after = (answers: readonly Answer[], before: Known | null = null): Known | null =>
  answers.reduce<Known | null>((known, answer) => {
    const { now, of = {} } = answer;
    if ("nothing" in answer)
      return hearNothing(known, { agreement: agreement(of), isAwaited: answer.isAwaited ?? false }, now);
    const { until, quantity = "10" } = answer;
    return hearContract(known, { steps: [{ until, quantity }], per: "term" }, agreement(of), now);
  }, before);

/** The terms that an account is told after some answers: since, until and quantity. */
export function told(answers: readonly Answer[], isEnded = false): (number | string | null)[][] {
  const known = after(answers);
  if (known === null) return [];
  return toldTerms(known, { per: "term", isEnded }).map(({ since, until, quantity }) => [
    since,
    until,
    quantity,
  ]);
}

/** The first answer of AWS's. */
export const first: Answer = { now: start + DAY, until: end };
/** The term that it tells of. */
export const whole = [start, end, "10"];
