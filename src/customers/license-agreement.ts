import { sql } from "drizzle-orm";
import { findAgreement } from "../ledger/agreements.ts";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import { claimNotices, licenseIdOf } from "./notices/notices.ts";
import { forgetNames } from "./resolve-names.ts";

export type LicensingOutcome =
  { readonly ok: true } | { readonly ok: false; readonly reason: "unknown" | "taken" | "known" };

/**
 * Tells an agreement its LicenseArn, for a product that moves to concurrent agreements. One that is known does not
 * change: its records are under it.
 */
export async function licenseAgreement(
  ledger: Ledger,
  id: string,
  licenseArn: string,
): Promise<LicensingOutcome> {
  const agreement = await findAgreement(ledger, id);
  if (agreement === null) return { ok: false, reason: "unknown" };
  if (agreement.licenseArn === licenseArn) return { ok: true };
  if (agreement.licenseArn !== null) return { ok: false, reason: "known" };
  const licenseId = licenseIdOf(licenseArn);
  const [licensed = []] = await inOneTransaction(ledger, [
    sql`
      UPDATE agreements SET license_arn = ${licenseArn}, license_id = ${licenseId}
      WHERE id = ${id} AND license_arn IS NULL AND NOT EXISTS (
        SELECT 1 FROM agreements other
        WHERE other.product_id = ${agreement.productId} AND other.license_arn = ${licenseArn}) RETURNING id`,
    ...claimNotices(
      id,
      { licenseId, awsAgreementId: null, customer: null },
      sql`EXISTS (SELECT 1 FROM agreements WHERE id = ${id} AND license_id = ${licenseId})`,
    ),
  ]);
  forgetNames();
  return licensed.length === 0 ? { ok: false, reason: "taken" } : { ok: true };
}
