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

export const recordStates = ["pending", "sent", "waiting", "delivered", "parked"] as const;
export type RecordState = (typeof recordStates)[number];

export const parkReasons = ["conflict", "refused", "expired", "uncertain"] as const;
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
    /** When it was delivered or parked; null while it is the submitter's. */
    settledAt: integer("settled_at"),
  },
  (table) => [
    // Partial: a record leaves it when it is settled, so a tick looks at open work only. By a column that changes
    // once, since each change of the condition's columns is a row written.
    index("records_open")
      .on(table.region, table.deadline)
      .where(sql`${table.settledAt} IS NULL`),
  ],
);

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
