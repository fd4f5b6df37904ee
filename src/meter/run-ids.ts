import { IdFilter, MERGED_RUNS, type RunPrefixes } from "./id-filter.ts";

/** Filters that are merged at a time. */
const FAN_IN = 4;

const NONE: readonly number[] = [];

/** A packed run, as it is known in memory. */
export interface Run extends RunPrefixes {
  /** The first fingerprint of each of its blocks. */
  readonly firsts: readonly number[];
}

/** The filters of all packed runs, and where in a run a fingerprint is. */
export class RunIds {
  readonly #firsts = new Map<number, readonly number[]>();
  /** The largest first: each is of 16, 4 or 1 runs, and as soon as four are alike they become one. */
  #filters: readonly IdFilter[] = [];
  /** Runs that no filter can hold: each is looked at. Only ids made for the purpose get there. */
  #unfiltered: readonly number[] = [];

  constructor(runs: Iterable<Run>) {
    for (const run of runs) this.add(run);
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#filters.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  add({ number, prefixes, firsts }: Run): void {
    this.#firsts.set(number, firsts);
    const filter = IdFilter.of([{ number, prefixes }]);
    if (filter === null) {
      this.#unfiltered = [...this.#unfiltered, number];
      return;
    }
    this.#filters = merged([...this.#filters, filter]);
  }

  /** Forgets runs. */
  forget(numbers: ReadonlySet<number>): void {
    if (numbers.size === 0) return;
    for (const number of numbers) this.#firsts.delete(number);
    const isLive = ({ runs }: IdFilter): boolean => runs.some((run) => this.#firsts.has(run));
    this.#filters = this.#filters.filter(isLive);
    this.#unfiltered = this.#unfiltered.filter((run) => this.#firsts.has(run));
  }

  /** Calls back with each block that may hold the fingerprint, until one does. */
  find<Found>(fingerprint: number, look: (run: number, block: number) => Found | null): Found | null {
    for (let index = this.#filters.length - 1; index >= 0; index--) {
      for (const run of this.#filters[index]?.candidates(fingerprint) ?? NONE) {
        const found = this.#findIn(run, fingerprint, look);
        if (found !== null) return found;
      }
    }
    for (const run of this.#unfiltered) {
      const found = this.#findIn(run, fingerprint, look);
      if (found !== null) return found;
    }
    return null;
  }

  #findIn<Found>(
    run: number,
    fingerprint: number,
    look: (run: number, block: number) => Found | null,
  ): Found | null {
    const firsts = this.#firsts.get(run) ?? NONE;
    let block = firsts.findLastIndex((first) => first <= fingerprint);
    // Ids of one fingerprint may lie on both sides of a block's end.
    for (; block >= 0; block--) {
      const found = look(run, block);
      if (found !== null) return found;
      if ((firsts[block] ?? 0) < fingerprint) break;
    }
    return null;
  }
}

/** Merges the last filters while {@link FAN_IN} of them are of equally many runs. */
function merged(filters: readonly IdFilter[]): readonly IdFilter[] {
  const last = filters.slice(-FAN_IN);
  const size = last[0]?.runs.length ?? 0;
  const alike = last.length === FAN_IN && last.every(({ runs }) => runs.length === size);
  if (!alike || size * FAN_IN > MERGED_RUNS) return filters;
  const one = IdFilter.of(last.flatMap((filter) => filter.members()));
  // So unevenly spread that one cannot hold them: they stay as they are.
  return one === null ? filters : merged([...filters.slice(0, -FAN_IN), one]);
}
