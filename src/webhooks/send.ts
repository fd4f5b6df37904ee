import { sql } from "drizzle-orm";
import { Webhook } from "standardwebhooks";
import type { Ledger } from "../ledger/database.ts";
import { forgetIncident, noteIncident } from "../ledger/incidents.ts";
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

/** How often a run claims messages, up to 4,000 in all, by two queries each time: the tick that it is a part of has others to make. */
const MAX_CLAIMS = 101;

/** Alarms do not wait behind what agreements have to tell, however much it is, nor that behind alarms. */
type Kind = "alarm" | "other";

/** How many of each kind are claimed at a time, and how many are on their way at once. */
interface Share extends Readonly<Record<Kind, number>> {
  readonly atOnce: number;
}

/** A receiver that is down is asked by each run with one of each kind, and not with five. */
const PROBE: Share = { alarm: 1, other: 1, atOnce: 1 };

/** An invocation has six connections that wait for an answer (Cloudflare docs, Workers limits). */
const FULL_SHARE: Share = { alarm: 10, other: 30, atOnce: 5 };

/**
 * Sends the webhook messages that are due, alarms first, each signed anew (Standard Webhooks 1.0): the id stays the same,
 * so that a receiver that has seen it knows. One that is refused waits for its own next turn and holds up no other; when
 * the receiver is in trouble, the others of that kind wait: what it cannot do with an alarm, it may with the rest.
 *
 * @returns how many were delivered
 */
export async function sendMessages(run: WebhookRun): Promise<number> {
  const { ledger, receiver, now } = run;
  const until = now() + RUN;
  const signer = signerOf(receiver.secret);
  const inTrouble = new Map<Kind, string>();
  let share = PROBE;
  let delivered = 0;
  for (let claims = 0; claims < MAX_CLAIMS && now() < until; claims++) {
    const batch = await claim(ledger, withoutThose(inTrouble, share), now());
    if (batch.messages.length === 0) break;
    const answers = await postAll(run, batch.messages, { signer, until, atOnce: share.atOnce, inTrouble });
    await settle(run, batch, answers);
    for (const { error } of answers.values()) if (error === null) delivered += 1;
    share = FULL_SHARE;
  }
  const [error] = inTrouble.values();
  if (delivered > 0) await forgetFailing(ledger);
  else if (error !== undefined) await noteIncident(ledger, failing(error), now());
  return delivered;
}

/** Whom a person is told of who looks at the gateway itself: by its webhooks nobody is told of anything. */
const RECEIVER = "receiver";

/** A message was taken, or none is to be sent. */
export const forgetFailing = (ledger: Ledger): Promise<void> =>
  forgetIncident(ledger, "webhooks_failing", RECEIVER);

const failing = (error: string) =>
  ({
    kind: "webhooks_failing",
    subject: RECEIVER,
    detail: `No webhook message is taken: ${error}. That is WEBHOOK_URL's receiver, or one of the secrets WEBHOOK_URL and WEBHOOK_SECRET. They are repeated for 30 days; GET /v1/messages?undelivered=true lists them.`,
  }) as const;

const withoutThose = (inTrouble: ReadonlyMap<Kind, string>, share: Share): Share => ({
  ...share,
  ...(inTrouble.has("alarm") && { alarm: 0 }),
  ...(inTrouble.has("other") && { other: 0 }),
});

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
async function claim(ledger: Ledger, { alarm, other }: Share, now: number): Promise<Batch> {
  const until = now + CLAIM;
  const due = (index: string, condition: string, limit: number) => sql`
    SELECT id FROM (
      SELECT id FROM messages INDEXED BY ${sql.raw(index)}
      WHERE delivered_at IS NULL AND ${sql.raw(condition)} AND next_attempt_at <= ${now}
      ORDER BY next_attempt_at LIMIT ${limit})`;
  const messages = await ledger.all<Claimed>(sql`
    UPDATE messages SET attempts = attempts + 1, next_attempt_at = ${until}
    WHERE id IN (${due("messages_undelivered_alarms", "agreement_id IS NULL", alarm)}
                 UNION ALL ${due("messages_undelivered", "agreement_id IS NOT NULL", other)})
    RETURNING id, agreement_id AS agreementId, payload, attempts, created_at AS createdAt, error`);
  // Ids begin with their time.
  const inOrder = messages.toSorted((a, b) =>
    kindOf(a) === kindOf(b) ? (a.id < b.id ? -1 : 1) : kindOf(a) === "alarm" ? -1 : 1,
  );
  return { messages: inOrder, until };
}

const kindOf = ({ agreementId }: Pick<Claimed, "agreementId">): Kind =>
  agreementId === null ? "alarm" : "other";

interface Posting {
  readonly signer: Webhook | null;
  /** When no more are begun, epoch milliseconds. */
  readonly until: number;
  readonly atOnce: number;
  /** Kinds that the receiver is in trouble with, and how: none of them is begun any more. Added to. */
  readonly inTrouble: Map<Kind, string>;
}

/** Posts messages, those of one agreement one after another, and so the alarms: what they tell is in an order. */
async function postAll(
  { receiver, fetch, now }: WebhookRun,
  messages: readonly Claimed[],
  { signer, until, atOnce, inTrouble }: Posting,
): Promise<ReadonlyMap<string, Answer>> {
  const lanes = Map.groupBy(messages, ({ agreementId }) => agreementId).values();
  const answers = new Map<string, Answer>();
  const postLanes = async (): Promise<void> => {
    for (const lane of lanes) {
      for (const message of lane) {
        const { id, payload } = message;
        if (inTrouble.has(kindOf(message)) || now() >= until) break;
        const answer = await post(receiver.url, { id, payload, at: now(), signer, fetch });
        answers.set(id, answer);
        if (answer.isTrouble) inTrouble.set(kindOf(message), answer.error ?? "");
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, postLanes));
  return answers;
}

/** Writes down what became of claimed messages. Those that were not sent are due again at once, ahead of newer ones. */
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
