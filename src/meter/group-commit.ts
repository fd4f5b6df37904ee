/**
 * Lets requests that arrive while a write is on its way to disk share the next one: many requests, one row.
 * Cloudflare bills rows, and a producer waits for one write, whoever shares it.
 */
export class GroupCommit<Item> {
  readonly #write: (items: readonly Item[]) => void;
  readonly #sync: () => Promise<void>;
  #pending: Item[] = [];
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  /**
   * @param write puts items into storage, at once and synchronously
   * @param sync resolves when everything written so far is on disk
   */
  constructor(write: (items: readonly Item[]) => void, sync: () => Promise<void>) {
    this.#write = write;
    this.#sync = sync;
  }

  /** How many items wait for the next write. */
  get waiting(): number {
    return this.#pending.length;
  }

  add(item: Item): void {
    this.#pending.push(item);
  }

  /** Writes what waits, without waiting for the disk. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const items = this.#pending;
    this.#pending = [];
    this.#write(items);
  }

  /**
   * Resolves when everything added so far is on disk. A request that added nothing waits too: the event that its
   * own is a duplicate of may still be on its way. Rejects when a write fails; what is in memory is then ahead of
   * the disk and must be thrown away.
   */
  durable(): Promise<void> {
    if (this.#pending.length > 0) this.#next ??= this.#after(this.#running);
    return this.#next ?? this.#running ?? Promise.resolve();
  }

  async #after(running: Promise<void> | null): Promise<void> {
    await running;
    this.#next = null;
    this.flush();
    const sync = this.#sync();
    this.#running = sync;
    await sync;
    if (this.#running === sync) this.#running = null;
  }
}
