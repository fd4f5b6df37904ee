import { asc, sql } from "drizzle-orm";
import type { Ledger } from "../../ledger/database.ts";
import { entitlements, type EntitlementValue } from "../../ledger/schema.ts";
import type { BelievedEntitlement } from "./believed.ts";
import type { EntitlementInForce } from "./steps.ts";

/** An entitlement as the API and the webhooks show it. */
export const presentEntitlement = ({ dimension, value, expiresAt }: EntitlementInForce) => ({
  dimension,
  value,
  expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
});

/** What agreements' contracts include, in the order of the dimensions. */
export async function entitlementsOf(
  ledger: Ledger,
  agreementIds: readonly string[],
): Promise<(BelievedEntitlement & { readonly agreementId: string })[]> {
  const rows = await ledger
    .select()
    .from(entitlements)
    .where(sql`agreement_id IN (SELECT value FROM json_each(${JSON.stringify(agreementIds)}))`)
    .orderBy(asc(entitlements.dimension));
  return rows.map(({ value, ...row }) => ({ ...row, value: JSON.parse(value) as EntitlementValue["value"] }));
}
