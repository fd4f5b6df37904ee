import { eq } from "drizzle-orm";
import type { Product } from "../../catalog/products.ts";
import type { Agreement } from "../../ledger/agreements.ts";
import type { KnownAllowance } from "../../ledger/allowances.ts";
import type { Ledger } from "../../ledger/database.ts";
import { allowances } from "../../ledger/schema.ts";
import { stepsOf, type EntitlementInForce } from "./steps.ts";
import { UNREAD, withAnswer, withEmptyAnswer } from "./terms.ts";

/** An answer of AWS's to what a contract includes. */
export interface Contract {
  readonly agreement: Agreement;
  readonly product: Product;
  /** What AWS says is in force. */
  readonly parts: readonly EntitlementInForce[];
}

/**
 * What is known, after an answer of AWS's, of each dimension that contracts include something of.
 *
 * @param now epoch milliseconds
 */
export async function allowancesOf(
  ledger: Ledger,
  { agreement, product, parts }: Contract,
  now: number,
): Promise<KnownAllowance[]> {
  const rows = await ledger.select().from(allowances).where(eq(allowances.agreementId, agreement.id));
  const before = new Map(rows.map((row) => [row.dimension, row]));
  const asked = { agreement, now, previousAt: agreement.entitlementsReadAt };
  return product.dimensions.flatMap(({ name: dimension, divisor, included }) => {
    // What is included no more stays as it is: the shard is told of nothing, and it may be included again.
    if (included === null) return [];
    const { by, per } = included;
    const { terms, accountedUntil, gap } = before.get(dimension) ?? UNREAD;
    const known = { terms, accountedUntil, gap };
    const steps = stepsOf(
      parts.filter((part) => part.dimension === by),
      divisor,
    );
    const next = steps.length > 0 ? withAnswer(known, { steps, per }, asked) : withEmptyAnswer(known, asked);
    return [{ dimension, ...next }];
  });
}

/** When the next entitlement or term begins or ends, so that the contract is to be read again; Infinity when none does. */
export function nextTerm(
  parts: readonly EntitlementInForce[],
  allowed: readonly KnownAllowance[],
  now: number,
): number {
  const terms = allowed.flatMap((known) => known.terms);
  const times = [...parts.map(({ expiresAt }) => expiresAt), ...terms.map(({ until }) => until)];
  return Math.min(...times.flatMap((time) => (time !== null && time > now ? [time] : [])));
}
