import { sql } from "drizzle-orm";
import type { IdleAccount } from "../meter/journal.ts";
import type { CountingRule } from "../meter/dimension.ts";
import { SECOND } from "../meter/hours.ts";
import type { Ledger } from "./database.ts";

/** Agreements that one page brings. */
const PAGE = 500;

/** How long an hour stays open after its end, in milliseconds; null for a product without a heartbeat. */
export async function heartbeatOf(ledger: Ledger, productId: string): Promise<number | null> {
  const [row] = await ledger.all<{ settle: number }>(
    sql`SELECT settle_seconds AS settle FROM products WHERE id = ${productId} AND zero_heartbeat = 1`,
  );
  return row === undefined ? null : row.settle * SECOND;
}

interface Row extends CountingRule {
  readonly agreement: string;
  readonly dimension: string;
}

/**
 * The accounts of a shard that an hour is to be sealed for, in pages: of each agreement that was active before the hour
 * began and has not ended, all dimensions.
 */
export async function* beatingAccounts(
  ledger: Ledger,
  { productId, shard, hour }: { readonly productId: string; readonly shard: number; readonly hour: number },
): AsyncGenerator<IdleAccount[]> {
  let after = "";
  for (;;) {
    const rows = await ledger.all<Row>(sql`
      SELECT wanted.id AS agreement, dimensions.name AS dimension, dimensions.aggregation AS aggregation,
             dimensions.divisor AS divisor, dimensions.unique_tag AS uniqueTag
      FROM (SELECT id FROM agreements WHERE product_id = ${productId} AND shard = ${shard} AND id > ${after}
            AND activated_at <= ${hour} AND usage_until IS NULL ORDER BY id LIMIT ${PAGE}) AS wanted
      JOIN dimensions ON dimensions.product_id = ${productId}
      ORDER BY wanted.id`);
    if (rows.length === 0) return;
    yield rows.map(({ agreement, dimension, aggregation, divisor, uniqueTag }) => [
      agreement,
      dimension,
      { aggregation, divisor, uniqueTag },
    ]);
    after = rows.at(-1)?.agreement ?? "";
  }
}
