import { FINGERPRINT_BITS } from "./fingerprint.ts";
import { prefixOf } from "./id-filter.ts";
import type { RecentIds } from "./recent-ids.ts";
import type { Run } from "./run-ids.ts";

/** Ids of a run that share a row: 96 kB, which is what looking at one of them reads. */
const BLOCK_SIZE = 8192;

/** Ids a bucket of the sort, about. */
const BUCKET_SIZE = 4;

/** A journal segment's ids, ready to be stored. */
export interface PackedRun extends Run {
  /** No line of it arrived later, epoch milliseconds. */
  readonly newest: number;
  readonly blocks: readonly PackedBlock[];
}

export interface PackedBlock {
  readonly fingerprints: Float64Array;
  /** The line of each, counted from the segment's first. */
  readonly lines: Uint32Array;
}

/**
 * Packs the ids of a journal segment into a run: ordered by fingerprint, each with its line. The lines themselves stay
 * in the journal.
 *
 * @param newest epoch milliseconds; no line arrived later
 */
export function packSegment(segment: RecentIds, newest: number): PackedRun {
  const order = orderOf(segment.fingerprints);
  const fingerprints = Float64Array.from(order, (line) => segment.fingerprints[line] ?? 0);
  const blocks: PackedBlock[] = [];
  for (let start = 0; start < order.length; start += BLOCK_SIZE) {
    const end = start + BLOCK_SIZE;
    blocks.push({ fingerprints: fingerprints.slice(start, end), lines: order.slice(start, end) });
  }
  return {
    number: segment.start,
    newest,
    blocks,
    prefixes: Uint32Array.from(fingerprints, prefixOf),
    firsts: blocks.map((block) => block.fingerprints[0] ?? 0),
  };
}

/**
 * The lines that have an id, ordered by fingerprint: a counting sort by leading bits, then an insertion sort of the
 * few that share them. Linear, since usage waits meanwhile.
 */
function orderOf(fingerprints: Float64Array): Uint32Array {
  const buckets = 2 ** Math.max(0, Math.ceil(Math.log2(fingerprints.length / BUCKET_SIZE)));
  const width = 2 ** FINGERPRINT_BITS / buckets;
  const starts = new Uint32Array(buckets + 1);
  for (const fingerprint of fingerprints) {
    // A line without an id has none.
    if (Number.isNaN(fingerprint)) continue;
    const bucket = Math.floor(fingerprint / width);
    starts[bucket + 1] = (starts[bucket + 1] ?? 0) + 1;
  }
  for (let bucket = 0; bucket < buckets; bucket++)
    starts[bucket + 1] = (starts[bucket + 1] ?? 0) + (starts[bucket] ?? 0);
  const order = new Uint32Array(starts[buckets] ?? 0);
  const ends = starts.slice(0, buckets);
  for (let line = 0; line < fingerprints.length; line++) {
    const fingerprint = fingerprints[line] ?? Number.NaN;
    if (Number.isNaN(fingerprint)) continue;
    const bucket = Math.floor(fingerprint / width);
    const start = starts[bucket] ?? 0;
    let position = ends[bucket] ?? 0;
    ends[bucket] = position + 1;
    for (; position > start; position--) {
      const before = order[position - 1] ?? 0;
      if ((fingerprints[before] ?? 0) <= fingerprint) break;
      order[position] = before;
    }
    order[position] = line;
  }
  return order;
}
