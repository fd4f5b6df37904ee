import { and, asc, eq, gt, isNull, lte, sql } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import { attempts, records } from "../ledger/schema.ts";
import type { MarketplaceError, UsageRecord } from "../marketplace/index.ts";
import type { Settlement } from "./settling.ts";

/** A record that is to be sent. */
export interface OpenRecord {
  readonly id: string;
  readonly productId: string;
  /** Null for a record with a LicenseArn. */
  readonly productCode: string | null;
  /** What AWS gets, every time the same. */
  readonly body: UsageRecord;
  /** How many calls have carried it. */
  readonly attempts: number;
  /** Whether one of them may have been stored. */
  readonly mayBeHeld: boolean;
}

export interface Due {
  readonly region: string;
  /** Only what may be sent since this time or before; epoch milliseconds. */
  readonly since: number;
  /** AWS takes none whose deadline has come; epoch milliseconds. */
  readonly now: number;
  readonly limit: number;
}

/** Records of a Region whose time to be sent has come and not gone, the nearest deadline first. */
export async function dueRecords(ledger: Ledger, { region, since, now, limit }: Due): Promise<OpenRecord[]> {
  const rows = await ledger
    .select({
      id: records.id,
      productId: records.productId,
      productCode: records.productCode,
      usageRecord: records.usageRecord,
      attempts: records.attempts,
      mayBeHeld: records.mayBeHeld,
    })
    .from(records)
    .where(
      and(
        eq(records.region, region),
        isNull(records.settledAt),
        lte(records.nextAttemptAt, since),
        gt(records.deadline, now),
      ),
    )
    .orderBy(asc(records.deadline))
    .limit(limit);
  return rows.map(({ usageRecord, ...row }) => ({ ...row, body: JSON.parse(usageRecord) as UsageRecord }));
}

/**
 * Parks what AWS takes no more: as expired when AWS surely does not hold it, as uncertain when it may.
 */
export async function parkOverdue(ledger: Ledger, region: string, now: number): Promise<void> {
  await ledger
    .update(records)
    .set({
      state: "parked",
      reason: sql`CASE WHEN ${records.mayBeHeld} THEN 'uncertain' ELSE 'expired' END`,
      settledAt: now,
    })
    .where(and(eq(records.region, region), isNull(records.settledAt), lte(records.deadline, now)));
}

export interface NewAttempt {
  readonly id: string;
  readonly region: string;
  readonly records: readonly OpenRecord[];
  readonly now: number;
}

/**
 * Writes a call down before its first byte leaves: whatever happens from here on, its records are known to have
 * perhaps reached AWS.
 */
export async function beginAttempt(
  ledger: Ledger,
  { id, region, records: carried, now }: NewAttempt,
): Promise<void> {
  const ids = JSON.stringify(carried.map((record) => record.id));
  await ledger.batch([
    ledger
      .insert(attempts)
      .values({ id, productId: carried[0]?.productId ?? "", region, startedAt: now, recordIds: ids }),
    ledger
      .update(records)
      .set({ state: "sent", attempts: sql`${records.attempts} + 1`, mayBeHeld: true })
      .where(sql`${records.id} IN (SELECT value FROM json_each(${ids})) AND ${records.settledAt} IS NULL`),
  ]);
}

export interface EndedAttempt {
  readonly id: string;
  readonly now: number;
  readonly requestId: string | null;
  /** Null when AWS answered. */
  readonly error: MarketplaceError | null;
  readonly settlements: readonly { readonly id: string; readonly settlement: Settlement }[];
}

/** Writes down what a call came to, and what becomes of its records, in one transaction. */
export async function endAttempt(
  ledger: Ledger,
  { id, now, requestId, error, settlements }: EndedAttempt,
): Promise<void> {
  const rows = settlements.map(({ id: record, settlement }) => ({
    id: record,
    state: settlement.state,
    answer: settlement.answer,
    reason: settlement.state === "parked" ? settlement.reason : null,
    retryAt: "retryAt" in settlement ? settlement.retryAt : now,
    held: settlement.state === "delivered" || settlement.mayBeHeld ? 1 : 0,
    receipt: settlement.state === "delivered" ? settlement.meteringRecordId : null,
    settledAt: settlement.state === "delivered" || settlement.state === "parked" ? now : null,
  }));
  await ledger.batch([
    ledger
      .update(attempts)
      .set({ finishedAt: now, requestId, error: error === null ? null : `${error.code}: ${error.message}` })
      .where(eq(attempts.id, id)),
    // One statement for all: D1 binds at most 100 parameters.
    ledger
      .update(records)
      .set({
        state: settled("state"),
        reason: settled("reason"),
        lastAnswer: settled("answer"),
        nextAttemptAt: settled("retryAt"),
        mayBeHeld: settled("held"),
        meteringRecordId: settled("receipt"),
        settledAt: settled("settledAt"),
      })
      .from(sql`json_each(${JSON.stringify(rows)}) AS settled`)
      .where(and(eq(records.id, settled("id")), isNull(records.settledAt))),
  ]);
}

const settled = (field: string) => sql`settled.value ->> ${sql.raw(`'${field}'`)}`;
