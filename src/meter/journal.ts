import type { Lines } from "./lines.ts";

/** What one step added to the books. Its lines are numbered, from `first` on. */
export type JournalEntry =
  | { readonly first: number; readonly lines: Lines }
  /** Hours that were sealed, as one line: doing it again comes to the same. */
  | { readonly first: number; readonly sealing: Sealing };

export interface Sealing {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly hours: readonly (readonly [agreement: string, dimension: string, hour: number])[];
}
