import {
  toldTerms,
  UNREAD,
  withAnswer,
  withEmptyAnswer,
  type Dated,
  type KnownTerms,
} from "../../../src/customers/contracts/terms.ts";
import type { Step } from "../../../src/ledger/schema.ts";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";

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

/** What AWS answers; ten minutes after the answer before, unless that is said to be longer ago. */
export type Answer = {
  readonly now: number;
  readonly of?: Partial<Dated>;
  readonly silentFor?: number;
} & (
  | { readonly until: number | null; readonly quantity?: string }
  | { readonly steps: readonly Step[] }
  | { readonly nothing: true }
);

/** What is known after some answers of AWS's. */
export const after = (answers: readonly Answer[], before: KnownTerms = UNREAD): KnownTerms =>
  answers.reduce<KnownTerms>((known, answer) => {
    const { now, of = {}, silentFor = 10 * MINUTE } = answer;
    const asked = { agreement: agreement(of), now, previousAt: now - silentFor };
    if ("nothing" in answer) return withEmptyAnswer(known, asked);
    const steps =
      "steps" in answer ? answer.steps : [{ until: answer.until, quantity: answer.quantity ?? "10" }];
    return withAnswer(known, { steps, per: "term" }, asked);
  }, before);

/** The terms that an account is told after some answers: since, until and quantity. */
export function told(answers: readonly Answer[], isEnded = false): (number | string | null)[][] {
  return toldTerms(after(answers), { per: "term", isEnded }).map(({ since, until, quantity }) => [
    since,
    until,
    quantity,
  ]);
}

/** The first answer of AWS's. */
export const first: Answer = { now: start + DAY, until: end };
/** The term that it tells of. */
export const whole = [start, end, "10"];
