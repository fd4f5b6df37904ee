import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { LateUsage } from "../../meter/account.ts";

/**
 * - `pending`, `sent`, `waiting`: the submitter's. `sent` is in a call, or was when the submitter died
 * - `delivered`: AWS has it
 * - `parked`: waits for a person
 * - `rolling`, `rolled_over`: AWS surely does not have it; its quantity is on its way to the open hour, or there
 * - `written_off`: given up by a person
 */
export const recordStates = [
  "pending",
  "sent",
  "waiting",
  "delivered",
  "parked",
  "rolling",
  "rolled_over",
  "written_off",
] as const;
export type RecordState = (typeof recordStates)[number];

/**
 * - `conflict`: somebody else has metered the hour
 * - `refused`: AWS refuses the record itself
 * - `expired`: AWS takes it no more and surely does not have it, and it may not join another hour by itself
 * - `uncertain`: AWS takes it no more and may have it
 * - `not_subscribed`: AWS took no usage of the customer until the deadline
 */
export const parkReasons = ["conflict", "refused", "expired", "uncertain", "not_subscribed"] as const;
export type ParkReason = (typeof parkReasons)[number];

/** Metering records. What is sent to AWS never changes after the insert; only the state does. */
export const records = sqliteTable(
  "records",
  {
    /** `agreement:hour:dimension`: there cannot be a second record for one (agreement, dimension, hour). */
    id: text().primaryKey(),
    productId: text("product_id").notNull(),
    agreementId: text("agreement_id").notNull(),
    dimension: text().notNull(),
    hour: integer().notNull(),
    /** Billed units. */
    quantity: integer().notNull(),
    /** Usage of other hours in it, in posted units; null when there is none. */
    lateUsage: text("late_usage", { mode: "json" }).$type<readonly LateUsage[]>(),
    region: text().notNull(),
    /** The call's ProductCode; null when the record carries a LicenseArn, since AWS takes one or the other. */
    productCode: text("product_code"),
    /** AWS's `UsageRecord` as JSON: the very text that is sent, every time. */
    usageRecord: text("usage_record").notNull(),
    /** Number of the hand-over, counted per shard, that brought it. */
    sealing: integer().notNull(),
    sealedAt: integer("sealed_at").notNull(),
    /** 0 goes before 1: AWS takes usage of an agreement that ends for one more hour only. */
    priority: integer().notNull().default(1),
    deadline: integer().notNull(),
    state: text({ enum: recordStates }).notNull(),
    reason: text({ enum: parkReasons }),
    /** How many calls have carried it. */
    attempts: integer().notNull(),
    /** Whether a call has carried it whose answer leaves open that AWS stored it. */
    mayBeHeld: integer("may_be_held", { mode: "boolean" }).notNull(),
    /** Not to be sent before. */
    nextAttemptAt: integer("next_attempt_at").notNull(),
    /** What AWS said last: a status or an error's name. */
    lastAnswer: text("last_answer"),
    meteringRecordId: text("metering_record_id"),
    /** When it left the submitter's hands, or changed after that; null while it is the submitter's. */
    settledAt: integer("settled_at"),
    /** The hour that its quantity has joined. */
    rolledInto: integer("rolled_into"),
  },
  (table) => [
    // Partial: a record leaves it when it is settled, so a tick looks at open work only. By a column that changes
    // once, since each change of the condition's columns is a row written.
    index("records_open")
      .on(table.region, table.priority, table.deadline)
      .where(sql`${table.settledAt} IS NULL`),
    index("records_parked")
      .on(table.id)
      .where(sql`${table.state} = 'parked'`),
    index("records_rolling")
      .on(table.region)
      .where(sql`${table.state} = 'rolling'`),
  ],
);

/**
 * Where the billed units of an (agreement, dimension) are: counters that triggers on `records` keep, so that no
 * change of a record's state can be forgotten.
 */
export const balances = sqliteTable(
  "balances",
  {
    agreementId: text("agreement_id").notNull(),
    dimension: text().notNull(),
    pending: integer().notNull(),
    delivered: integer().notNull(),
    parked: integer().notNull(),
    /** In `rolling` and `rolled_over`. */
    rolled: integer().notNull(),
    writtenOff: integer("written_off").notNull(),
  },
  (table) => [primaryKey({ columns: [table.agreementId, table.dimension] })],
);

/** How far each meter shard's hand-overs have come. Written together with their records. */
export const handovers = sqliteTable("handovers", {
  shard: text().primaryKey(),
  /** Hand-overs up to this number are in `records`. */
  sealing: integer().notNull(),
});

/** How the delivery of a product goes. */
export const deliveries = sqliteTable("deliveries", {
  productId: text("product_id").primaryKey(),
  lastSuccessAt: integer("last_success_at"),
  /** Calls that have failed one after another. */
  failures: integer().notNull(),
  /** Nothing of the product is sent before. */
  notBefore: integer("not_before").notNull(),
  /** Since when a setting has been wrong; null while none is known to be. */
  pausedAt: integer("paused_at"),
  /** AWS's name of the last failure, and what to do about it. */
  errorCode: text("error_code"),
  errorDetail: text("error_detail"),
});

/** When the submitter of a Region was last at work. */
export const submitters = sqliteTable("submitters", {
  region: text().primaryKey(),
  lastTickAt: integer("last_tick_at").notNull(),
});

/** One BatchMeterUsage call, written before it is made. The audit trail. */
export const attempts = sqliteTable("attempts", {
  id: text().primaryKey(),
  productId: text("product_id").notNull(),
  region: text().notNull(),
  startedAt: integer("started_at").notNull(),
  /** Ids of the records it carries, a JSON array. */
  recordIds: text("record_ids").notNull(),
  /** Null while it is not known whether the call reached AWS. */
  finishedAt: integer("finished_at"),
  requestId: text("request_id"),
  /** AWS's error, when the call as a whole failed. */
  error: text(),
});

export const actionKinds = ["send_again", "roll_over", "write_off", "mark_delivered", "release"] as const;
export type ActionKind = (typeof actionKinds)[number];

/** What persons decided about parked work. Part of the audit trail: rows are added and finished, never taken away. */
export const actions = sqliteTable(
  "actions",
  {
    /** Begins with its time, so that ids are in the order of the decisions. */
    id: text().primaryKey(),
    action: text({ enum: actionKinds }).notNull(),
    productId: text("product_id").notNull(),
    agreementId: text("agreement_id").notNull(),
    dimension: text().notNull(),
    hour: integer().notNull(),
    /** Null for held usage, which is in no record. */
    recordId: text("record_id"),
    /** Posted units, an exact decimal. */
    quantity: text().notNull(),
    note: text(),
    decidedAt: integer("decided_at").notNull(),
    /** When the shard had done it; null until then. */
    doneAt: integer("done_at"),
    /** The hour that bills released usage. */
    billedHour: integer("billed_hour"),
  },
  (table) => [
    index("actions_record").on(table.recordId),
    index("actions_undone")
      .on(table.id)
      .where(sql`${table.doneAt} IS NULL`),
  ],
);
