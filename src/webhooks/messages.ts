import { and, asc, eq, gt, isNotNull, sql, type SQL } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import { messages } from "../ledger/schema.ts";
import { timeId } from "../time-id.ts";

/** What the seller's systems are told about an agreement. */
export const agreementMessages = [
  "agreement.registered",
  "agreement.signed_up",
  "agreement.activated",
  "agreement.ending",
  "agreement.ended",
  "agreement.entitlements_changed",
  "usage.refused",
] as const;
export type AgreementMessage = (typeof agreementMessages)[number];

export interface NewMessage {
  /** Of the message: one id is one message, however often it is written. */
  readonly id: string;
  readonly type: AgreementMessage;
  readonly agreementId: string;
  readonly data: object;
}

/** The id of a message that is written once. */
export const messageId = (now: number, unique: string): string => timeId("msg", now, unique);

/**
 * The statement that writes messages; they are sent by the next tick.
 *
 * @param now epoch milliseconds
 * @param condition of the transaction that it is a part of: writes them only if it holds
 */
export function writeMessages(news: readonly NewMessage[], now: number, condition: SQL = sql`true`): SQL {
  const timestamp = new Date(now).toISOString();
  const rows = news.map(({ id, type, agreementId, data }) => ({
    id,
    type,
    agreementId,
    payload: JSON.stringify({ type, timestamp, data }),
  }));
  return sql`
    INSERT INTO messages (id, type, agreement_id, payload, created_at, attempts, next_attempt_at)
    SELECT value ->> 'id', value ->> 'type', value ->> 'agreementId', value ->> 'payload', ${now}, 0, ${now}
    FROM json_each(${JSON.stringify(rows)}) WHERE ${condition}
    ON CONFLICT DO NOTHING`;
}

export type Message = typeof messages.$inferSelect;

export interface MessageQuery {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly agreement?: string | undefined;
  /** Only those that the receiver has not taken; false: only the others. */
  readonly undelivered?: boolean | undefined;
}

/** By their index: most messages are delivered. */
function undeliveredAfter({ limit, after = "", agreement }: MessageQuery): SQL {
  const isIts = agreement === undefined ? sql`true` : sql`agreement_id = ${agreement}`;
  return sql`
    SELECT id FROM messages INDEXED BY messages_undelivered
    WHERE delivered_at IS NULL AND id > ${after} AND ${isIts} ORDER BY id LIMIT ${limit}`;
}

/** Webhook messages in the order in which they were written. */
export function listMessages(ledger: Ledger, query: MessageQuery): Promise<Message[]> {
  const { limit, after = "", agreement, undelivered } = query;
  return ledger
    .select()
    .from(messages)
    .where(
      and(
        gt(messages.id, after),
        agreement === undefined ? undefined : eq(messages.agreementId, agreement),
        undelivered === true ? sql`${messages.id} IN (${undeliveredAfter(query)})` : undefined,
        undelivered === false ? isNotNull(messages.deliveredAt) : undefined,
      ),
    )
    .orderBy(asc(messages.id))
    .limit(limit);
}

/**
 * Has a message sent once more with the next tick, under its old id, so that a receiver that has it knows; and again and
 * again, with the first delays, if that fails.
 *
 * @returns the message; null when there is none
 */
export async function resendMessage(ledger: Ledger, id: string, now: number): Promise<Message | null> {
  const [message] = await ledger
    .update(messages)
    .set({ deliveredAt: null, nextAttemptAt: now, attempts: 0 })
    .where(eq(messages.id, id))
    .returning();
  return message ?? null;
}
