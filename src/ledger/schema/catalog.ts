import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { aggregations, latePolicies } from "../../meter/dimension.ts";

/** How often an allowance begins anew. */
export const allowancePeriods = ["hour", "month", "term"] as const;
export type AllowancePeriod = (typeof allowancePeriods)[number];

/** What the hosted registration page shows of the seller. */
export interface PageSettings {
  readonly seller?: string | undefined;
  readonly logoUrl?: string | undefined;
  /** `#rrggbb` */
  readonly color?: string | undefined;
  /** Where a customer finds help: an e-mail address or a web address. */
  readonly support?: string | undefined;
  /** What happens next, in a sentence or two. */
  readonly next?: string | undefined;
}

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
  /** From which hour on they do, for a product that moves to it; null when it does not move. */
  concurrentAgreementsFrom: integer("concurrent_agreements_from"),
  /** Whether customers buy quantities in advance, which GetEntitlements tells. */
  contract: integer({ mode: "boolean" }).notNull().default(false),
  /** The SNS topics whose messages are taken. */
  snsTopics: text("sns_topics", { mode: "json" }).$type<readonly string[]>().notNull().default([]),
  /** Where a customer goes after registration; empty for the page that the gateway has itself. */
  signUpUrl: text("sign_up_url").notNull(),
  /** What the gateway's own page shows of the seller; null for the product's name alone. */
  page: text({ mode: "json" }).$type<PageSettings>(),
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
    /** The contract's dimension that says how much is included; null when all usage is billed. */
    includedBy: text("included_by"),
    /** How often that is included. */
    includedPer: text("included_per", { enum: allowancePeriods }),
  },
  (table) => [primaryKey({ columns: [table.productId, table.name] })],
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
