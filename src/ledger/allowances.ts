import { and, eq, inArray, isNotNull, isNull, sql, type SQL } from "drizzle-orm";
import type { EncodedTerm } from "../meter/allowance.ts";
import { hourOf } from "../meter/hours.ts";
import type { Ledger } from "./database.ts";
import { agreements, allowances, type Gap } from "./schema.ts";

/** What is known of contracts, and the statements by which it becomes something else and is to be told to the shards. */

/** What is known of a dimension of an agreement. */
export interface KnownAllowance {
  readonly dimension: string;
  readonly terms: readonly EncodedTerm[];
  readonly accountedUntil: number;
  readonly gap: Gap;
}

/**
 * Keeps what is known; what an account is to know otherwise than before is to be told to the shard.
 *
 * @param isStill of the transaction that it is a part of: does so only if it holds
 */
export function keepAllowances(agreementId: string, known: readonly KnownAllowance[], isStill: SQL): SQL[] {
  if (known.length === 0) return [];
  // Since when and how often AWS's answers lack something is no matter of the shard's.
  const isSame = sql`terms = excluded.terms AND gap ->> 'kind' = excluded.gap ->> 'kind'
                     AND gap ->> 'since' IS excluded.gap ->> 'since' AND gap ->> 'began' IS excluded.gap ->> 'began'`;
  const isKept = sql`${isSame} AND gap = excluded.gap AND accounted_until = excluded.accounted_until`;
  return [
    sql`
      INSERT INTO allowances (agreement_id, dimension, terms, accounted_until, gap)
      SELECT ${agreementId}, value ->> 'dimension', value -> 'terms', value ->> 'accountedUntil', value -> 'gap'
      FROM json_each(${JSON.stringify(known)}) WHERE ${isStill}
      ON CONFLICT DO UPDATE SET terms = excluded.terms, accounted_until = excluded.accounted_until, gap = excluded.gap,
        told_at = iif(${isSame}, told_at, NULL), version = version + iif(${isSame}, 0, 1)
      WHERE NOT (${isKept})`,
  ];
}

/** Whether hours of an agreement wait since AWS has said nothing of its contract: a condition on rows of `agreements`. */
export const hasUnreadContract: SQL = sql`EXISTS (
  SELECT 1 FROM dimensions LEFT JOIN allowances
    ON allowances.agreement_id = agreements.id AND allowances.dimension = dimensions.name
  WHERE dimensions.product_id = agreements.product_id AND dimensions.included_by IS NOT NULL
  AND coalesce(allowances.gap ->> 'kind', 'awaited') = 'awaited')`;

const awaitedSince = (since: number): Gap => ({ kind: "awaited", since, emptySince: null, began: null });

/**
 * Has the hours of a customer who has come back wait from a time on: what is known is included by the contract of before.
 *
 * @param since epoch milliseconds
 * @param isStill see {@link keepAllowances}
 */
export const awaitContract = (agreementId: string, since: number, isStill: SQL): SQL => sql`
  UPDATE allowances SET gap = ${JSON.stringify(awaitedSince(hourOf(since)))}, told_at = NULL, version = version + 1
  WHERE agreement_id = ${agreementId} AND ${isStill}`;

/**
 * Has the hours of an agreement that has become active wait, where nothing was taken to be included: AWS has its entitlements
 * only from now on.
 *
 * @param isStill see {@link keepAllowances}
 */
export const awaitFirstContract = (agreementId: string, isStill: SQL): SQL => sql`
  UPDATE allowances SET gap = json_set(${JSON.stringify(awaitedSince(0))}, '$.began', gap -> 'began'),
                        told_at = NULL, version = version + 1
  WHERE agreement_id = ${agreementId} AND gap ->> 'kind' = 'assumed_nothing' AND terms = '[]' AND ${isStill}`;

/**
 * Has the shard told anew what is included by an agreement that ends.
 *
 * @param isStill see {@link keepAllowances}
 */
export const tellAgain = (agreementId: string, isStill: SQL): SQL => sql`
  UPDATE allowances SET told_at = NULL, version = version + 1 WHERE agreement_id = ${agreementId} AND ${isStill}`;

/**
 * Has hours wait until the contracts of a product are read again, since what they include of some dimensions is set
 * otherwise. Of an agreement that has ended nothing is read any more: what is known stays so.
 *
 * @param isIncluded whether contracts include anything of the dimension from now on
 */
export function includeOtherwise(
  ledger: Ledger,
  productId: string,
  changed: readonly { readonly dimension: string; readonly isIncluded: boolean }[],
) {
  const untold = { toldAt: null, version: sql`${allowances.version} + 1` };
  const of = (names: readonly string[], isMeant: SQL) => {
    const ids = ledger
      .select({ id: agreements.id })
      .from(agreements)
      .where(and(eq(agreements.productId, productId), isMeant));
    return and(inArray(allowances.dimension, [...names]), inArray(allowances.agreementId, ids));
  };
  const all = changed.map(({ dimension }) => dimension);
  const dropped = changed.filter(({ isIncluded }) => !isIncluded).map(({ dimension }) => dimension);
  return [
    ledger
      .update(allowances)
      .set({ ...untold, gap: awaitedSince(0) })
      .where(of(all, isNull(agreements.usageUntil))),
    ledger
      .update(allowances)
      .set(untold)
      .where(of(dropped, isNotNull(agreements.usageUntil))),
  ];
}
