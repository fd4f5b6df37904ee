/** An id that has been counted. */
export type CountedId = readonly [agreement: string, id: string, arrival: number];

/**
 * The ids that have been counted. Exact: the ids themselves are compared, per agreement, for the whole dedupe
 * window.
 */
export class IdIndex {
  readonly #arrivals = new Map<string, Map<string, number>>();
  #unsaved: CountedId[] = [];

  /** Whether this id has been counted for this agreement within the window. */
  has(agreement: string, id: string): boolean {
    return this.#arrivals.get(agreement)?.has(id) ?? false;
  }

  /** @param arrival epoch milliseconds; the window is counted from it */
  add(agreement: string, id: string, arrival: number): void {
    this.#remember(agreement, id, arrival);
    this.#unsaved.push([agreement, id, arrival]);
  }

  /** Takes in ids that are saved already. */
  restore(ids: readonly CountedId[]): void {
    for (const [agreement, id, arrival] of ids) this.#remember(agreement, id, arrival);
  }

  /** The ids added since the last call, to be saved before the journal that holds them is dropped. */
  takeUnsaved(): CountedId[] {
    const ids = this.#unsaved;
    this.#unsaved = [];
    return ids;
  }

  /** Forgets the ids that arrived before a time. */
  forgetBefore(time: number): void {
    for (const [agreement, ids] of this.#arrivals) {
      for (const [id, arrival] of ids) {
        // A map keeps its order of insertion, which is the order of arrival.
        if (arrival >= time) break;
        ids.delete(id);
      }
      if (ids.size === 0) this.#arrivals.delete(agreement);
    }
  }

  #remember(agreement: string, id: string, arrival: number): void {
    let ids = this.#arrivals.get(agreement);
    if (ids === undefined) this.#arrivals.set(agreement, (ids = new Map<string, number>()));
    ids.set(id, arrival);
  }
}
