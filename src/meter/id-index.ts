import { identityAt, lineCount, type Lines } from "./lines.ts";
import { RecentIds } from "./recent-ids.ts";
import { RunIds, type Run } from "./run-ids.ts";

/** A line among others. */
export interface Located {
  readonly lines: Lines;
  readonly index: number;
}

/** Where lines and packed ids are kept beside memory. */
export interface History {
  /** A line of the journal by its number. */
  line(line: number): Located;
  /** A block of a run: the full fingerprints in order, and the line of each, counted from the run's number. */
  block(run: number, block: number): { readonly fingerprints: Float64Array; readonly lines: Uint32Array };
  /** All lines there are, in order. */
  all(): Iterable<Lines>;
}

/** An id to be found. */
export interface Sought {
  readonly agreement: string;
  readonly id: string;
  readonly fingerprint: number;
  /** Only what arrived then or later counts, epoch milliseconds. */
  readonly since: number;
}

/**
 * The ids that have been counted. In memory are fingerprints only, 20 bits of each in the packed runs: they say where
 * to look, and the id that is stored there decides. So it is exact.
 */
export class IdIndex {
  readonly #history: History;
  /** Oldest first; lines are added to the last. */
  readonly #segments: RecentIds[];
  readonly #runs: RunIds;

  /** @param firstLine the number of the first line that is not in a run */
  constructor(history: History, runs: Iterable<Run>, firstLine: number) {
    this.#history = history;
    this.#runs = new RunIds(runs);
    this.#segments = [new RecentIds(firstLine)];
  }

  /** The number that the next line gets. */
  get nextLine(): number {
    const current = this.#current;
    return current.start + current.lines;
  }

  /** Lines since the newest segment began. */
  get segmentLines(): number {
    return this.#current.lines;
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, this.#runs.bytes);
  }

  /** Adds the next line; NaN for one without an id. */
  add(fingerprint: number): void {
    this.#current.add(fingerprint);
  }

  /**
   * Finds a counted id, or null: it is new.
   *
   * @param unwritten lines that are in nobody's journal yet, by number
   */
  find(sought: Sought, unwritten?: { readonly from: number; readonly lines: () => Lines }): Located | null {
    for (let index = this.#segments.length - 1; index >= 0; index--) {
      for (const line of this.#segments[index]?.candidates(sought.fingerprint) ?? []) {
        const located =
          unwritten !== undefined && line >= unwritten.from
            ? { lines: unwritten.lines(), index: line - unwritten.from }
            : this.#history.line(line);
        if (isIt(located, sought)) return located;
      }
    }
    return this.#runs.find(sought.fingerprint, (run, block) => this.#findInBlock(run, block, sought));
  }

  /** All lines that are on disk. */
  all(): Iterable<Lines> {
    return this.#history.all();
  }

  /** Begins a segment. The ones before it wait to be packed. */
  beginSegment(): void {
    this.#segments.push(new RecentIds(this.nextLine));
  }

  /** The oldest segment that is complete; null when there is none. */
  get closedSegment(): RecentIds | null {
    return this.#segments.length > 1 ? (this.#segments[0] ?? null) : null;
  }

  /** Puts a run in the place of the oldest segment. */
  packed(run: Run): void {
    this.#segments.shift();
    this.#runs.add(run);
  }

  /** Forgets runs. */
  forget(numbers: ReadonlySet<number>): void {
    this.#runs.forget(numbers);
  }

  get #current(): RecentIds {
    const current = this.#segments.at(-1);
    if (current === undefined) throw new Error("an id index always has a segment");
    return current;
  }

  #findInBlock(run: number, block: number, sought: Sought): Located | null {
    const { fingerprint } = sought;
    const { fingerprints, lines } = this.#history.block(run, block);
    let index = fingerprints.indexOf(fingerprint);
    for (; index !== -1; index = fingerprints.indexOf(fingerprint, index + 1)) {
      const located = this.#history.line(run + (lines[index] ?? 0));
      if (isIt(located, sought)) return located;
    }
    return null;
  }
}

function isIt({ lines, index }: Located, { agreement, id, since }: Sought): boolean {
  if (index >= lineCount(lines)) return false;
  const [storedAgreement, storedId, arrival] = identityAt(lines, index);
  return storedId === id && storedAgreement === agreement && arrival >= since;
}
