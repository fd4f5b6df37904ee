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

/** A claim lasts longer than an attempt. */
const CLAIM = 15 * SECOND;

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
  if (due.length === 0) return 0;
  const signer = signerOf(receiver.secret);
  let delivered = 0;
  for (const { id, payload, attempts } of due) {
    const isDue = and(eq(messages.id, id), isNull(messages.deliveredAt), lte(messages.nextAttemptAt, now()));
    // The claim: a run that takes longer than a minute meets the next one, which is not to send the same.
    const [claimed] = await ledger
      .update(messages)
      .set({ attempts: attempts + 1, nextAttemptAt: now() + CLAIM })
      .where(isDue)
      .returning({ id: messages.id });
    if (claimed === undefined) continue;
    const error =
      signer === null
        ? "WEBHOOK_SECRET is not whsec_ and base64"
        : await post(receiver.url, { id, payload, at: now(), signer, fetch });
    const backoff = BACKOFF[Math.min(attempts, BACKOFF.length - 1)] ?? 0;
    if (error === null) delivered += 1;
    await ledger
      .update(messages)
      .set({
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

/** Null when it is no secret. */
function signerOf(secret: string): Webhook | null {
  try {
    return new Webhook(secret);
  } catch {
    return null;
  }
}

interface SignedMessage {
  readonly id: string;
  readonly payload: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly signer: Webhook;
  readonly fetch: typeof globalThis.fetch;
}

/** @returns why it was not delivered, without the address, which may hold a secret; null when it was */
async function post(url: string, { id, payload, at, signer, fetch }: SignedMessage): Promise<string | null> {
  try {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT),
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(at / SECOND)),
        "webhook-signature": signer.sign(id, new Date(at), payload),
      },
      body: payload,
    });
    await response.body?.cancel();
    return response.ok ? null : `the receiver answered ${response.status}`;
  } catch {
    return "the receiver could not be reached";
  }
}
