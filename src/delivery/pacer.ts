import { SECOND } from "../meter/hours.ts";

/** AWS takes 10 BatchMeterUsage calls a second from an account in a Region (AWS API reference, service quotas). */
const INTERVAL = SECOND / 10;

/** As slow as throttling makes it. */
const MAX_INTERVAL = 32 * INTERVAL;

/** Time as the submitter knows it. */
export interface Clock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Resolves after so many milliseconds. */
  readonly wait: (milliseconds: number) => Promise<void>;
}

/**
 * Spaces the calls of an account in a Region, whatever product they are for: a bucket of one token, because AWS does
 * not say how it counts a second. Throttling halves the rate, and each call that is taken brings a tenth of it back.
 */
export class Pacer {
  readonly #clock: Clock;
  #interval = INTERVAL;
  #next = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the next call may be made. */
  async turn(): Promise<void> {
    const now = this.#clock.now();
    // A clock that was set back must not make everybody wait for it to come forward again.
    const at = Math.min(Math.max(now, this.#next), now + MAX_INTERVAL * 8);
    this.#next = at + this.#interval;
    if (at > now) await this.#clock.wait(at - now);
  }

  throttled(): void {
    this.#interval = Math.min(this.#interval * 2, MAX_INTERVAL);
  }

  taken(): void {
    this.#interval = Math.max(INTERVAL, this.#interval * 0.9);
  }
}
