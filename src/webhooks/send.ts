import { and, asc, eq, isNull, lte } from "drizzle-orm";
import { Webhook } from "standardwebhooks";
import type { Ledger } from "../ledger/database.ts";
import { messages } from "../ledger/schema.ts";
import { HOUR, MINUTE, SECOND } from "../meter/hours.ts";

/** Where webhook messages go, and what they are signed with. */
export interface Receiver {
  readonly url: string;
  /** `whsec_` and base64, as Standard Webhooks has it. */
  readonly secret: string;
}

export interface WebhookRun {
  readonly ledger: Ledger;
  readonly receiver: Receiver;
  readonly fetch: typeof globalThis.fetch;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 to 1, evenly. */
  readonly random: () => number;
}

/** The delays that Standard Webhooks recommends; the last goes on. */
const BACKOFF = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/** Messages sent in one run; the next tick goes on. */
const MAX_MESSAGES = 20;

const TIMEOUT = 10 * SECOND;

/**
 * Sends the webhook messages that are due, each signed anew (Standard Webhooks 1.0): the id stays the same, so that a
 * receiver that has seen it knows.
 *
 * @returns how many were delivered
 */
export async function sendMessages({ ledger, receiver, fetch, now, random }: WebhookRun): Promise<number> {
  const due = await ledger
    .select()
    .from(messages)
    .where(and(isNull(messages.deliveredAt), lte(messages.nextAttemptAt, now())))
    .orderBy(asc(messages.nextAttemptAt))
    .limit(MAX_MESSAGES);
  let delivered = 0;
  for (const { id, payload, attempts } of due) {
    const error = await post(receiver, { id, payload, at: now(), fetch });
    const backoff = BACKOFF[Math.min(attempts, BACKOFF.length - 1)] ?? 0;
    if (error === null) delivered += 1;
    await ledger
      .update(messages)
      .set({
        attempts: attempts + 1,
        error,
        ...(error === null
          ? { deliveredAt: now() }
          : { nextAttemptAt: now() + Math.floor(backoff * (1 + random() / 10)) }),
      })
      .where(eq(messages.id, id));
    // A receiver that is down is not asked twenty times in a row.
    if (error !== null) break;
  }
  return delivered;
}

/** @returns why it was not delivered, without the address, which may hold a secret; null when it was */
async function post(
  { url, secret }: Receiver,
  message: { id: string; payload: string; at: number; fetch: typeof globalThis.fetch },
): Promise<string | null> {
  const { id, payload, at, fetch } = message;
  const time = new Date(at);
  try {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT),
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(at / SECOND)),
        "webhook-signature": new Webhook(secret).sign(id, time, payload),
      },
      body: payload,
    });
    await response.body?.cancel();
    return response.ok ? null : `the receiver answered ${response.status}`;
  } catch (error) {
    const isSecret = error instanceof Error && error.message.includes("Base64");
    return isSecret ? "WEBHOOK_SECRET is not whsec_ and base64" : "the receiver could not be reached";
  }
}
