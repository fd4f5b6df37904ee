import { and, asc, eq, gt, sql, type SQL } from "drizzle-orm";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import { actions, agreements, dimensions, records, type ActionKind } from "../ledger/schema.ts";
import type { MeteringRecord } from "../ledger/records.ts";
import { needsNote, offeredActions } from "./rules.ts";

/**
 * A parked record, with the posted units that one of its billed units is, and until when AWS takes usage of its agreement,
 * epoch milliseconds; null while no end is known.
 */
export type ParkedRecord = MeteringRecord & { readonly divisor: number; readonly usageUntil: number | null };

export interface ParkedQuery {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly product?: string | undefined;
  readonly reason?: MeteringRecord["reason"] | undefined;
}

/** Parked records in the order of their ids, found without reading any other. */
export async function listParked(ledger: Ledger, query: ParkedQuery): Promise<ParkedRecord[]> {
  const { limit, after = "", product, reason } = query;
  return withDivisors(
    ledger,
    and(
      eq(records.state, "parked"),
      gt(records.id, after),
      product === undefined ? undefined : eq(records.productId, product),
      reason === undefined || reason === null ? undefined : eq(records.reason, reason),
    ),
    limit,
  );
}

/** A record with its divisor, parked or not; null when there is none. */
export async function findRecord(ledger: Ledger, id: string): Promise<ParkedRecord | null> {
  const [record] = await withDivisors(ledger, eq(records.id, id), 1);
  return record ?? null;
}

async function withDivisors(ledger: Ledger, which: SQL | undefined, limit: number): Promise<ParkedRecord[]> {
  const rows = await ledger
    .select({ record: records, divisor: dimensions.divisor, usageUntil: agreements.usageUntil })
    .from(records)
    .leftJoin(
      dimensions,
      and(eq(dimensions.productId, records.productId), eq(dimensions.name, records.dimension)),
    )
    .leftJoin(agreements, eq(agreements.id, records.agreementId))
    .where(which)
    .orderBy(asc(records.id))
    .limit(limit);
  return rows.map(({ record, divisor, usageUntil }) => ({ ...record, divisor: divisor ?? 1, usageUntil }));
}

export interface RecordDecision {
  /** Of the new entry in the audit trail. */
  readonly id: string;
  readonly record: ParkedRecord;
  readonly action: Exclude<ActionKind, "release">;
  readonly note: string | null;
  /** The person says so; AWS's usage report shows it. */
  readonly notHeldByAws: boolean;
  /** Posted units, an exact decimal. */
  readonly quantity: string;
  readonly now: number;
}

/** Why an action is not taken. */
export type ActionRefusal =
  | { readonly reason: "not_offered"; readonly offered: readonly ActionKind[] }
  | { readonly reason: "note_missing" }
  | { readonly reason: "not_confirmed" };

/** Whether an action may be taken for a parked record; null when it may. */
export function refusalOf(
  { record, action, note, notHeldByAws }: Pick<RecordDecision, "record" | "action" | "note" | "notHeldByAws">,
  now: number,
): ActionRefusal | null {
  const { reason } = record;
  if (record.state !== "parked" || reason === null) return { reason: "not_offered", offered: [] };
  const offered = offeredActions({ ...record, reason }, now).map((offer) => offer.action);
  if (!offered.includes(action)) return { reason: "not_offered", offered };
  if (needsNote(action) && note === null) return { reason: "note_missing" };
  if (action === "roll_over" && reason === "uncertain" && !notHeldByAws) return { reason: "not_confirmed" };
  return null;
}

/** What a record becomes. */
const becomes = {
  send_again: "pending",
  roll_over: "rolling",
  write_off: "written_off",
  mark_delivered: "delivered",
} as const;

/**
 * Takes an action and writes it into the audit trail, in one transaction and only while the record is parked for the
 * reason that the action was offered for.
 *
 * @returns whether it was taken now
 */
export async function decideRecord(ledger: Ledger, decision: RecordDecision): Promise<boolean> {
  const { id, record, action, note, quantity, now } = decision;
  const parked = sql`id = ${record.id} AND state = 'parked' AND reason = ${record.reason}`;
  const settledAt = action === "send_again" ? null : now;
  const [, updated = []] = await inOneTransaction(ledger, [
    sql`
      INSERT INTO actions (id, action, product_id, agreement_id, dimension, hour, record_id, quantity, note, decided_at, done_at)
      SELECT ${id}, ${action}, product_id, agreement_id, dimension, hour, id, ${quantity}, ${note}, ${now}, ${now}
      FROM records WHERE ${parked}`,
    sql`
      UPDATE records SET state = ${becomes[action]}, reason = NULL, settled_at = ${settledAt}, next_attempt_at = ${now}
      WHERE ${parked} RETURNING id`,
  ]);
  return updated.length > 0;
}

export type Action = typeof actions.$inferSelect;

/** The last action that was taken for a record or for held usage. */
export async function lastAction(ledger: Ledger, recordId: string): Promise<Action | null> {
  const [row] = await ledger
    .select()
    .from(actions)
    .where(eq(actions.recordId, recordId))
    .orderBy(sql`${actions.id} DESC`)
    .limit(1);
  return row ?? null;
}

/** The audit trail of actions, oldest first. */
export function listActions(
  ledger: Ledger,
  query: { limit: number; after?: string | undefined; product?: string | undefined },
): Promise<Action[]> {
  const { limit, after = "", product } = query;
  return ledger
    .select()
    .from(actions)
    .where(and(gt(actions.id, after), product === undefined ? undefined : eq(actions.productId, product)))
    .orderBy(asc(actions.id))
    .limit(limit);
}
