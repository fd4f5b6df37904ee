import type { SealedHour } from "./account.ts";
import type { Decision } from "./decisions.ts";
import type { CountingRule } from "./dimension.ts";
import type { Lines } from "./lines.ts";

/** What one step added to the books. Its lines are numbered, from `first` on. */
export type JournalEntry =
  | { readonly first: number; readonly lines: Lines }
  /** Hours that were sealed, as one line: doing it again comes to the same. */
  | { readonly first: number; readonly sealing: Sealing }
  /** What was decided about usage at a time, epoch milliseconds; as one line. */
  | { readonly first: number; readonly at: number; readonly decisions: readonly Decision[] };

/** An account that is sealed without usage: which, and how it is counted. */
export type IdleAccount = readonly [agreement: string, dimension: string, rule: CountingRule];

export interface Sealing {
  /** Epoch milliseconds. */
  readonly at: number;
  /** An hour without usage of these accounts. */
  readonly idle?: { readonly hour: number; readonly accounts: readonly IdleAccount[] };
  readonly hours: readonly (readonly [agreement: string, dimension: string, hour: number])[];
}

/** Hours of an account that were sealed, and the records that this has made. */
export interface SealedHours {
  readonly hours: Sealing["hours"];
  readonly records: readonly SealedHour[];
}
