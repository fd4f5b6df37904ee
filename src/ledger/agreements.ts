import { and, asc, eq, gt, sql, type SQL } from "drizzle-orm";
import type { Ledger } from "./database.ts";
import { agreements } from "./schema.ts";

export type Agreement = typeof agreements.$inferSelect;

export const agreementStates = ["pending", "active", "ending", "ended"] as const;
/**
 * - `pending`: AWS has not said that it is active; its usage is sent all the same, and what AWS refuses waits
 * - `ending`: it has ended, and AWS still takes its usage
 */
export type AgreementState = (typeof agreementStates)[number];

/** @param now epoch milliseconds */
export function stateOf(
  { activatedAt, usageUntil }: Pick<Agreement, "activatedAt" | "usageUntil">,
  now: number,
): AgreementState {
  if (usageUntil !== null) return now < usageUntil ? "ending" : "ended";
  return activatedAt === null ? "pending" : "active";
}

/** An agreement by its id; null when there is none. */
export async function findAgreement(ledger: Ledger, id: string): Promise<Agreement | null> {
  return (await ledger.query.agreements.findFirst({ where: eq(agreements.id, id) })) ?? null;
}

/** Agreements by their ids, those that there are. */
export function findAgreements(ledger: Ledger, ids: readonly string[]): Promise<Agreement[]> {
  return ledger.query.agreements.findMany({
    where: sql`${agreements.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
  });
}

/** Agreements in the order of their ids. */
export function listAgreements(
  ledger: Ledger,
  query: {
    limit: number;
    after?: string | undefined;
    product?: string | undefined;
    agreement?: string | undefined;
    /** The seller's own id for the customer. */
    customer?: string | undefined;
    /** Whether its LicenseArn is known. */
    licensed?: boolean | undefined;
    state?: { readonly is: AgreementState; readonly now: number } | undefined;
  },
): Promise<Agreement[]> {
  return ledger.query.agreements.findMany({
    where: and(
      gt(agreements.id, query.after ?? ""),
      query.product === undefined ? undefined : eq(agreements.productId, query.product),
      query.agreement === undefined ? undefined : eq(agreements.id, query.agreement),
      // The index of own ids begins with the product, of which there are few.
      query.customer === undefined
        ? undefined
        : sql`product_id IN (SELECT id FROM products) AND customer = ${query.customer}`,
      query.licensed === undefined
        ? undefined
        : sql`(${agreements.licenseArn} IS NOT NULL) = ${query.licensed ? 1 : 0}`,
      query.state === undefined ? undefined : isIn(query.state),
    ),
    orderBy: asc(agreements.id),
    limit: query.limit,
  });
}

/** {@link stateOf}, in SQL. */
function isIn({ is, now }: { readonly is: AgreementState; readonly now: number }): SQL {
  switch (is) {
    case "pending":
      return sql`usage_until IS NULL AND activated_at IS NULL`;
    case "active":
      return sql`usage_until IS NULL AND activated_at IS NOT NULL`;
    case "ending":
      // None of them is closed, and by that there is an index.
      return sql`id IN (SELECT id FROM agreements INDEXED BY agreements_ending
                        WHERE closed_at IS NULL AND usage_until > ${now})`;
    case "ended":
      return sql`usage_until <= ${now}`;
  }
}
