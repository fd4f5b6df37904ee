/** Time that passes when nothing else is left to do, so that a minute of waiting takes no time. */
export class VirtualTime {
  #now: number;
  #timers: { readonly at: number; readonly wake: () => void }[] = [];

  constructor(start: number) {
    this.#now = start;
  }

  readonly now = (): number => this.#now;

  readonly wait = (milliseconds: number): Promise<void> =>
    new Promise((wake) => this.#timers.push({ at: this.#now + milliseconds, wake }));

  /** Lets time pass until the work is done. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = work.finally(() => {
      isDone = true;
    });
    // Whoever asked hears of a failure below.
    end.catch(() => undefined);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (isDone) return end;
      const next = Math.min(...this.#timers.map(({ at }) => at));
      if (next === Infinity) continue;
      this.#now = Math.max(this.#now, next);
      const due = this.#timers.filter(({ at }) => at <= next);
      this.#timers = this.#timers.filter(({ at }) => at > next);
      for (const { wake } of due) wake();
    }
  }

  /** Lets so much time pass with nobody at work. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}
