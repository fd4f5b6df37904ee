import { hourMilliseconds } from "./clock.ts";
import type { Agreement, Product } from "./model.ts";
import type { Store } from "./store.ts";
import type { Switches } from "./switches.ts";

/** Stores an agreement, with every name by which AWS finds it. */
export function putAgreement(store: Store, agreement: Agreement): void {
  const { agreementId, productCode, accountId, licenseArn, customerIdentifier } = agreement;
  store.put("agreement", agreementId, agreement);
  store.put("license", licenseArn, agreementId);
  store.put("subscription", `${productCode}/${accountId}/${agreementId}`, agreementId);
  if (customerIdentifier !== "") store.put("customer", customerIdentifier, agreementId);
}

export function findLicense(store: Store, licenseArn: string): Agreement | undefined {
  const id = store.get("license", licenseArn);
  return id === undefined ? undefined : store.get("agreement", id);
}

/** The agreement of a legacy CustomerIdentifier. */
export function findCustomer(store: Store, identifier: string): Agreement | undefined {
  const id = store.get("customer", identifier);
  return id === undefined ? undefined : store.get("agreement", id);
}

/** An account's agreement for a product: one that is live now, else any. */
export function findSubscription(
  store: Store,
  productCode: string,
  accountId: string,
  isPreferred: (agreement: Agreement) => boolean,
): Agreement | undefined {
  const agreements = store
    .list("subscription", { prefix: `${productCode}/${accountId}/`, limit: 100 })
    .flatMap(({ value }) => store.get("agreement", value) ?? []);
  return agreements.find(isPreferred) ?? agreements[0];
}

/** A product that this seller published; another seller's is as unknown as none. */
export function findProduct(store: Store, productCode: string, sellerAccountId: string): Product | undefined {
  const product = store.get("product", productCode);
  return product?.sellerAccountId === sellerAccountId ? product : undefined;
}

/** When the agreement's usage ends: later usage is outside its activation period. */
export function usageEnd(agreement: Agreement): number {
  const { endsAt, endedAt, deprovisionedAt } = agreement;
  return Math.min(endsAt ?? Infinity, endedAt ?? Infinity, deprovisionedAt ?? Infinity);
}

/**
 * When AWS stops taking usage of an agreement that has ended: an hour after the event that opens the final window. On
 * AWS's current pages that is "License Deprovisioned"; older ones let "Purchase Agreement Ended" open it and
 * "License Deprovisioned" close it.
 */
function reportingEnd(agreement: Agreement, switches: Switches): number {
  const window = (switches.finalWindowMinutes * hourMilliseconds) / 60;
  const { endsAt, endedAt, deprovisionedAt } = agreement;
  const ended = Math.min(endedAt ?? Infinity, endsAt ?? Infinity);
  if (switches.finalWindowOpens === "ended") return Math.min(ended + window, deprovisionedAt ?? Infinity);
  // An agreement that simply runs out is deprovisioned as it ends.
  return Math.min(deprovisionedAt ?? Infinity, endsAt ?? Infinity) + window;
}

/** Whether AWS takes usage of this agreement now. */
export function isLive(agreement: Agreement, now: number, switches: Switches): boolean {
  return (
    agreement.status === "active" && now >= agreement.startsAt && now < reportingEnd(agreement, switches)
  );
}
