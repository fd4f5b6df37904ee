import type { Lack } from "../../ledger/schema.ts";
import { HOUR } from "../../meter/hours.ts";

/**
 * How long AWS's answers have to say the same until it is believed that something is gone, or was never there: they lag behind
 * its notices, and may lack for a moment what is there.
 */
export const CATCHING_UP = 6 * HOUR;

/**
 * While something is lacking AWS is asked every ten minutes. When it has not answered for longer than this, what it would
 * have said meanwhile is not known.
 */
const LONGEST_SILENCE = HOUR;

/** When AWS has answered. Times are epoch milliseconds. */
export interface AnswerTimes {
  readonly now: number;
  /** The answer before this one; null for the first. */
  readonly previousAt: number | null;
}

/**
 * What is lacking after an answer that lacks something. Its time counts on unless AWS was silent for long, or has never said
 * so little before.
 *
 * @param before null when the answer before lacked nothing
 * @param isLess whether the first includes less than the second
 */
export function lackAfter<Said>(
  before: Lack<Said> | null,
  said: Said,
  { now, previousAt }: AnswerTimes,
  isLess: (said: Said, than: Said) => boolean,
): Lack<Said> {
  const isHeard = previousAt !== null && now - previousAt <= LONGEST_SILENCE;
  const goesOn = before !== null && isHeard && !isLess(said, before.said);
  return { since: goesOn ? before.since : now, said };
}

/** Whether what is lacking has been so for so long that it is taken to be gone. */
export const isBelieved = ({ since }: Pick<Lack<unknown>, "since">, now: number): boolean =>
  now >= since + CATCHING_UP;
