import { sql, type SQL } from "drizzle-orm";
import type { products } from "./schema.ts";

/**
 * Whether a product's customers have an agreement for each licence, and not one for each account. Asked of the start of an
 * hour, it says whether the hour's records carry LicenseArn instead of ProductCode: under both, AWS bills the hour twice.
 *
 * @param time epoch milliseconds
 */
export function hasConcurrentAgreements(
  {
    concurrentAgreements,
    concurrentAgreementsFrom: from,
  }: Pick<typeof products.$inferSelect, "concurrentAgreements" | "concurrentAgreementsFrom">,
  time: number,
): boolean {
  return concurrentAgreements || (from !== null && time >= from);
}

/** {@link hasConcurrentAgreements} in SQL, of a row of `products`: 1 or 0, never NULL, so that its opposite can be asked for. */
export const concurrentAgreementsAt = (time: SQL): SQL => sql`
  (products.concurrent_agreements = 1
   OR (products.concurrent_agreements_from IS NOT NULL AND ${time} >= products.concurrent_agreements_from))`;
