import type { Random } from "./random.ts";

/** What may happen at one await, each with its probability. */
export interface Hazards {
  /** The process dies here, before or after what it asked for has happened. */
  crash: number;
  /** What it asked for fails and has not happened. */
  errorBefore: number;
  /** What it asked for fails, but has happened: a timeout. */
  errorAfter: number;
}

export const NO_HAZARDS: Hazards = { crash: 0, errorBefore: 0, errorAfter: 0 };

export class Died extends Error {}

/**
 * One incarnation of a part of the gateway. When it dies, all that it still waits for never comes: as after a crash,
 * nothing of it runs on.
 */
export class Process {
  readonly #random: Random;
  readonly #hazards: Hazards;
  readonly #onFault: (kind: string) => void;
  readonly #death = Promise.withResolvers<never>();
  alive = true;

  constructor(random: Random, hazards: Hazards, onFault: (kind: string) => void) {
    this.#random = random;
    this.#hazards = hazards;
    this.#onFault = onFault;
    // Nobody may be waiting for it.
    this.#death.promise.catch(() => undefined);
  }

  kill(): void {
    this.alive = false;
    this.#death.reject(new Died("the process died"));
  }

  /** Runs work of this process until it ends, or the process does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return Promise.race([this.#death.promise, work()]);
  }

  /** Does something outside the process, where all that can go wrong may. */
  async reach<T>(what: string, action: () => T | Promise<T>): Promise<T> {
    const { crash, errorBefore, errorAfter } = this.#hazards;
    await this.#survive(what, crash / 2);
    if (this.#random.chance(errorBefore)) {
      this.#onFault(`${what} error before`);
      throw new Error(`${what}: failed, nothing has happened`);
    }
    const result = await action();
    await this.#survive(what, crash / 2);
    if (this.#random.chance(errorAfter)) {
      this.#onFault(`${what} error after`);
      throw new Error(`${what}: timed out, though it has happened`);
    }
    return result;
  }

  /** Never comes back from a death. */
  async #survive(what: string, probability: number): Promise<void> {
    if (this.alive && this.#random.chance(probability)) {
      this.#onFault(`crash at ${what}`);
      this.kill();
    }
    if (!this.alive) await new Promise<never>(() => undefined);
    await Promise.resolve();
  }
}
