import type { Ledger } from "../ledger/database.ts";
import { forgetOldIncidents } from "../ledger/incidents.ts";
import { forgetFailing, sendMessages, type Receiver } from "../webhooks/send.ts";
import { updateAlarms } from "./alarms.ts";
import { findConditions } from "./conditions.ts";

/** Queries that {@link keepWatch} makes at the most. */
export const WATCH_QUERIES = 250;

export interface WatchOptions {
  readonly ledger: Ledger;
  /** Null while none is set: messages wait for it. */
  readonly receiver: Receiver | null;
  readonly fetch: typeof globalThis.fetch;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 to 1, evenly. */
  readonly random: () => number;
  readonly newId: () => string;
}

/** Finds out what a person must know of, and tells. */
export async function keepWatch({ ledger, receiver, ...world }: WatchOptions): Promise<void> {
  const now = world.now();
  await forgetOldIncidents(ledger, now);
  const conditions = await findConditions(ledger, now);
  await updateAlarms(ledger, conditions, { now, newId: world.newId });
  if (receiver === null) await forgetFailing(ledger);
  else await sendMessages({ ledger, receiver, ...world });
}

/** The receiver of this deployment; null while it is not set. */
export function receiverOf({ WEBHOOK_URL, WEBHOOK_SECRET }: Env): Receiver | null {
  if (WEBHOOK_URL === undefined || WEBHOOK_SECRET === undefined) return null;
  return { url: WEBHOOK_URL, secret: WEBHOOK_SECRET };
}

/** {@link keepWatch} in this deployment. */
export function watchOptions(env: Env, ledger: Ledger): WatchOptions {
  return {
    ledger,
    receiver: receiverOf(env),
    fetch: (input, init) => fetch(input, init),
    now: () => Date.now(),
    random: () => Math.random(),
    newId: () => crypto.randomUUID(),
  };
}
