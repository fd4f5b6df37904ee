import type { Decision } from "./decisions.ts";
import type { Lines } from "./lines.ts";

/** What one step added to the books. Its lines are numbered, from `first` on. */
export type JournalEntry =
  | { readonly first: number; readonly lines: Lines }
  /** Hours that were sealed, as one line: doing it again comes to the same. */
  | { readonly first: number; readonly sealing: Sealing }
  /** What was decided about usage at a time, epoch milliseconds; as one line. */
  | { readonly first: number; readonly at: number; readonly decisions: readonly Decision[] };

export interface Sealing {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly hours: readonly (readonly [agreement: string, dimension: string, hour: number])[];
}
