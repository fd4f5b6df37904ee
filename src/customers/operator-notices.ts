import { findAgreement, type Agreement } from "../ledger/agreements.ts";
import type { Ledger } from "../ledger/database.ts";
import { applyNotices } from "./apply-notices.ts";
import { lifeOf } from "./life.ts";
import { noticesOf, ownNotice } from "./notices/notices.ts";

/** When a person says that something happened to an agreement. Times are epoch milliseconds. */
export interface OperatorNotice {
  readonly at: number;
  readonly now: number;
}

/** What has come of it. */
export type OperatorOutcome =
  | { readonly ok: true; readonly agreement: Agreement }
  /** `contradicted`: a notice that is known and says otherwise happened later. */
  | { readonly ok: false; readonly reason: "unknown" | "contradicted" };

/**
 * Writes down that an agreement ends: AWS takes its usage for one hour more. Its open records go before all others, and
 * have that hour as their deadline. An earlier end that is known stays, and AWS's own notice counts more.
 */
export function endAgreement(ledger: Ledger, id: string, notice: OperatorNotice): Promise<OperatorOutcome> {
  return say(ledger, id, "agreement_ended", notice);
}

/** Writes down that an agreement is active, or is so again: for one whose notice was lost. */
export function activateAgreement(
  ledger: Ledger,
  id: string,
  notice: OperatorNotice,
): Promise<OperatorOutcome> {
  return say(ledger, id, "activated", notice);
}

async function say(
  ledger: Ledger,
  id: string,
  kind: "agreement_ended" | "activated",
  { at, now }: OperatorNotice,
): Promise<OperatorOutcome> {
  const known = await findAgreement(ledger, id);
  if (known === null) return { ok: false, reason: "unknown" };
  const notice = {
    id: `operator:${kind}:${id}:${at}`,
    source: "operator",
    kind,
    occurredAt: at,
    awsAgreementId: null,
    licenseArn: null,
    facts: {},
  } as const;
  const { usageUntil } = lifeOf([...(await noticesOf(ledger, known)), { ...notice, licenseId: null }]);
  // It would change nothing, and whoever says it would not know.
  if ((usageUntil === null) !== (kind === "activated")) return { ok: false, reason: "contradicted" };
  await ownNotice(ledger, id, notice, now);
  const agreement = await applyNotices(ledger, id, now);
  return agreement === null ? { ok: false, reason: "unknown" } : { ok: true, agreement };
}
