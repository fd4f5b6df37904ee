import type { TagSet } from "./allocations.ts";

/**
 * One accepted event. The hour is written down, not decided again: which hours were frozen when it arrived is not
 * known at a replay. A tuple, because a million of them are kept as JSON.
 */
export type JournalledUsage = readonly [
  agreement: string,
  dimension: string,
  id: string,
  /** Exact decimal. */
  quantity: string,
  /** The event's own time, epoch milliseconds. */
  time: number,
  /** The hour bucket that took it, epoch milliseconds. */
  hour: number,
  tagSet: TagSet,
];

/** What one request added to the books. */
export interface JournalEntry {
  /** Arrival, epoch milliseconds. */
  readonly at: number;
  readonly usage: readonly JournalledUsage[];
}
