import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { EncodedTerm } from "../../meter/allowance.ts";
import { products } from "./catalog.ts";

/** What an agreement's end has left unbilled, per dimension, in posted units. */
export interface UnbilledUsage {
  readonly dimension: string;
  /** Exact decimal. */
  readonly quantity: string;
}

/**
 * What a customer (an AWS account that bought) has bought: one agreement, billed on its own. From `awsAgreementId` to
 * `usageUntil` it is what the agreement's notices come to; see src/customers/life.ts.
 */
export const agreements = sqliteTable(
  "agreements",
  {
    id: text().primaryKey(),
    productId: text("product_id")
      .notNull()
      .references(() => products.id),
    accountId: text("account_id"),
    licenseArn: text("license_arn"),
    /** The last part of the LicenseArn: notices write the rest of it in more than one way. */
    licenseId: text("license_id"),
    /** AWS's legacy id of the customer; absent for products with concurrent agreements. */
    customerIdentifier: text("customer_identifier"),
    /** The seller's own id for the customer. */
    customer: text(),
    /** The own id that the customer's next agreement has taken over, and until when it stood for this one's usage. */
    formerCustomer: text("former_customer"),
    formerUntil: integer("former_until"),
    /** The meter shard that counts it, for ever: ids and carry live there. */
    shard: integer().notNull(),
    registeredAt: integer("registered_at").notNull(),
    /** AWS's id of the agreement, `agmt-…`; null until a notice has said it. */
    awsAgreementId: text("aws_agreement_id"),
    /** When AWS lets it begin and end; null while it is not known. */
    startsAt: integer("starts_at"),
    endsAt: integer("ends_at"),
    /** When its present term began: a renewal begins another. */
    termStartsAt: integer("term_starts_at"),
    /** When it became active; null while it is pending. */
    activatedAt: integer("activated_at"),
    /** When the customer came back after an end; null while there was none. */
    returnedAt: integer("returned_at"),
    freeTrial: integer("free_trial", { mode: "boolean" }).notNull().default(false),
    /** When it ended: usage from then on is refused. */
    endedAt: integer("ended_at"),
    /** Until when AWS takes its usage; null while no end is known. */
    usageUntil: integer("usage_until"),
    /** Counts the changes of the above: of two that are made at once, one begins again. */
    lifeVersion: integer("life_version").notNull().default(0),
    /** When its final hour was over and what it has left was counted. */
    closedAt: integer("closed_at"),
    unbilled: text({ mode: "json" }).$type<readonly UnbilledUsage[]>(),
    /** When its entitlements are to be read; null when they are not. */
    entitlementsDueAt: integer("entitlements_due_at"),
    /** Whether that is since something is known to have happened, and not only as each day. */
    entitlementsUrgent: integer("entitlements_urgent", { mode: "boolean" }).notNull().default(false),
    entitlementsReadAt: integer("entitlements_read_at"),
    /** Since when reading them fails, and what AWS has said, as a sentence. */
    entitlementsFailingSince: integer("entitlements_failing_since"),
    entitlementsError: text("entitlements_error"),
  },
  (table) => [
    uniqueIndex("agreements_customer").on(table.productId, table.customer),
    index("agreements_former_customer").on(table.productId, table.formerCustomer),
    index("agreements_account").on(table.productId, table.accountId),
    uniqueIndex("agreements_license").on(table.productId, table.licenseArn),
    index("agreements_customer_identifier").on(table.productId, table.customerIdentifier),
    index("agreements_license_id").on(table.licenseId),
    index("agreements_aws_agreement").on(table.awsAgreementId),
    index("agreements_holder").on(sql`coalesce(account_id, customer_identifier)`, table.id),
    // Partial: each tick looks at the agreements that something is to happen to, and at no others.
    index("agreements_ending")
      .on(table.usageUntil)
      .where(sql`${table.usageUntil} IS NOT NULL AND ${table.closedAt} IS NULL`),
    index("agreements_entitlements_due")
      .on(table.entitlementsDueAt)
      .where(sql`${table.entitlementsDueAt} IS NOT NULL`),
    index("agreements_entitlements_failing")
      .on(table.entitlementsFailingSince)
      .where(sql`${table.entitlementsFailingSince} IS NOT NULL`),
  ],
);

export const noticeKinds = [
  "registered",
  "agreement_created",
  "activated",
  "seen_active",
  "entitlements_changed",
  "agreement_ended",
  "ending",
  "failed",
  "closed",
  "other",
] as const;
export type NoticeKind = (typeof noticeKinds)[number];

export const noticeSources = ["eventbridge", "sns", "operator", "gateway"] as const;
export type NoticeSource = (typeof noticeSources)[number];

/** What a notice says beside its kind and its time; absent where it says nothing. */
export interface NoticeFacts {
  /** AWS's own name of the notice. */
  readonly name?: string;
  readonly intent?: string;
  readonly status?: string;
  readonly previousAgreementId?: string;
  /** Epoch milliseconds. */
  readonly startsAt?: number;
  /** Epoch milliseconds; absent when there is no end. */
  readonly endsAt?: number;
  readonly freeTrial?: boolean;
  readonly licenseArn?: string;
  readonly form?: FormFields;
}

/**
 * The optional fields of the form that brought a customer. They come by the customer's browser: shown and never
 * believed.
 */
export interface FormFields {
  readonly offerType?: string;
  readonly agreementId?: string;
  readonly productId?: string;
  readonly fulfillmentUrl?: string;
}

/** What was heard of an agreement's life, from AWS, a person, or what AWS answered. Rows are never changed except to say whose they are and when they were applied; of those without an agreement, the old ones are deleted. */
export const notices = sqliteTable(
  "notices",
  {
    /** `eventbridge:` or `sns:` and the sender's id, or `operator:` or `gateway:` and what it says: what is sent twice is here once. */
    id: text().primaryKey(),
    source: text({ enum: noticeSources }).notNull(),
    kind: text({ enum: noticeKinds }).notNull(),
    occurredAt: integer("occurred_at").notNull(),
    receivedAt: integer("received_at").notNull(),
    facts: text({ mode: "json" }).$type<NoticeFacts>().notNull(),
    // What it is about, as far as it says.
    productCode: text("product_code"),
    licenseId: text("license_id"),
    awsAgreementId: text("aws_agreement_id"),
    accountId: text("account_id"),
    customerIdentifier: text("customer_identifier"),
    /** Whose it is; null until that agreement has registered. */
    agreementId: text("agreement_id"),
    /** When the agreement had become what it says; null until then. */
    appliedAt: integer("applied_at"),
  },
  (table) => [
    index("notices_agreement").on(table.agreementId, table.occurredAt),
    index("notices_unapplied")
      .on(table.agreementId)
      .where(sql`${table.appliedAt} IS NULL AND ${table.agreementId} IS NOT NULL`),
    // By id to be listed, by age to be forgotten.
    index("notices_unmatched")
      .on(table.id)
      .where(sql`${table.agreementId} IS NULL`),
    index("notices_unmatched_age")
      .on(table.receivedAt)
      .where(sql`${table.agreementId} IS NULL`),
    index("notices_unknown_license")
      .on(table.licenseId)
      .where(sql`${table.agreementId} IS NULL`),
    // Of those that are known, too: what AWS tells later of an agreement's former id is of the same agreement.
    index("notices_aws_agreement")
      .on(table.awsAgreementId)
      .where(sql`${table.awsAgreementId} IS NOT NULL`),
    index("notices_unknown_renewal")
      .on(sql`facts ->> 'previousAgreementId'`)
      .where(sql`${table.agreementId} IS NULL`),
    index("notices_unknown_account")
      .on(table.productCode, table.accountId)
      .where(sql`${table.agreementId} IS NULL`),
    index("notices_unknown_identifier")
      .on(table.productCode, table.customerIdentifier)
      .where(sql`${table.agreementId} IS NULL`),
  ],
);

/**
 * Customers who came while AWS could not say who they are; for a token's life, whose token it was; and for a day, who
 * could not be let in at all.
 */
export const arrivals = sqliteTable(
  "arrivals",
  {
    /** SHA-256 of the waiting page's ticket, hexadecimal. */
    id: text().primaryKey(),
    /** The registration token, encrypted; null once it is not needed any more. */
    token: text(),
    /** The product that the address names; null when it names none. */
    productId: text("product_id"),
    arrivedAt: integer("arrived_at").notNull(),
    fields: text({ mode: "json" }).$type<FormFields>().notNull().default({}),
    /** When AWS takes the token no more; later, when this is forgotten. */
    expiresAt: integer("expires_at").notNull(),
    nextAttemptAt: integer("next_attempt_at").notNull(),
    attempts: integer().notNull(),
    /** Why it waits: AWS's name of the failure, and what to do about it. */
    errorCode: text("error_code"),
    errorDetail: text("error_detail"),
    /** Whether a person has to mend something before it can go on. */
    needsPerson: integer("needs_person", { mode: "boolean" }).notNull(),
    /** Who it was. Null with no token: nobody could be let in before it ended. */
    agreementId: text("agreement_id"),
    /** When the waiting page has first sent the customer on. */
    sentOnAt: integer("sent_on_at"),
  },
  (table) => [
    index("arrivals_lost")
      .on(table.errorCode)
      .where(sql`${table.token} IS NULL AND ${table.agreementId} IS NULL`),
    index("arrivals_waiting")
      .on(table.nextAttemptAt)
      .where(sql`${table.token} IS NOT NULL`),
    index("arrivals_expiry").on(table.expiresAt),
  ],
);

/** One-time codes that customers bring to the seller's sign-up page, or to the hosted one. */
export const registrationCodes = sqliteTable(
  "registration_codes",
  {
    /** SHA-256 of the code, hexadecimal. */
    id: text().primaryKey(),
    agreementId: text("agreement_id").notNull(),
    expiresAt: integer("expires_at").notNull(),
    redeemedAt: integer("redeemed_at"),
    /** The seller's own id that it was redeemed with. */
    customer: text(),
  },
  (table) => [index("registration_codes_expiry").on(table.expiresAt)],
);

/** What a customer wrote on the hosted page: personal data, apart from all else, and erased without touching the books. */
export const contacts = sqliteTable(
  "contacts",
  {
    agreementId: text("agreement_id").primaryKey(),
    email: text().notNull(),
    name: text(),
    company: text(),
    givenAt: integer("given_at").notNull(),
  },
  () => [index("contacts_email").on(sql`lower(email)`)],
);

/** Answers of AWS's that lack something which it has said before. */
export interface Lack<Said> {
  /** The first of them, epoch milliseconds. */
  readonly since: number;
  /** What the last one said instead. */
  readonly said: Said;
}

/** The value of an entitlement, and until when it is that much at least. */
export interface EntitlementValue {
  readonly value: number | boolean | string;
  /** Epoch milliseconds; null while AWS names no end. */
  readonly expiresAt: number | null;
}

/** What a customer's contract includes: the last that GetEntitlements has said and is believed. */
export const entitlements = sqliteTable(
  "entitlements",
  {
    agreementId: text("agreement_id").notNull(),
    /** AWS's API name of the contract's dimension. */
    dimension: text().notNull(),
    /** A number, a boolean or a text, as JSON. */
    value: text().notNull(),
    expiresAt: integer("expires_at"),
    /** While AWS's answers say less than that, or nothing: that is not believed yet. */
    lack: text({ mode: "json" }).$type<Lack<EntitlementValue | null>>(),
  },
  (table) => [primaryKey({ columns: [table.agreementId, table.dimension] })],
);

/** How much a contract includes of a dimension until a time. */
export interface Step {
  /** Epoch milliseconds; null when there is no end. */
  readonly until: number | null;
  /** Posted units in each period, in billionths, as digits. */
  readonly quantity: string;
}

/**
 * From when on a contract's terms do not say what is included, and why. Times are epoch milliseconds.
 *
 * - `none`: all of it is known
 * - `awaited`: AWS has said nothing of it yet: of a new agreement, since the customer's return, or, since 0, since what is
 *   included was set
 * - `missing`: AWS's answers lack what it has said before, or a part of it
 * - `assumed_nothing`: AWS has said nothing for so long that nothing is taken to be included
 */
export type Gap =
  | { readonly kind: "none" }
  | {
      readonly kind: "awaited";
      readonly since: number;
      /** The first of AWS's answers, all of them empty; null while there is none. */
      readonly emptySince: number | null;
      /** When the period began that was drawn on while nothing was assumed; null when that never was. */
      readonly began: number | null;
    }
  | { readonly kind: "missing"; readonly since: number; readonly lack: Lack<readonly Step[]> }
  | {
      readonly kind: "assumed_nothing";
      readonly since: number;
      /** When the period began that is drawn on. */
      readonly began: number;
    };

/** What is known of how much of a metered dimension a contract includes; see src/customers/contracts/terms.ts. */
export const allowances = sqliteTable(
  "allowances",
  {
    agreementId: text("agreement_id").notNull(),
    dimension: text().notNull(),
    /** Oldest first. */
    terms: text({ mode: "json" }).$type<readonly EncodedTerm[]>().notNull().default([]),
    /** Until when the agreement's beginnings have begun a term, or are known to have begun none. */
    accountedUntil: integer("accounted_until").notNull().default(0),
    gap: text({ mode: "json" })
      .$type<Gap>()
      .notNull()
      .default({ kind: "awaited", since: 0, emptySince: null, began: null }),
    /** Counts what is to be told to the shard. */
    version: integer().notNull().default(0),
    /** When the shard had it; null until then. */
    toldAt: integer("told_at"),
  },
  (table) => [
    primaryKey({ columns: [table.agreementId, table.dimension] }),
    index("allowances_untold")
      .on(table.agreementId)
      .where(sql`${table.toldAt} IS NULL`),
  ],
);
