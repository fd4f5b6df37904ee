import { eq, sql, type SQL } from "drizzle-orm";
import type { Product } from "../../catalog/products.ts";
import type { Ledger } from "../../ledger/database.ts";
import { allowances } from "../../ledger/schema.ts";
import { HOUR, hourOf } from "../../meter/hours.ts";
import type { Agreement } from "../../ledger/agreements.ts";
import { stepsOf, type EntitlementPart } from "./steps.ts";
import { CATCHING_UP, hearContract, hearNothing, type Known } from "./terms.ts";

const DAY = 24 * HOUR;

/** What is known of how much of a metered dimension a contract includes. */
export interface Allowance {
  readonly dimension: string;
  /** Null while nothing was ever known. */
  readonly known: Known | null;
}

interface Contract {
  readonly agreement: Agreement;
  readonly product: Product;
  /** What AWS says is in force. */
  readonly parts: readonly EntitlementPart[];
}

/**
 * Whether an answer that is empty may say only that AWS has not caught up with an agreement that is new, or that the
 * customer has come back to: what was billed although it is included stays billed. Of one that does not become active
 * AWS's answer to its usage is to tell.
 *
 * @param now epoch milliseconds
 */
function isAwaited({ agreement, product, parts }: Contract, now: number): boolean {
  const { activatedAt, registeredAt, returnedAt } = agreement;
  if (!product.contract || parts.length > 0) return false;
  if (activatedAt === null) return now < Math.max(registeredAt, returnedAt ?? 0) + DAY;
  return now < Math.max(activatedAt, returnedAt ?? 0) + CATCHING_UP;
}

/**
 * What is known, after an answer of AWS's, of each dimension that contracts include something of.
 *
 * @param now epoch milliseconds
 */
export async function allowancesOf(ledger: Ledger, contract: Contract, now: number): Promise<Allowance[]> {
  const { agreement, product, parts } = contract;
  const rows = await ledger.select().from(allowances).where(eq(allowances.agreementId, agreement.id));
  const before = new Map(rows.map((row) => [row.dimension, row]));
  return product.dimensions.flatMap(({ name: dimension, divisor, included }) => {
    // What is included no more stays as it is: the shard is told of nothing, and it may be included again.
    if (included === null) return [];
    const { by, per } = included;
    const was = before.get(dimension) ?? null;
    const steps = stepsOf(
      parts.filter((part) => part.dimension === by),
      divisor,
    );
    const known =
      steps.length > 0
        ? hearContract(was, { steps, per }, agreement, now)
        : hearNothing(was, { agreement, isAwaited: isAwaited(contract, now) }, now);
    return [{ dimension, known }];
  });
}

/** When the next entitlement or term begins or ends, so that the contract is to be read again; Infinity when none does. */
export function nextTerm(
  parts: readonly EntitlementPart[],
  allowed: readonly Allowance[],
  now: number,
): number {
  const terms = allowed.flatMap(({ known }) => known?.terms ?? []);
  const times = [...parts.map(({ expiresAt }) => expiresAt), ...terms.map(({ until }) => until)];
  return Math.min(...times.flatMap((time) => (time !== null && time > now ? [time] : [])));
}

/** The statements that keep what is known; what is other than before is to be told to the shard. */
export function saveAllowances(agreementId: string, allowed: readonly Allowance[], isStill: SQL): SQL[] {
  const rows = allowed.flatMap(({ dimension, known }) =>
    known === null ? [] : [{ dimension, ...known, terms: JSON.stringify(known.terms) }],
  );
  if (rows.length === 0) return [];
  const isSame = sql`terms = excluded.terms AND unknown_since IS excluded.unknown_since
                     AND assumed_nothing = excluded.assumed_nothing`;
  return [
    sql`
      INSERT INTO allowances (agreement_id, dimension, terms, begun, unknown_since, missing_since, assumed_nothing)
      SELECT ${agreementId}, value ->> 'dimension', value ->> 'terms', value ->> 'begun', value ->> 'unknownSince',
             value ->> 'missingSince', value ->> 'assumedNothing'
      FROM json_each(${JSON.stringify(rows)}) WHERE ${isStill}
      ON CONFLICT DO UPDATE SET terms = excluded.terms, begun = excluded.begun, unknown_since = excluded.unknown_since,
        missing_since = excluded.missing_since, assumed_nothing = excluded.assumed_nothing,
        told_at = iif(${isSame}, told_at, NULL), version = version + iif(${isSame}, 0, 1)
      WHERE NOT (${isSame}) OR begun <> excluded.begun OR missing_since IS NOT excluded.missing_since`,
  ];
}

const isUnchanged = ({ id, lifeVersion }: Pick<Agreement, "id" | "lifeVersion">): SQL => sql`
  EXISTS (SELECT 1 FROM agreements WHERE id = ${id} AND life_version = ${lifeVersion})`;

/**
 * Has the hours of a customer who has come back wait from a time on, since what is known is included by the contract of
 * before; unless the agreement has become something else meanwhile.
 *
 * @param since epoch milliseconds
 */
export const awaitAllowances = (agreement: Pick<Agreement, "id" | "lifeVersion">, since: number): SQL => sql`
  UPDATE allowances SET unknown_since = ${hourOf(since)}, missing_since = NULL, assumed_nothing = 0,
                        told_at = NULL, version = version + 1
  WHERE agreement_id = ${agreement.id} AND ${isUnchanged(agreement)}`;

/** Has the shard told anew what is included by an agreement that ends; see {@link toldTerms}. */
export const endAllowances = (agreement: Pick<Agreement, "id" | "lifeVersion">): SQL => sql`
  UPDATE allowances SET told_at = NULL, version = version + 1
  WHERE agreement_id = ${agreement.id} AND ${isUnchanged(agreement)}`;
