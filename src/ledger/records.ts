import { and, asc, eq, gt, lt } from "drizzle-orm";
import type { Ledger } from "./database.ts";
import { records, type RecordState } from "./schema.ts";

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
        // An id begins with its agreement, so one agreement's records are read without the others'.
        agreement === undefined ? undefined : ofAgreement(agreement),
        state === undefined ? undefined : eq(records.state, state),
        product === undefined ? undefined : eq(records.productId, product),
        dimension === undefined ? undefined : eq(records.dimension, dimension),
        hour === undefined ? undefined : eq(records.hour, hour),
      ),
    )
    .orderBy(asc(records.id))
    .limit(limit);
}

/** The records of an agreement, found by the primary key. */
export function ofAgreement(agreement: string) {
  // ";" is the character after ":".
  return and(gt(records.id, `${agreement}:`), lt(records.id, `${agreement};`));
}
