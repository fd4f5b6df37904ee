import { eq, sql } from "drizzle-orm";
import type { SealedHour } from "../meter/account.ts";
import { hasConcurrentAgreements } from "./concurrent-agreements.ts";
import { inOneTransaction, type Ledger } from "./database.ts";
import { HOUR, SECOND } from "../meter/hours.ts";
import { recordId } from "./record-id.ts";
import { agreements, products, type ParkReason, type RecordState } from "./schema.ts";
import { usageRecordOf, type AgreementIdentity } from "./usage-record.ts";

/** Text that one D1 statement may bind; D1 takes values of at most 2 MB. */
const MAX_STATEMENT_CHARACTERS = 1_500_000;

export interface SealedHours {
  /** The shard that has sealed them: one of the product's. */
  readonly shard: string;
  readonly productId: string;
  /** The hand-over's number in its shard. */
  readonly sealing: number;
  readonly hours: readonly SealedHour[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * Turns sealed hours into pending metering records, each with the exact text that AWS will get. Doing it again
 * changes nothing: a record that is there stays as it is. What cannot be sent is parked, so that it is seen and holds
 * up nothing behind it: usage of an agreement that the ledger does not know, and a second record for an hour.
 *
 * @returns the Region that the product is metered in
 */
export async function storeSealedHours(
  ledger: Ledger,
  { shard, productId, sealing, hours, now }: SealedHours,
): Promise<string> {
  const { region, identities } = await identitiesOf(ledger, productId, hours);
  const rows = hours.map((sealed) => {
    const identity = identityAt(sealed.hour, identities.get(sealed.agreement));
    const until = identity?.usageUntil ?? null;
    const fate = fateOf(sealed, identity, now);
    return JSON.stringify({
      id: recordId(sealed),
      agreement: sealed.agreement,
      dimension: sealed.dimension,
      hour: sealed.hour,
      quantity: sealed.quantity,
      code: identity?.concurrentAgreements === false ? identity.productCode : null,
      late: sealed.late.length === 0 ? null : JSON.stringify(sealed.late),
      record: JSON.stringify(
        usageRecordOf({ ...sealed, timestamp: timestampOf(sealed, identity) }, identity ?? NOBODY),
      ),
      priority: until === null ? 1 : 0,
      deadline: until === null ? sealed.deadline : Math.min(sealed.deadline, until),
      ...fate,
    });
  });
  const statements = [...chunks(rows)].flatMap((chunk) => {
    const posted = `[${chunk.join(",")}]`;
    return [
      insertRecords({ productId, region, sealing, now, posted }),
      parkSecondRecords({ productId, region, sealing, now, posted }),
    ];
  });
  // One transaction, so that the counters and the number of the hand-over always fit together.
  await inOneTransaction(ledger, [
    sql`
      INSERT INTO handovers (shard, sealing) VALUES (${shard}, ${sealing})
      ON CONFLICT DO UPDATE SET sealing = max(sealing, excluded.sealing)`,
    ...statements,
  ]);
  return region;
}

interface Identity extends AgreementIdentity {
  readonly productCode: string;
  /** From which hour on the product's records carry LicenseArn, if it moves to that. */
  readonly concurrentAgreementsFrom: number | null;
  readonly startsAt: number | null;
  readonly activatedAt: number | null;
  readonly returnedAt: number | null;
  readonly usageUntil: number | null;
}

/** How AWS is to know an agreement in an hour: by one identity, since it would bill the other beside it. */
function identityAt(hour: number, identity: Identity | undefined): Identity | undefined {
  if (identity === undefined) return undefined;
  return { ...identity, concurrentAgreements: hasConcurrentAgreements(identity, hour) };
}

/** What becomes of a sealed hour: as a rule it is to be sent. */
function fateOf(
  { hour }: SealedHour,
  identity: Identity | undefined,
  now: number,
): { readonly state: RecordState; readonly reason: ParkReason | null; readonly answer: string | null } {
  if (identity === undefined) return { state: "parked", reason: "refused", answer: "UnknownAgreement" };
  // The product has moved to LicenseArn, and ProductCode in its place would be billed beside it.
  if (identity.concurrentAgreements && identity.licenseArn === null)
    return { state: "parked", reason: "refused", answer: "LicenseArnMissing" };
  const { startsAt } = identity;
  // AWS takes no usage of a time before the agreement; it joins the hour that is open now.
  if (startsAt !== null && startsAt <= now && hour + HOUR <= startsAt)
    return { state: "rolling", reason: null, answer: "BeforeAgreement" };
  return { state: "pending", reason: null, answer: null };
}

/**
 * AWS refuses a timestamp before the agreement's start or after its end (AWS API reference, UsageRecord), and an end may be
 * heard of only when the record cannot change any more. So a record carries the start of its hour as its timestamp, or the
 * agreement's start in the agreement's first hour. Where no start is known, or it comes after the hour, the record carries
 * the time of its latest usage.
 */
function timestampOf({ hour, timestamp }: SealedHour, identity: Identity | undefined): number {
  const { startsAt = null, activatedAt = null, returnedAt = null } = identity ?? {};
  const known = startsAt ?? activatedAt;
  if (known === null || known >= hour + HOUR) return timestamp;
  // An activation may be known by what AWS has taken, some time after it.
  const began = startsAt ?? Math.min(known, timestamp);
  // Of an hour with both, the usage since the return is what is billed now.
  const start = Math.max(hour, began, returnedAt !== null && returnedAt <= timestamp ? returnedAt : 0);
  return Math.min(Math.ceil(start / SECOND) * SECOND, hour + HOUR - SECOND);
}

interface Insertion {
  readonly productId: string;
  readonly region: string;
  readonly sealing: number;
  readonly now: number;
  /** Rows as a JSON array: one parameter for any number of them, since D1 binds at most 100. */
  readonly posted: string;
}

const COLUMNS = sql.raw(
  "id, product_id, agreement_id, dimension, hour, quantity, late_usage, region, product_code, usage_record, sealing, sealed_at, priority, deadline, state, reason, last_answer, attempts, may_be_held, next_attempt_at, settled_at",
);

function insertRecords({ productId, region, sealing, now, posted }: Insertion) {
  // WHERE true keeps SQLite from reading ON as a join.
  return sql`
    INSERT INTO records (${COLUMNS})
    SELECT value ->> 'id', ${productId}, value ->> 'agreement', value ->> 'dimension', value ->> 'hour',
           value ->> 'quantity', value ->> 'late', ${region}, value ->> 'code', value ->> 'record', ${sealing},
           ${now}, value ->> 'priority', value ->> 'deadline',
           value ->> 'state', value ->> 'reason', value ->> 'answer', 0, 0, ${now},
           iif(value ->> 'state' = 'pending', NULL, ${now})
    FROM json_each(${posted}) WHERE true
    ON CONFLICT DO NOTHING`;
}

/** A shard or a ledger that was set back to an earlier time seals an hour again: its usage is kept, and never sent as it is. */
function parkSecondRecords({ productId, region, sealing, now, posted }: Insertion) {
  return sql`
    INSERT INTO records (${COLUMNS})
    SELECT value ->> 'id' || '#' || ${sealing}, ${productId}, value ->> 'agreement', value ->> 'dimension',
           value ->> 'hour', value ->> 'quantity', value ->> 'late', ${region}, value ->> 'code', value ->> 'record',
           ${sealing}, ${now}, 1, value ->> 'deadline', 'parked', 'conflict', 'SecondRecordForHour', 0, 0, ${now}, ${now}
    FROM json_each(${posted})
    WHERE EXISTS (SELECT 1 FROM records WHERE id = value ->> 'id' AND sealing <> ${sealing})
    ON CONFLICT DO NOTHING`;
}

const NOBODY = { accountId: null, licenseArn: null, customerIdentifier: null, concurrentAgreements: true };

async function identitiesOf(ledger: Ledger, productId: string, hours: readonly SealedHour[]) {
  const ids = JSON.stringify([...new Set(hours.map(({ agreement }) => agreement))]);
  const [[product], rows] = await ledger.batch([
    ledger
      .select({
        productCode: products.productCode,
        region: products.region,
        concurrentAgreements: products.concurrentAgreements,
        concurrentAgreementsFrom: products.concurrentAgreementsFrom,
      })
      .from(products)
      .where(eq(products.id, productId)),
    ledger
      .select({
        id: agreements.id,
        accountId: agreements.accountId,
        licenseArn: agreements.licenseArn,
        customerIdentifier: agreements.customerIdentifier,
        usageUntil: agreements.usageUntil,
        startsAt: agreements.startsAt,
        activatedAt: agreements.activatedAt,
        returnedAt: agreements.returnedAt,
      })
      .from(agreements)
      .where(sql`${agreements.id} IN (SELECT value FROM json_each(${ids}))`),
  ]);
  if (product === undefined) throw new Error(`the ledger has no product ${productId}`);
  return {
    region: product.region,
    identities: new Map<string, Identity>(rows.map((row) => [row.id, { ...row, ...product }])),
  };
}

function* chunks(rows: readonly string[]): Generator<string[]> {
  let chunk: string[] = [];
  let characters = 0;
  for (const row of rows) {
    if (chunk.length > 0 && characters + row.length > MAX_STATEMENT_CHARACTERS) {
      yield chunk;
      chunk = [];
      characters = 0;
    }
    chunk.push(row);
    characters += row.length + 1;
  }
  if (chunk.length > 0) yield chunk;
}
