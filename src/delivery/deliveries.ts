import { eq, sql } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import { deliveries, products } from "../ledger/schema.ts";
import type { Delivery } from "./product-delivery.ts";

/** How delivery goes for the products of a Region that have been sent anything. */
export async function deliveriesOf(ledger: Ledger, region: string): Promise<Delivery[]> {
  const rows = await ledger
    .select({ delivery: deliveries })
    .from(deliveries)
    .innerJoin(products, eq(products.id, deliveries.productId))
    .where(eq(products.region, region));
  return rows.map(({ delivery }) => delivery);
}

export async function saveDeliveries(ledger: Ledger, changed: readonly Delivery[]): Promise<void> {
  if (changed.length === 0) return;
  // One statement for all: D1 binds at most 100 parameters. WHERE true keeps SQLite from reading ON as a join.
  await ledger.run(sql`
    INSERT INTO deliveries (product_id, last_success_at, failures, not_before, paused_at, error_code, error_detail)
    SELECT value ->> 'productId', value ->> 'lastSuccessAt', value ->> 'failures', value ->> 'notBefore',
           value ->> 'pausedAt', value ->> 'errorCode', value ->> 'errorDetail'
    FROM json_each(${JSON.stringify(changed)}) WHERE true
    ON CONFLICT DO UPDATE SET
      last_success_at = excluded.last_success_at, failures = excluded.failures, not_before = excluded.not_before,
      paused_at = excluded.paused_at, error_code = excluded.error_code, error_detail = excluded.error_detail`);
}
