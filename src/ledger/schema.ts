import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { aggregations, latePolicies } from "../meter/dimension.ts";

import type { LateUsage } from "../meter/account.ts";

// Times are epoch milliseconds, except where AWS's wire format is kept as it is. docs/storage.md describes each table.

/** One AWS Marketplace listing. */
export const products = sqliteTable("products", {
  id: text().primaryKey(),
  name: text().notNull(),
  /** AWS's product code, which BatchMeterUsage and ResolveCustomer speak of. */
  productCode: text("product_code").notNull().unique(),
  /** The one Region that this product is metered in: AWS dedupes per Region. */
  region: text().notNull(),
  /** Whether records carry LicenseArn and no ProductCode, as AWS demands of products created since June 2026. */
  concurrentAgreements: integer("concurrent_agreements", { mode: "boolean" }).notNull(),
  /** Where a customer goes after registration. */
  signUpUrl: text("sign_up_url").notNull(),
  settleSeconds: integer("settle_seconds").notNull(),
  lateSettleSeconds: integer("late_settle_seconds").notNull(),
  /** How many days an id counts once. */
  dedupeDays: integer("dedupe_days").notNull().default(35),
  /** Whether AWS is told of hours without usage, too. */
  zeroHeartbeat: integer("zero_heartbeat", { mode: "boolean" }).notNull().default(false),
  /** How many meter shards new agreements are spread over. */
  shards: integer().notNull(),
  createdAt: integer("created_at").notNull(),
});

/** A metered unit of a product. How it is counted never changes: what is counted would change its meaning. */
export const dimensions = sqliteTable(
  "dimensions",
  {
    productId: text("product_id")
      .notNull()
      .references(() => products.id),
    /** AWS's API name of the dimension; case-sensitive. */
    name: text().notNull(),
    aggregation: text({ enum: aggregations }).notNull().default("sum"),
    /** How many posted units make one billed unit. */
    divisor: integer().notNull().default(1),
    /** The tag whose distinct values are counted; null unless the aggregation is `unique`. */
    uniqueTag: text("unique_tag"),
    late: text({ enum: latePolicies }).notNull().default("carry_forward"),
  },
  (table) => [primaryKey({ columns: [table.productId, table.name] })],
);

/** What a customer (an AWS account that bought) has bought: one agreement, billed on its own. */
export const agreements = sqliteTable(
  "agreements",
  {
    id: text().primaryKey(),
    productId: text("product_id")
      .notNull()
      .references(() => products.id),
    accountId: text("account_id"),
    licenseArn: text("license_arn"),
    /** AWS's legacy id of the customer; absent for products with concurrent agreements. */
    customerIdentifier: text("customer_identifier"),
    /** The seller's own id for the customer. */
    customer: text(),
    /** The meter shard that counts it, for ever: ids and carry live there. */
    shard: integer().notNull(),
    registeredAt: integer("registered_at").notNull(),
    /** Until when AWS takes its usage; null while no end is known. */
    usageUntil: integer("usage_until"),
  },
  (table) => [
    uniqueIndex("agreements_customer").on(table.productId, table.customer),
    index("agreements_account").on(table.productId, table.accountId),
    uniqueIndex("agreements_license").on(table.productId, table.licenseArn),
    index("agreements_customer_identifier").on(table.productId, table.customerIdentifier),
  ],
);

/** Ingest keys. Only a hash is kept: what is not here cannot leak. */
export const keys = sqliteTable("keys", {
  id: text().primaryKey(),
  productId: text("product_id")
    .notNull()
    .references(() => products.id),
  name: text(),
  /** SHA-256 of the key, hexadecimal. */
  hash: text().notNull().unique(),
  createdAt: integer("created_at").notNull(),
  revokedAt: integer("revoked_at"),
});

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

/** What each meter shard says of itself. Written when it has something to say, not each time it is asked. */
export const shardReports = sqliteTable("shard_reports", {
  shard: text().primaryKey(),
  reportedAt: integer("reported_at").notNull(),
  /** How many (agreement, dimension) have late usage that waits for a person. */
  heldAccounts: integer("held_accounts").notNull(),
  /** What the self-check of the books has found; null when they agree. */
  difference: text(),
  /** Why sealed hours do not reach the ledger; null when they do. */
  handoverError: text("handover_error"),
});

export const alarmKinds = [
  "deadline_near",
  "parked",
  "usage_held",
  "product_paused",
  "ticks_missing",
  "books_differ",
  "handover_failing",
] as const;
export type AlarmKind = (typeof alarmKinds)[number];

/** Conditions that a person must know of, from when they arise until they are over. */
export const alarms = sqliteTable(
  "alarms",
  {
    id: text().primaryKey(),
    kind: text({ enum: alarmKinds }).notNull(),
    /** What it is about: a product, a Region, a shard. */
    subject: text().notNull(),
    /** What is the matter, and what to do. */
    detail: text().notNull(),
    /** How much of it there is. */
    size: integer().notNull(),
    raisedAt: integer("raised_at").notNull(),
    /** When a person was last told, and of how much: an alarm that grows is told again. */
    toldAt: integer("told_at").notNull(),
    toldSize: integer("told_size").notNull(),
    clearedAt: integer("cleared_at"),
  },
  (table) => [
    uniqueIndex("alarms_open")
      .on(table.kind, table.subject)
      .where(sql`${table.clearedAt} IS NULL`),
  ],
);

/** Webhook messages, until they are delivered and for a while after. */
export const messages = sqliteTable(
  "messages",
  {
    /** The `webhook-id`: a receiver that has seen it has seen the message. */
    id: text().primaryKey(),
    type: text().notNull(),
    /** The body, as it is signed and sent every time. */
    payload: text().notNull(),
    createdAt: integer("created_at").notNull(),
    attempts: integer().notNull(),
    nextAttemptAt: integer("next_attempt_at").notNull(),
    deliveredAt: integer("delivered_at"),
    /** Why the last attempt failed. */
    error: text(),
  },
  (table) => [
    index("messages_undelivered")
      .on(table.nextAttemptAt)
      .where(sql`${table.deliveredAt} IS NULL`),
  ],
);
