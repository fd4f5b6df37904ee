import { and, asc, desc, eq, gt, sql, type SQL } from "drizzle-orm";
import { timeId } from "../time-id.ts";
import type { Ledger } from "./database.ts";
import { isRecordOf } from "./record-id.ts";
import { attempts, records, type RecordState } from "./schema.ts";

export type MeteringRecord = typeof records.$inferSelect;

export interface RecordQuery {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly state?: RecordState | undefined;
  readonly product?: string | undefined;
  readonly agreement?: string | undefined;
  readonly dimension?: string | undefined;
  /** Epoch milliseconds of the hour's start. */
  readonly hour?: number | undefined;
}

/** Metering records in the order of their ids: by agreement, then by hour. */
export function listRecords(ledger: Ledger, query: RecordQuery): Promise<MeteringRecord[]> {
  const { limit, after, state, product, agreement, dimension, hour } = query;
  return ledger
    .select()
    .from(records)
    .where(
      and(
        gt(records.id, after ?? ""),
        agreement === undefined ? undefined : isRecordOf(records.id, sql`${agreement}`),
        state === undefined ? undefined : inState(query, state),
        product === undefined ? undefined : eq(records.productId, product),
        dimension === undefined ? undefined : eq(records.dimension, dimension),
        hour === undefined ? undefined : eq(records.hour, hour),
      ),
    )
    .orderBy(asc(records.id))
    .limit(limit);
}

/** Open work has indexes of its own: of all records it is a small part. */
const INDEXES: Partial<Record<RecordState, readonly [index: string, condition: string]>> = {
  pending: ["records_open", "settled_at IS NULL AND state = 'pending'"],
  sent: ["records_open", "settled_at IS NULL AND state = 'sent'"],
  waiting: ["records_open", "settled_at IS NULL AND state = 'waiting'"],
  parked: ["records_parked", "state = 'parked'"],
  rolling: ["records_rolling", "state = 'rolling'"],
};

function inState(
  { agreement, product, dimension, hour, limit, after = "" }: RecordQuery,
  state: RecordState,
): SQL {
  const indexed = INDEXES[state];
  if (indexed === undefined || agreement !== undefined) return eq(records.state, state);
  const [index, condition] = indexed;
  const filters = and(
    product === undefined ? undefined : sql`product_id = ${product}`,
    dimension === undefined ? undefined : sql`dimension = ${dimension}`,
    hour === undefined ? undefined : sql`hour = ${hour}`,
  );
  return sql`${records.id} IN (
    SELECT id FROM records INDEXED BY ${sql.raw(index)} WHERE ${sql.raw(condition)} AND id > ${after}
    AND ${filters ?? sql`true`} ORDER BY id LIMIT ${limit})`;
}

/** Of each agreement the records of its latest hours, the newest first. */
export function latestRecords(
  ledger: Ledger,
  agreements: readonly string[],
  limit: number,
): Promise<MeteringRecord[]> {
  // Each agreement's are a range of the primary key, walked from its end.
  const latest = sql`
    SELECT latest.id FROM json_each(${JSON.stringify(agreements)}) AS wanted
    CROSS JOIN records AS latest ON latest.id IN (
      SELECT id FROM records WHERE ${isRecordOf(sql`id`, sql`wanted.value`)} ORDER BY id DESC LIMIT ${limit})`;
  return ledger
    .select()
    .from(records)
    .where(sql`${records.id} IN (${latest})`)
    .orderBy(desc(records.id));
}

export type Attempt = typeof attempts.$inferSelect;

export interface AttemptQuery {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly product?: string | undefined;
  /** The id of a record: only calls that have carried it. */
  readonly record?: string | undefined;
}

/**
 * Calls in the order in which they were made. Ids begin with their time, so the calls for a record are looked for from
 * its sealing on.
 */
export async function listAttempts(ledger: Ledger, query: AttemptQuery): Promise<Attempt[]> {
  const { limit, after = "", product, record } = query;
  const [sealed] =
    record === undefined
      ? []
      : await ledger.select({ at: records.sealedAt }).from(records).where(eq(records.id, record));
  if (record !== undefined && sealed === undefined) return [];
  const from = sealed === undefined ? "" : timeId("att", sealed.at, "");
  return ledger
    .select()
    .from(attempts)
    .where(
      and(
        gt(attempts.id, after > from ? after : from),
        product === undefined ? undefined : eq(attempts.productId, product),
        record === undefined
          ? undefined
          : sql`EXISTS (SELECT 1 FROM json_each(${attempts.recordIds}) WHERE value = ${record})`,
      ),
    )
    .orderBy(asc(attempts.id))
    .limit(limit);
}
