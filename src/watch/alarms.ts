import { and, asc, gt, isNull, sql } from "drizzle-orm";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import { alarms } from "../ledger/schema.ts";
import { HOUR } from "../meter/hours.ts";
import { timeId } from "../time-id.ts";
import type { Condition } from "./conditions.ts";

/** How long webhook messages are kept, delivered or not. */
const MESSAGE_RETENTION = 30 * 24 * HOUR;

export type Alarm = typeof alarms.$inferSelect;

/** An alarm that grows is told again, but not more often than this. */
const TELL_AGAIN = HOUR;

/**
 * Makes the alarms what the conditions are: raises what is new, clears what is over, and writes a webhook message for
 * each in the same transaction, so that none is forgotten and none told twice. What has not changed costs no row.
 *
 * @param now epoch milliseconds
 */
export async function updateAlarms(
  ledger: Ledger,
  conditions: readonly Condition[],
  { now, newId }: { readonly now: number; readonly newId: () => string },
): Promise<void> {
  const wanted = JSON.stringify(
    conditions.map((condition) => ({ id: timeId("alm", now, newId()), ...condition })),
  );
  const run = timeId("msg", now, newId());
  const message = (type: string) => sql`
    INSERT INTO messages (id, type, payload, created_at, attempts, next_attempt_at)
    SELECT ${run} || '_' || row_number() OVER (ORDER BY id) || ${`_${type}`}, ${type}, json_object(
             'type', ${type}, 'timestamp', ${new Date(now).toISOString()}, 'data', json_object(
               'id', id, 'kind', kind, 'subject', subject, 'detail', detail, 'size', size,
               'raisedAt', strftime('%Y-%m-%dT%H:%M:%fZ', raised_at / 1000.0, 'unixepoch'))),
           ${now}, 0, ${now}
    FROM alarms INDEXED BY alarms_open`;
  const grown = sql`(excluded.size > told_size AND told_at <= ${now - TELL_AGAIN})`;
  const isOver = sql`cleared_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM json_each(${wanted}) WHERE value ->> 'kind' = kind AND value ->> 'subject' = subject)`;
  await inOneTransaction(ledger, [
    sql`${message("alarm.cleared")} WHERE ${isOver}`,
    sql`UPDATE alarms SET cleared_at = ${now} WHERE ${isOver}`,
    sql`
      INSERT INTO alarms (id, kind, subject, detail, size, raised_at, told_at, told_size)
      SELECT value ->> 'id', value ->> 'kind', value ->> 'subject', value ->> 'detail', value ->> 'size', ${now}, ${now},
             value ->> 'size'
      FROM json_each(${wanted}) WHERE true
      ON CONFLICT (kind, subject) WHERE cleared_at IS NULL DO UPDATE SET
        detail = excluded.detail, size = excluded.size,
        told_at = iif(${grown}, ${now}, told_at), told_size = iif(${grown}, excluded.size, told_size)
      WHERE detail <> excluded.detail OR size <> excluded.size OR ${grown}`,
    sql`${message("alarm.raised")} WHERE cleared_at IS NULL AND told_at = ${now}`,
    // What nobody has taken for so long tells nobody anything; ids begin with their time.
    sql`DELETE FROM messages WHERE id < ${timeId("msg", now - MESSAGE_RETENTION, "")}`,
  ]);
}

/** Alarms in the order in which they were raised. */
export function listAlarms(
  ledger: Ledger,
  query: { limit: number; after?: string | undefined; open?: boolean | undefined },
): Promise<Alarm[]> {
  return ledger
    .select()
    .from(alarms)
    .where(and(gt(alarms.id, query.after ?? ""), query.open === true ? isNull(alarms.clearedAt) : undefined))
    .orderBy(asc(alarms.id))
    .limit(query.limit);
}
