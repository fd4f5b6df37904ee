import { FINGERPRINT_BITS } from "./fingerprint.ts";

/** Runs whose filters are merged into one at most, so that a look-up does not slow down with every run. */
export const MERGED_RUNS = 16;

/** Leading bits of a fingerprint that a filter knows: some choose the bucket, the others are kept in 16-bit words. */
const PREFIX_BITS = 30;
const PREFIX_UNIT = 2 ** (FINGERPRINT_BITS - PREFIX_BITS);
const WORD_BITS = 16;

/** Buckets that share a 32-bit base, from which their 16-bit offsets count. */
const GROUP_BITS = 8;

const NONE: readonly number[] = [];

/** The part of a fingerprint that filters are made of. */
export const prefixOf = (fingerprint: number): number => Math.floor(fingerprint / PREFIX_UNIT);

/** A run of ids, as its filter is made from it. */
export interface RunPrefixes {
  readonly number: number;
  readonly prefixes: Uint32Array;
}

/**
 * A filter over immutable runs of ids: 20 bits an id. Buckets are chosen by a prefix of the fingerprint; a bucket of
 * about four ids keeps 16 bits of each: more of the prefix and, when runs are merged, whose it is. It answers "not
 * here" for all but about 4 in 65 536 of the ids that are not in a run, or 4 in 4096 of those that are in none of
 * sixteen; for the others it names the run in which the full fingerprint and the id are to be compared.
 */
export class IdFilter {
  /** The numbers of its runs. */
  readonly runs: readonly number[];
  readonly #memberBits: number;
  readonly #bases: Uint32Array;
  readonly #offsets: Uint16Array;
  readonly #words: Uint16Array;

  private constructor(
    runs: readonly number[],
    memberBits: number,
    bases: Uint32Array,
    offsets: Uint16Array,
    words: Uint16Array,
  ) {
    this.runs = runs;
    this.#memberBits = memberBits;
    this.#bases = bases;
    this.#offsets = offsets;
    this.#words = words;
  }

  /**
   * Builds the filter of up to {@link MERGED_RUNS} runs.
   *
   * @returns null when the ids are so unevenly spread that they do not fit one
   */
  static of(runs: readonly RunPrefixes[]): IdFilter | null {
    const memberBits = Math.ceil(Math.log2(runs.length));
    const keptBits = WORD_BITS - memberBits;
    const buckets = 2 ** (PREFIX_BITS - keptBits);
    const starts = new Uint32Array(buckets + 1);
    for (const { prefixes } of runs) {
      for (const prefix of prefixes) {
        const bucket = prefix >>> keptBits;
        starts[bucket + 1] = (starts[bucket + 1] ?? 0) + 1;
      }
    }
    for (let bucket = 0; bucket < buckets; bucket++)
      starts[bucket + 1] = (starts[bucket + 1] ?? 0) + (starts[bucket] ?? 0);

    const bases = new Uint32Array((buckets >>> GROUP_BITS) + 1);
    const offsets = new Uint16Array(buckets + 1);
    for (let bucket = 0; bucket <= buckets; bucket++) {
      const start = starts[bucket] ?? 0;
      if (bucket % 2 ** GROUP_BITS === 0) bases[bucket >>> GROUP_BITS] = start;
      const offset = start - (bases[bucket >>> GROUP_BITS] ?? 0);
      if (offset > 0xffff) return null;
      offsets[bucket] = offset;
    }
    const words = new Uint16Array(starts[buckets] ?? 0);
    for (const [member, { prefixes }] of runs.entries()) {
      for (const prefix of prefixes) {
        const bucket = prefix >>> keptBits;
        const position = starts[bucket] ?? 0;
        starts[bucket] = position + 1;
        // A typed array keeps the low 16 bits: what of the prefix did not choose the bucket, and the member.
        words[position] = (prefix << memberBits) | member;
      }
    }
    return new IdFilter(
      runs.map(({ number }) => number),
      memberBits,
      bases,
      offsets,
      words,
    );
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#bases.byteLength + this.#offsets.byteLength + this.#words.byteLength;
  }

  /** The runs that may hold the fingerprint. */
  candidates(fingerprint: number): readonly number[] {
    const prefix = prefixOf(fingerprint);
    const memberBits = this.#memberBits;
    const words = this.#words;
    const bucket = prefix >>> (WORD_BITS - memberBits);
    const end = this.#start(bucket + 1);
    const kept = (prefix << memberBits) & 0xffff;
    let found = NONE;
    for (let position = this.#start(bucket); position < end; position++) {
      const member = (words[position] ?? 0) ^ kept;
      if (member >>> memberBits !== 0) continue;
      const run = this.runs[member];
      if (run !== undefined && !found.includes(run)) found = found.concat(run);
    }
    return found;
  }

  /** What it was made from, but that prefixes are ordered by bucket only. */
  members(): RunPrefixes[] {
    const memberBits = this.#memberBits;
    const mask = 2 ** memberBits - 1;
    const prefixes = this.runs.map((): number[] => []);
    for (let bucket = 0; bucket < this.#offsets.length - 1; bucket++) {
      const end = this.#start(bucket + 1);
      for (let position = this.#start(bucket); position < end; position++) {
        const word = this.#words[position] ?? 0;
        prefixes[word & mask]?.push((bucket << (WORD_BITS - memberBits)) | (word >>> memberBits));
      }
    }
    return this.runs.map((number, member) => ({
      number,
      prefixes: Uint32Array.from(prefixes[member] ?? []),
    }));
  }

  #start(bucket: number): number {
    return (this.#bases[bucket >>> GROUP_BITS] ?? 0) + (this.#offsets[bucket] ?? 0);
  }
}
