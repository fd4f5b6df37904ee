const INITIAL_CAPACITY = 256;

const NONE: readonly number[] = [];

/**
 * Where the ids of a journal segment are: a hash table from fingerprints to lines, some 20 bytes an id. The ids
 * themselves are in the journal.
 */
export class RecentIds {
  #fingerprints = new Float64Array(INITIAL_CAPACITY);
  /** Line + 1; 0 is free. A power of two, and at most half full, so that a search ends soon. */
  #slots = new Uint32Array(INITIAL_CAPACITY * 2);
  #lines = 0;
  readonly start: number;

  /** @param start the number of the segment's first line */
  constructor(start: number) {
    this.start = start;
  }

  /** Lines so far. */
  get lines(): number {
    return this.#lines;
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#fingerprints.byteLength + this.#slots.byteLength;
  }

  /** The fingerprints in the order of their lines; NaN for a line without an id. */
  get fingerprints(): Float64Array {
    return this.#fingerprints.subarray(0, this.#lines);
  }

  /** Adds the next line. NaN for one without an id. */
  add(fingerprint: number): void {
    if (this.#lines === this.#fingerprints.length) this.#grow();
    this.#fingerprints[this.#lines] = fingerprint;
    if (!Number.isNaN(fingerprint)) this.#place(this.#lines);
    this.#lines += 1;
  }

  /** The numbers of the lines that may hold the id. */
  candidates(fingerprint: number): readonly number[] {
    let found: number[] | null = null;
    const mask = this.#slots.length - 1;
    for (let slot = fingerprint & mask; ; slot = (slot + 1) & mask) {
      const line = (this.#slots[slot] ?? 0) - 1;
      if (line < 0) return found ?? NONE;
      if (this.#fingerprints[line] === fingerprint) (found ??= []).push(this.start + line);
    }
  }

  #place(line: number): void {
    const mask = this.#slots.length - 1;
    // `&` takes the low 32 bits of a number, also of one beyond 2^32.
    let slot = (this.#fingerprints[line] ?? 0) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = line + 1;
  }

  #grow(): void {
    const larger = new Float64Array(this.#fingerprints.length * 2);
    larger.set(this.#fingerprints);
    this.#fingerprints = larger;
    this.#slots = new Uint32Array(larger.length * 2);
    for (let line = 0; line < this.#lines; line++) {
      if (!Number.isNaN(larger[line])) this.#place(line);
    }
  }
}
