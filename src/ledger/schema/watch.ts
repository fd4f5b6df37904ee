import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

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
  "registration_waiting",
  "registration_lost",
  "registration_misplaced",
  "entitlements_failing",
  "contract_unread",
  "notices_refused",
  "notices_unsubscribed",
  "webhooks_failing",
] as const;
export type AlarmKind = (typeof alarmKinds)[number];

export const incidentKinds = [
  "registration_lost",
  "registration_misplaced",
  "notices_refused",
  "notices_unsubscribed",
  "webhooks_failing",
] as const;
export type IncidentKind = (typeof incidentKinds)[number];

/** What has happened, and has left nothing else by which a person could be told of it. */
export const incidents = sqliteTable(
  "incidents",
  {
    kind: text({ enum: incidentKinds }).notNull(),
    /** What of the kind it is, or what it is about. */
    subject: text().notNull(),
    /** What has happened, and what to do. Words of ours: a stranger may have caused it. */
    detail: text().notNull(),
    /** How often. */
    count: integer().notNull(),
    /** The last time. */
    happenedAt: integer("happened_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.kind, table.subject] })],
);

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
    /** The agreement that it is about; null for alarms. */
    agreementId: text("agreement_id"),
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
    // Alarms, which do not wait behind what agreements have to tell.
    index("messages_undelivered_alarms")
      .on(table.nextAttemptAt)
      .where(sql`${table.deliveredAt} IS NULL AND ${table.agreementId} IS NULL`),
    index("messages_agreement")
      .on(table.agreementId)
      .where(sql`${table.agreementId} IS NOT NULL`),
  ],
);
