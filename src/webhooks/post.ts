import type { Webhook } from "standardwebhooks";
import { SECOND } from "../meter/hours.ts";

const TIMEOUT = 10 * SECOND;

const TOO_MANY_REQUESTS = 429;

/** What became of a message that was sent. */
export interface Answer {
  /** Why it was not delivered, without the address, which may hold a secret; null when it was. */
  readonly error: string | null;
  /** Whether the next message would fare no better. */
  readonly isTrouble: boolean;
}

export interface SignedMessage {
  readonly id: string;
  readonly payload: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Null where the secret is none. */
  readonly signer: Webhook | null;
  readonly fetch: typeof globalThis.fetch;
}

/** Posts a message, signed; nothing leaves unsigned. */
export async function post(url: string, { id, payload, at, signer, fetch }: SignedMessage): Promise<Answer> {
  if (signer === null) return { error: "WEBHOOK_SECRET is not whsec_ and base64", isTrouble: true };
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
    const { ok, status } = response;
    return {
      error: ok ? null : `the receiver answered ${status}`,
      isTrouble: status >= 500 || status === TOO_MANY_REQUESTS,
    };
  } catch {
    return { error: "the receiver could not be reached", isTrouble: true };
  }
}
