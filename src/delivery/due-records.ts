import { and, asc, eq, gt, isNull, lte, sql } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import { records } from "../ledger/schema.ts";
import { HOUR } from "../meter/hours.ts";
import { SEND_MARGIN } from "./deadlines.ts";

/** A record that is to be sent, as planning knows it: what it carries is read when its call is made. */
export interface DueRecord {
  readonly id: string;
  readonly productId: string;
  /** Null for a record with a LicenseArn. */
  readonly productCode: string | null;
  readonly agreementId: string;
  readonly dimension: string;
  /** Of its UsageRecord as JSON. */
  readonly bytes: number;
  /** Whether it is of an agreement that ends, or near its deadline: it waits for no fuller call. */
  readonly isUrgent: boolean;
}

/** So near its deadline a record is urgent. */
const URGENT = 2 * HOUR;

export interface Due {
  readonly region: string;
  /** Only what may be sent since this time or before; epoch milliseconds. */
  readonly since: number;
  /** AWS takes none whose deadline has come; epoch milliseconds. */
  readonly now: number;
  /** Products of which nothing is to be sent now. */
  readonly without: readonly string[];
  readonly limit: number;
}

/** Records of a Region whose time to be sent has come and not gone, the most urgent first. */
export function dueRecords(ledger: Ledger, due: Due): Promise<DueRecord[]> {
  const { region, since, now, without, limit } = due;
  return ledger
    .select({
      id: records.id,
      productId: records.productId,
      productCode: records.productCode,
      agreementId: records.agreementId,
      dimension: records.dimension,
      bytes: sql<number>`length(CAST(${records.usageRecord} AS BLOB))`,
      isUrgent: sql`${records.priority} = 0 OR ${records.deadline} < ${now + URGENT}`.mapWith(Boolean),
    })
    .from(records)
    .where(
      and(
        eq(records.region, region),
        isNull(records.settledAt),
        lte(records.nextAttemptAt, since),
        gt(records.deadline, now + SEND_MARGIN),
        sql`${records.productId} NOT IN (SELECT value FROM json_each(${JSON.stringify(without)}))`,
      ),
    )
    .orderBy(asc(records.priority), asc(records.deadline))
    .limit(limit);
}
