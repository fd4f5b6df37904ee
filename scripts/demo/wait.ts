import { setTimeout as sleep } from "node:timers/promises";

const INTERVAL = 250;

export interface Waiting<Found> {
  /** Looks once; null for not yet. */
  readonly look: () => Promise<Found | null>;
  readonly seconds: number;
  /** What to say when the time is over. */
  readonly orElse: () => string;
}

/** Looks again and again until something is found, or the time is over. */
export async function waitFor<Found>({ look, seconds, orElse }: Waiting<Found>): Promise<Found> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() > deadline) throw new Error(`after ${seconds} seconds, ${orElse()}`);
    await sleep(INTERVAL);
  }
}
