import { sql, type SQL } from "drizzle-orm";
import { findAgreement, type Agreement } from "../ledger/agreements.ts";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import { forgetNames } from "./resolve-names.ts";

export type OwnIdOutcome =
  { readonly ok: true } | { readonly ok: false; readonly reason: "unknown" | "taken" };

/**
 * The other agreements of a product that have an own id: one, or none. From one that has ended it may be taken, for the
 * agreement that the customer has come back with.
 */
export const othersWithOwnId = (productId: string, customer: string | null, id: string): SQL =>
  sql`SELECT id FROM agreements WHERE product_id = ${productId} AND customer = ${customer} AND id <> ${id}`;

/** Whether an own id is AWS's name of another customer of the product: it would take that one's usage. */
export const isAwsNameOfAnother = (
  productId: string,
  customer: string | null,
  id: string,
): SQL => sql`EXISTS (
  SELECT 1 FROM agreements WHERE product_id = ${productId} AND customer_identifier = ${customer} AND id <> ${id})`;

/** Which agreement keeps another of its product from an own id; null when none does. */
export async function findHolder(
  ledger: Ledger,
  { id, productId }: Pick<Agreement, "id" | "productId">,
  customer: string | null,
): Promise<string | null> {
  const [holder] = await ledger.all<{ id: string }>(sql`
    ${othersWithOwnId(productId, customer, id)} UNION ALL
    SELECT id FROM agreements WHERE product_id = ${productId} AND customer_identifier = ${customer} AND id <> ${id}`);
  return holder?.id ?? null;
}

/** Has agreements that have ended release their own id, by which they are still known for usage of before that end. */
export const releaseOwnId = (ids: SQL): SQL => sql`
  UPDATE agreements SET customer = NULL, former_customer = customer, former_until = ended_at
  WHERE id IN (${ids}) AND ended_at IS NOT NULL`;

/**
 * Sets the seller's own id for the customer of an agreement, or takes it away. Two agreements cannot share one; from an
 * agreement that has ended it goes over, but for the usage of before that end.
 */
export async function setOwnId(ledger: Ledger, id: string, customer: string | null): Promise<OwnIdOutcome> {
  const agreement = await findAgreement(ledger, id);
  if (agreement === null) return { ok: false, reason: "unknown" };
  const others = othersWithOwnId(agreement.productId, customer, id);
  const isFree = sql`NOT ${isAwsNameOfAnother(agreement.productId, customer, id)}`;
  // The unique index would find it too; this way, of two operators who give away the same id one is told.
  const [, named = []] = await inOneTransaction(ledger, [
    releaseOwnId(sql`${others} AND ${isFree}`),
    sql`
      UPDATE agreements SET customer = ${customer}
      WHERE id = ${id} AND NOT EXISTS (${others}) AND ${isFree} RETURNING id`,
  ]);
  forgetNames();
  return named.length === 0 ? { ok: false, reason: "taken" } : { ok: true };
}
