import { eq, sql } from "drizzle-orm";
import type { SealedHour } from "../meter/account.ts";
import type { Ledger } from "./database.ts";
import { agreements, products } from "./schema.ts";
import { usageRecordOf } from "./usage-record.ts";

/** Text that one D1 statement may bind; D1 takes values of at most 2 MB. */
const MAX_STATEMENT_CHARACTERS = 1_500_000;

export interface SealedHours {
  /** The hand-over's number in its shard. */
  readonly sealing: number;
  readonly hours: readonly SealedHour[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/** `agreement:hour:dimension`, the hour as 2026-11-23T05. Sorts by agreement, then by hour. */
export function recordId({
  agreement,
  hour,
  dimension,
}: Pick<SealedHour, "agreement" | "hour" | "dimension">): string {
  return `${agreement}:${new Date(hour).toISOString().slice(0, 13)}:${dimension}`;
}

/**
 * Turns sealed hours into pending metering records, each with the exact text that AWS will get. Doing it again
 * changes nothing: a record that is there stays as it is.
 */
export async function storeSealedHours(ledger: Ledger, { sealing, hours, now }: SealedHours): Promise<void> {
  const identities = await identitiesOf(ledger, new Set(hours.map(({ agreement }) => agreement)));
  const rows = hours.map((sealed) => {
    const identity = identities.get(sealed.agreement);
    if (identity === undefined) throw new Error(`the ledger has no agreement ${sealed.agreement}`);
    return JSON.stringify({
      id: recordId(sealed),
      product: identity.productId,
      agreement: sealed.agreement,
      dimension: sealed.dimension,
      hour: sealed.hour,
      quantity: sealed.quantity,
      region: identity.region,
      code: identity.concurrentAgreements ? null : identity.productCode,
      late: sealed.late.length === 0 ? null : JSON.stringify(sealed.late),
      record: JSON.stringify(usageRecordOf(sealed, identity)),
      deadline: sealed.deadline,
    });
  });
  for (const chunk of chunks(rows)) {
    // One parameter for any number of rows: D1 binds at most 100. WHERE true keeps SQLite from reading ON as a join.
    await ledger.run(sql`
      INSERT INTO records (id, product_id, agreement_id, dimension, hour, quantity, late_usage, region, product_code,
                           usage_record, sealing, sealed_at, deadline, state, attempts, may_be_held, next_attempt_at)
      SELECT value ->> 'id', value ->> 'product', value ->> 'agreement', value ->> 'dimension', value ->> 'hour',
             value ->> 'quantity', value ->> 'late', value ->> 'region', value ->> 'code', value ->> 'record', ${sealing}, ${now},
             value ->> 'deadline', 'pending', 0, 0, ${now}
      FROM json_each(${`[${chunk.join(",")}]`}) WHERE true
      ON CONFLICT DO NOTHING`);
  }
}

async function identitiesOf(ledger: Ledger, ids: ReadonlySet<string>) {
  const rows = await ledger
    .select({
      id: agreements.id,
      productId: agreements.productId,
      accountId: agreements.accountId,
      licenseArn: agreements.licenseArn,
      customerIdentifier: agreements.customerIdentifier,
      productCode: products.productCode,
      region: products.region,
      concurrentAgreements: products.concurrentAgreements,
    })
    .from(agreements)
    .innerJoin(products, eq(products.id, agreements.productId))
    .where(sql`${agreements.id} IN (SELECT value FROM json_each(${JSON.stringify([...ids])}))`);
  return new Map(rows.map((row) => [row.id, row]));
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
