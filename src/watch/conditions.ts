import { sql } from "drizzle-orm";
import { hasUnreadContract } from "../ledger/allowances.ts";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import type { AlarmKind, IncidentKind, ParkReason } from "../ledger/schema.ts";
import { ACCEPTANCE_WINDOW, HOUR, MINUTE } from "../meter/hours.ts";

/** Something that a person must know of. */
export interface Condition {
  readonly kind: AlarmKind;
  /** What it is about: a product, a Region, a shard. One alarm is open for each kind and subject. */
  readonly subject: string;
  /** What is the matter, and what to do. */
  readonly detail: string;
  /** How much of it there is. */
  readonly size: number;
}

/** How much of a record's way, from its sealing to its deadline, passes before a person is told. */
const ALARM_FRACTION = 3 / 4;

/** What is left of that way is no longer than this, since AWS takes usage for a day: records of later are not read. */
const LATEST_ALARM = ACCEPTANCE_WINDOW * (1 - ALARM_FRACTION);

/** A customer waits for AWS this long before a person is told, unless a person has to mend something. */
const PATIENCE = 5 * MINUTE;

/** Hours of a contract that is not known stay open, and there is a day to read it. */
const ENTITLEMENTS_PATIENCE = HOUR;

/** So many times in a row the receiver of webhooks may be down before a person is told: some minutes, as messages are repeated. */
const RUNS_OF_PATIENCE = 3;

/** The cron trigger fires every minute. */
const TICK_SILENCE = 10 * MINUTE;

interface NearRow {
  readonly product: string;
  readonly count: number;
  readonly deadline: number;
  readonly answer: string | null;
}

interface ParkedRow {
  readonly product: string;
  readonly reason: ParkReason;
  readonly count: number;
}

interface PausedRow {
  readonly product: string;
  readonly code: string | null;
  readonly detail: string | null;
}

interface ReportRow {
  readonly shard: string;
  readonly held: number;
  readonly difference: string | null;
  readonly handoverError: string | null;
}

interface WaitingRow {
  readonly code: string;
  readonly detail: string | null;
  readonly count: number;
  readonly expiresAt: number;
}

interface LostRow {
  readonly code: string;
  readonly detail: string | null;
  readonly count: number;
}

interface IncidentRow {
  readonly kind: IncidentKind;
  readonly subject: string;
  readonly detail: string;
  readonly count: number;
}

interface FailingRow {
  readonly product: string;
  readonly count: number;
  readonly error: string | null;
}

interface UnreadRow {
  readonly product: string;
  readonly count: number;
  readonly until: number;
}

/**
 * What a person must know of now. Reads records near their deadline and parked ones, never the others: each query names the
 * partial index that it walks.
 *
 * @param now epoch milliseconds
 */
export async function findConditions(ledger: Ledger, now: number): Promise<Condition[]> {
  const [
    near = [],
    parked = [],
    paused = [],
    silent = [],
    reports = [],
    waiting = [],
    lost = [],
    failing = [],
    unread = [],
    happened = [],
  ] = (await inOneTransaction(ledger, [
    sql`
      SELECT product_id AS product, count(*) AS count, min(deadline) AS deadline, max(last_answer) AS answer
      FROM records INDEXED BY records_open
      WHERE region IN (SELECT region FROM products) AND priority IN (0, 1) AND deadline <= ${now + LATEST_ALARM}
      AND settled_at IS NULL AND quantity > 0 AND ${now} >= sealed_at + (deadline - sealed_at) * ${ALARM_FRACTION}
      GROUP BY product_id`,
    sql`
      SELECT product_id AS product, reason, count(*) AS count
      FROM records INDEXED BY records_parked WHERE state = 'parked' GROUP BY product_id, reason`,
    sql`
      SELECT product_id AS product, error_code AS code, error_detail AS detail
      FROM deliveries WHERE paused_at IS NOT NULL`,
    sql`SELECT region FROM submitters WHERE last_tick_at < ${now - TICK_SILENCE}`,
    sql`
      SELECT shard, held_accounts AS held, difference, handover_error AS handoverError FROM shard_reports
      WHERE held_accounts > 0 OR difference IS NOT NULL OR handover_error IS NOT NULL`,
    sql`
      SELECT coalesce(error_code, '') AS code, max(error_detail) AS detail, count(*) AS count, min(expires_at) AS expiresAt
      FROM arrivals INDEXED BY arrivals_waiting
      WHERE token IS NOT NULL AND (needs_person OR arrived_at <= ${now - PATIENCE}) GROUP BY error_code`,
    sql`
      SELECT coalesce(error_code, '') AS code, max(error_detail) AS detail, count(*) AS count
      FROM arrivals INDEXED BY arrivals_lost WHERE token IS NULL AND agreement_id IS NULL GROUP BY error_code`,
    sql`
      SELECT product_id AS product, count(*) AS count, max(entitlements_error) AS error
      FROM agreements INDEXED BY agreements_entitlements_failing
      WHERE entitlements_failing_since <= ${now - ENTITLEMENTS_PATIENCE} AND usage_until IS NULL GROUP BY product_id`,
    sql`
      SELECT product_id AS product, count(*) AS count, min(usage_until) AS until
      FROM agreements INDEXED BY agreements_ending
      WHERE closed_at IS NULL AND usage_until > ${now} AND ${hasUnreadContract} GROUP BY product_id`,
    // One that stands for a topic that no product names any more is nobody's matter; a receiver may be down for a moment.
    sql`
      SELECT kind, subject, detail, count FROM incidents
      WHERE (kind <> 'notices_unsubscribed' OR subject IN (SELECT value FROM products, json_each(products.sns_topics)))
      AND (kind <> 'webhooks_failing' OR count >= ${RUNS_OF_PATIENCE})`,
  ])) as unknown as Rows;
  return [
    ...near.map(nearDeadline),
    ...parked.map(parkedRecords),
    ...paused.map(pausedProduct),
    ...silent.map(({ region }) => ({
      kind: "ticks_missing" as const,
      subject: region,
      detail: `The cron trigger has not fired for ${region} in ten minutes. Records go out by the second clock, later than they should: look at the Worker's cron events on Cloudflare's dashboard.`,
      size: 1,
    })),
    ...reports.flatMap(ofReport),
    ...waiting.map(waitingCustomers),
    ...lost.map(lostCustomers),
    ...failing.map(failingContracts),
    ...unread.map(unreadContracts),
    ...happened.map(ofIncident),
  ];
}

type Rows = [
  NearRow[]?,
  ParkedRow[]?,
  PausedRow[]?,
  { region: string }[]?,
  ReportRow[]?,
  WaitingRow[]?,
  LostRow[]?,
  FailingRow[]?,
  UnreadRow[]?,
  IncidentRow[]?,
];

function waitingCustomers({ code, detail, count, expiresAt }: WaitingRow): Condition {
  const who = count === 1 ? "A customer waits" : `${count} customers wait`;
  return {
    kind: "registration_waiting",
    subject: code,
    detail: `${who} to be registered, the first until ${new Date(expiresAt).toISOString()}, when AWS's token ends: ${detail ?? code} It is tried again and again until then.`,
    size: count,
  };
}

function ofIncident({ kind, subject, detail, count }: IncidentRow): Condition {
  if (kind === "registration_lost") return lostCustomers({ code: subject, detail, count });
  // It is no worse for lasting longer.
  return { kind, subject, detail, size: kind === "webhooks_failing" ? 1 : count };
}

function lostCustomers({ code, detail, count }: LostRow): Condition {
  return {
    kind: "registration_lost",
    subject: code,
    detail: `In the last day customers could not be let in: ${detail ?? code} They have to press "Set up your account" on AWS Marketplace again; tell those whom you know.`,
    size: count,
  };
}

function failingContracts({ product, count, error }: FailingRow): Condition {
  const what = count === 1 ? "A contract" : `${count} contracts`;
  return {
    kind: "entitlements_failing",
    subject: product,
    detail: `${what} of product ${product} cannot be read: ${error ?? ""} Usage whose included quantity is not known yet is kept and not billed until then; AWS takes it for 24 hours.`,
    size: count,
  };
}

function unreadContracts({ product, count, until }: UnreadRow): Condition {
  const [what, whose] =
    count === 1 ? ["An agreement", "its contract"] : [`${count} agreements`, "their contracts"];
  return {
    kind: "contract_unread",
    subject: product,
    detail: `${what} of product ${product} ${count === 1 ? "ends" : "end"} before ${whose} could be read, the first in the final hour until ${new Date(until).toISOString()}. Usage whose included quantity is not known stays unbilled, unless AWS answers by then. To have all of it billed: PATCH /v1/products/${encodeURIComponent(product)} with "included": null for the dimensions, and set it again two minutes later; what other customers have used in hours that are sealed meanwhile is billed in full, too.`,
    size: count,
  };
}

function nearDeadline({ product, count, deadline, answer }: NearRow): Condition {
  const why = answer === null ? "they have not been sent yet" : `AWS's last answer: ${answer}`;
  return {
    kind: "deadline_near",
    subject: product,
    detail: `${records(count)} of product ${product} ${count === 1 ? "has" : "have"} a quarter of the time left, the first until ${new Date(deadline).toISOString()}; ${why}. GET /v1/records?product=${encodeURIComponent(product)}&state=pending, or state=waiting, lists them.`,
    size: count,
  };
}

function parkedRecords({ product, reason, count }: ParkedRow): Condition {
  return {
    kind: "parked",
    subject: `${product}:${reason}`,
    detail: `${records(count)} of product ${product} ${count === 1 ? "waits" : "wait"} for a person as ${reason}. GET /v1/parked?product=${encodeURIComponent(product)}&reason=${reason} says what may be done.`,
    size: count,
  };
}

function pausedProduct({ product, code, detail }: PausedRow): Condition {
  return {
    kind: "product_paused",
    subject: product,
    detail: `Delivery of product ${product} pauses: ${code ?? "a setting is wrong"}. ${detail ?? ""} It is tried again every five minutes and goes on by itself once that is mended.`,
    size: 1,
  };
}

function ofReport({ shard, held, difference, handoverError }: ReportRow): Condition[] {
  const found: Condition[] = [];
  if (held > 0) {
    const detail = `${held} accounts of shard ${shard} hold late usage that waits for a person. GET /v1/held lists it.`;
    found.push({ kind: "usage_held", subject: shard, detail, size: held });
  }
  if (difference !== null) {
    const detail = `The books of shard ${shard} do not agree: ${difference} Nothing is corrected by itself; please report it.`;
    found.push({ kind: "books_differ", subject: shard, detail, size: 1 });
  }
  if (handoverError !== null) {
    const detail = `Sealed hours of shard ${shard} do not reach the ledger: ${handoverError}. It is tried again every ten seconds.`;
    found.push({ kind: "handover_failing", subject: shard, detail, size: 1 });
  }
  return found;
}

const records = (count: number): string => `${count} ${count === 1 ? "record" : "records"}`;
