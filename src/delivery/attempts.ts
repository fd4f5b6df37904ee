import { and, eq, isNull, or, sql } from "drizzle-orm";
import { concurrentAgreementsAt } from "../ledger/concurrent-agreements.ts";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import { attempts, records } from "../ledger/schema.ts";
import type { MarketplaceError, UsageRecord } from "../marketplace/index.ts";
import { HOUR } from "../meter/hours.ts";
import { SEND_MARGIN } from "./deadlines.ts";
import type { DueRecord } from "./due-records.ts";
import type { Carried, Settlement } from "./settling.ts";

/** A record in a call, as it was before. */
export interface CarriedRecord extends Carried {
  readonly record: DueRecord;
  /** What AWS gets, every time the same. */
  readonly body: UsageRecord;
}

export interface NewAttempt {
  readonly id: string;
  readonly region: string;
  readonly records: readonly DueRecord[];
  readonly now: number;
}

/** How long after AWS has told of an activation not all of AWS may know of it. */
const SETTLING_IN = HOUR;

interface OpenRow {
  readonly id: string;
  readonly usageRecord: string;
  readonly attempts: number;
  readonly mayBeHeld: 0 | 1;
  readonly deadline: number;
  readonly isPending: 0 | 1;
  readonly isOutdated: 0 | 1;
}

/**
 * Writes a call down before its first byte leaves: whatever happens from here on, its records are known to have
 * perhaps reached AWS. In the same transaction it is found out which of them are still to be sent, and what calls
 * before this one may have left at AWS; another submitter that lives on somewhere is met here.
 *
 * @returns the records that the call is to carry
 */
export async function beginAttempt(ledger: Ledger, attempt: NewAttempt): Promise<CarriedRecord[]> {
  const { id, region, now } = attempt;
  const byId = new Map(attempt.records.map((record) => [record.id, record]));
  const productId = attempt.records[0]?.productId ?? "";
  const wanted = JSON.stringify([...byId.keys()]);
  const open = sql`id IN (SELECT value FROM json_each(${wanted})) AND settled_at IS NULL AND deadline > ${now + SEND_MARGIN}`;
  const [rows = []] = (await inOneTransaction(ledger, [
    sql`
      SELECT id, usage_record AS usageRecord, attempts, may_be_held AS mayBeHeld, deadline,
             EXISTS (SELECT 1 FROM agreements WHERE agreements.id = records.agreement_id
                     AND coalesce(agreements.activated_at, ${now}) > ${now - SETTLING_IN}
                     AND agreements.usage_until IS NULL) AS isPending,
             product_code IS NOT NULL AND EXISTS (
               SELECT 1 FROM products
               WHERE products.id = records.product_id AND ${concurrentAgreementsAt(sql`${now}`)}) AS isOutdated
      FROM records WHERE ${open} ORDER BY id`,
    sql`
      INSERT INTO attempts (id, product_id, region, started_at, record_ids)
      SELECT ${id}, ${productId}, ${region}, ${now}, json_group_array(id) FROM records WHERE ${open} HAVING count(*) > 0`,
    sql`UPDATE records SET state = 'sent', attempts = attempts + 1, may_be_held = 1 WHERE ${open}`,
  ])) as unknown as [OpenRow[]?];
  return rows.flatMap(
    ({ id: recordId, usageRecord, attempts: before, mayBeHeld, deadline, isPending, isOutdated }) => {
      const record = byId.get(recordId);
      if (record === undefined) return [];
      const body = JSON.parse(usageRecord) as UsageRecord;
      return [
        {
          record,
          body,
          attempts: before,
          mayBeHeld: mayBeHeld === 1,
          deadline,
          isPending: isPending === 1,
          isOutdated: isOutdated === 1,
        },
      ];
    },
  );
}

export interface EndedAttempt {
  readonly id: string;
  readonly now: number;
  readonly requestId: string | null;
  /** Null when AWS answered. */
  readonly error: MarketplaceError | null;
  readonly settlements: readonly { readonly carried: CarriedRecord; readonly settlement: Settlement }[];
}

/**
 * Writes down what a call came to, and what becomes of its records, in one transaction. An answer that only says what
 * this call has not done counts no more once another call has begun: that one may have done it. Success counts always.
 */
export async function endAttempt(
  ledger: Ledger,
  { id, now, requestId, error, settlements }: EndedAttempt,
): Promise<void> {
  const rows = settlements.map(({ carried, settlement }) => ({
    id: carried.record.id,
    attempts: carried.attempts + 1,
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
      .where(
        and(
          eq(records.id, settled("id")),
          or(
            and(isNull(records.settledAt), eq(records.attempts, settled("attempts"))),
            // AWS may say so long after the deadline, when the record had to be given up as uncertain.
            and(
              sql`${settled("state")} = 'delivered'`,
              or(
                isNull(records.settledAt),
                and(eq(records.state, "parked"), eq(records.reason, "uncertain")),
              ),
            ),
          ),
        ),
      ),
  ]);
}

const settled = (field: string) => sql`settled.value ->> ${sql.raw(`'${field}'`)}`;
