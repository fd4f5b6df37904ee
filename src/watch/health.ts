import { sql } from "drizzle-orm";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import type { AlarmKind } from "../ledger/schema.ts";

/** How a product's delivery goes. Times are epoch milliseconds. */
export interface ProductHealth {
  readonly product: string;
  /** Records that are not settled. */
  readonly backlog: number;
  readonly oldestSealedAt: number | null;
  readonly nearestDeadline: number | null;
  readonly parked: number;
  readonly lastSuccessAt: number | null;
  readonly pausedAt: number | null;
  readonly errorCode: string | null;
  readonly errorDetail: string | null;
}

export interface Health {
  readonly products: readonly ProductHealth[];
  readonly regions: readonly { readonly region: string; readonly lastTickAt: number }[];
  readonly alarms: readonly { readonly kind: AlarmKind; readonly subject: string; readonly detail: string }[];
  readonly undeliveredMessages: number;
}

/** Reads how delivery goes: what is open and what is parked, by their own indexes. */
export async function readHealth(ledger: Ledger): Promise<Health> {
  const [products = [], regions = [], alarms = [], [messages] = []] = (await inOneTransaction(ledger, [
    sql`
      WITH open AS (
        SELECT product_id, count(*) AS backlog, min(sealed_at) AS oldest, min(deadline) AS nearest
        FROM records INDEXED BY records_open WHERE settled_at IS NULL GROUP BY product_id),
      waiting AS (
        SELECT product_id, count(*) AS parked
        FROM records INDEXED BY records_parked WHERE state = 'parked' GROUP BY product_id)
      SELECT products.id AS product, coalesce(backlog, 0) AS backlog, oldest AS oldestSealedAt,
             nearest AS nearestDeadline, coalesce(parked, 0) AS parked, last_success_at AS lastSuccessAt,
             paused_at AS pausedAt, error_code AS errorCode, error_detail AS errorDetail
      FROM products
      LEFT JOIN open ON open.product_id = products.id
      LEFT JOIN waiting ON waiting.product_id = products.id
      LEFT JOIN deliveries ON deliveries.product_id = products.id
      ORDER BY products.id`,
    sql`SELECT region, last_tick_at AS lastTickAt FROM submitters ORDER BY region`,
    sql`SELECT kind, subject, detail FROM alarms WHERE cleared_at IS NULL ORDER BY id LIMIT 100`,
    sql`SELECT count(*) AS count FROM messages WHERE delivered_at IS NULL`,
  ])) as unknown as [ProductHealth[]?, Health["regions"]?, Health["alarms"]?, { count: number }[]?];
  return { products, regions, alarms, undeliveredMessages: messages?.count ?? 0 };
}
