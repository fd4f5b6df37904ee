import { sql } from "drizzle-orm";
import { Webhook } from "standardwebhooks";
import type { Ledger } from "../ledger/database.ts";
import { HOUR, MINUTE, SECOND } from "../meter/hours.ts";
import { post, type Answer } from "./post.ts";

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

/** An alarm is worth most at once: it tells of what can still be saved for some hours. */
const ALARM_BACKOFF = 30 * MINUTE;

/** How long a run begins to post; the next tick goes on. */
const RUN = 45 * SECOND;

/** Longer than a run with the post that it may end with, so that no other sends what this one has claimed. */
const CLAIM = MINUTE;

/** Messages that a run sends, 40 of them by two queries: the tick that it is a part of has others to make. */
const MAX_MESSAGES = 4000;

/** What is claimed at a time, and how much of it is on its way at once. */
interface Share {
  readonly alarms: number;
  /** What agreements have to tell: alarms do not wait behind it, however much it is, nor it behind alarms. */
  readonly others: number;
  readonly atOnce: number;
}

/** An invocation has six connections that wait for an answer (Cloudflare docs, Workers limits). */
const FULL_SHARE: Share = { alarms: 10, others: 30, atOnce: 5 };

/**
 * Sends the webhook messages that are due, alarms first, each signed anew (Standard Webhooks 1.0): the id stays the same,
 * so that a receiver that has seen it knows. One that is refused waits for its own next turn and holds up no other; when
 * the receiver is in trouble, all of them wait.
 *
 * @returns how many were delivered
 */
export async function sendMessages(run: WebhookRun): Promise<number> {
  const { ledger, receiver, now } = run;
  const until = now() + RUN;
  const signer = signerOf(receiver.secret);
  // A receiver that is down is asked once by each run, and not five times.
  let share: Share = { alarms: 1, others: 1, atOnce: 1 };
  let sent = 0;
  let delivered = 0;
  while (sent < MAX_MESSAGES && now() < until) {
    const batch = await claim(ledger, share, now());
    if (batch.messages.length === 0) break;
    const { answers, isTrouble } = await postAll(run, batch.messages, {
      signer,
      until,
      atOnce: share.atOnce,
    });
    await settle(run, batch, answers);
    for (const { error } of answers.values()) if (error === null) delivered += 1;
    if (isTrouble) break;
    sent += answers.size;
    share = FULL_SHARE;
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

interface Claimed {
  readonly id: string;
  /** Null for alarms. */
  readonly agreementId: string | null;
  readonly payload: string;
  /** With the one that begins. */
  readonly attempts: number;
  readonly createdAt: number;
  readonly error: string | null;
}

/** Messages that no other run sends until a time. */
interface Batch {
  readonly messages: readonly Claimed[];
  /** Epoch milliseconds. */
  readonly until: number;
}

/** Claims messages that are due, and counts the attempt before it is made. */
async function claim(ledger: Ledger, { alarms, others }: Share, now: number): Promise<Batch> {
  const until = now + CLAIM;
  const due = (index: string, condition: string, limit: number) => sql`
    SELECT id FROM (
      SELECT id FROM messages INDEXED BY ${sql.raw(index)}
      WHERE delivered_at IS NULL AND ${sql.raw(condition)} AND next_attempt_at <= ${now}
      ORDER BY next_attempt_at LIMIT ${limit})`;
  const messages = await ledger.all<Claimed>(sql`
    UPDATE messages SET attempts = attempts + 1, next_attempt_at = ${until}
    WHERE id IN (${due("messages_undelivered_alarms", "agreement_id IS NULL", alarms)}
                 UNION ALL ${due("messages_undelivered", "agreement_id IS NOT NULL", others)})
    RETURNING id, agreement_id AS agreementId, payload, attempts, created_at AS createdAt, error`);
  // Ids begin with their time.
  const inOrder = messages.toSorted((a, b) => rankOf(a) - rankOf(b) || (a.id < b.id ? -1 : 1));
  return { messages: inOrder, until };
}

const rankOf = ({ agreementId }: Claimed): number => (agreementId === null ? 0 : 1);

interface Posting {
  readonly signer: Webhook | null;
  /** When no more are begun, epoch milliseconds. */
  readonly until: number;
  readonly atOnce: number;
}

/** Posts messages, those of one agreement one after another, and so the alarms: what they tell is in an order. */
async function postAll(
  { receiver, fetch, now }: WebhookRun,
  messages: readonly Claimed[],
  { signer, until, atOnce }: Posting,
): Promise<{ readonly answers: ReadonlyMap<string, Answer>; readonly isTrouble: boolean }> {
  const lanes = Map.groupBy(messages, ({ agreementId }) => agreementId).values();
  const answers = new Map<string, Answer>();
  let isTrouble = false;
  const postLanes = async (): Promise<void> => {
    for (const lane of lanes) {
      for (const { id, payload } of lane) {
        if (isTrouble || now() >= until) return;
        const answer = await post(receiver.url, { id, payload, at: now(), signer, fetch });
        answers.set(id, answer);
        isTrouble ||= answer.isTrouble;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, postLanes));
  return { answers, isTrouble };
}

/** Writes down what became of claimed messages. Those that were not sent are as they were before. */
async function settle(
  { ledger, now, random }: WebhookRun,
  { messages, until }: Batch,
  answers: ReadonlyMap<string, Answer>,
): Promise<void> {
  const settled = messages.map(({ id, agreementId, attempts, createdAt, error }) => {
    const answer = answers.get(id);
    if (answer === undefined)
      return { id, attempts: attempts - 1, deliveredAt: null, nextAttemptAt: createdAt, error };
    const recommended = BACKOFF[Math.min(attempts, BACKOFF.length) - 1] ?? 0;
    const backoff = agreementId === null ? Math.min(recommended, ALARM_BACKOFF) : recommended;
    const next = now() + Math.floor(backoff * (1 + random() / 10));
    return answer.error === null
      ? { id, attempts, deliveredAt: now(), nextAttemptAt: until, error: null }
      : { id, attempts, deliveredAt: null, nextAttemptAt: next, error: answer.error };
  });
  await ledger.run(sql`
    UPDATE messages SET attempts = settled.value ->> 'attempts', delivered_at = settled.value ->> 'deliveredAt',
                        next_attempt_at = settled.value ->> 'nextAttemptAt', error = settled.value ->> 'error'
    FROM json_each(${JSON.stringify(settled)}) AS settled
    -- Not one that a person has had sent again meanwhile, which is due anew.
    WHERE messages.id = settled.value ->> 'id' AND messages.next_attempt_at = ${until}`);
}
