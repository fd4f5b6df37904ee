import { and, eq, sql } from "drizzle-orm";
import type { Product } from "../catalog/products.ts";
import { findAgreement, type Agreement } from "../ledger/agreements.ts";
import { hasConcurrentAgreements } from "../ledger/concurrent-agreements.ts";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import { agreements, type FormFields } from "../ledger/schema.ts";
import { sha256Hex } from "../sha256.ts";
import { messageId, writeMessages } from "../webhooks/messages.ts";
import { presentAgreement } from "./agreement-view.ts";
import { claimNotices, licenseIdOf, ownNotice } from "./notices/notices.ts";
import { forgetNames } from "./resolve-names.ts";

/** What ResolveCustomer said of who has come. */
export interface Registration {
  readonly product: Pick<
    Product,
    "id" | "productCode" | "concurrentAgreements" | "concurrentAgreementsFrom" | "contract" | "shards"
  >;
  readonly accountId: string | null;
  readonly licenseArn: string | null;
  readonly customerIdentifier: string | null;
  readonly fields: FormFields;
  /** When the customer came, epoch milliseconds: perhaps long ago, when AWS could not say who it is. */
  readonly arrivedAt: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** By what AWS has said, what tells this agreement from the customer's others; null when that has not been said. */
function identityOf({
  product,
  accountId,
  licenseArn,
  customerIdentifier,
  now,
}: Registration): string | null {
  // The records of concurrent agreements are of a licence and an account.
  if (hasConcurrentAgreements(product, now)) return accountId === null ? null : licenseArn;
  return accountId ?? customerIdentifier;
}

/**
 * Stores the agreement that a registration is about, or finds the one it has made before: the same customer may
 * press AWS's button twice, even twice at once. With concurrent agreements the LicenseArn tells them apart;
 * otherwise a customer has one agreement of a product. Notices that came before it become its own.
 *
 * @returns null when AWS has not said enough to know the agreement by
 */
export async function registerAgreement(
  ledger: Ledger,
  registration: Registration,
): Promise<Agreement | null> {
  const { product, accountId, licenseArn, customerIdentifier, fields, arrivedAt, now } = registration;
  const identity = identityOf(registration);
  if (identity === null) return null;
  const isLegacy = !hasConcurrentAgreements(product, now);
  // A product that has moved knows agreements by the licence that were made by the account.
  if (!isLegacy && product.concurrentAgreementsFrom !== null) await licenseEarlier(ledger, registration);
  const known = await findRegistered(ledger, registration);
  const id = known?.id ?? (await agreementId(product.id, identity));
  const licenseId = licenseArn === null ? null : licenseIdOf(licenseArn);
  const freeTrial = fields.offerType === "free-trial";
  const row: Agreement = {
    ...NEW,
    id,
    productId: product.id,
    accountId,
    licenseArn,
    licenseId,
    customerIdentifier,
    shard: shardFor(id, product.shards),
    registeredAt: now,
    freeTrial,
    entitlementsDueAt: product.contract ? now : null,
    entitlementsUrgent: product.contract,
  };
  await inOneTransaction(ledger, [
    ledger.insert(agreements).values(row).onConflictDoNothing(),
    writeMessages(
      [
        {
          id: messageId(now, `${id}_registered`),
          type: "agreement.registered",
          agreementId: id,
          data: presentAgreement(row, now),
        },
      ],
      now,
      sql`changes() > 0`,
    ),
    // AWS has left out one of its two ids when the customer came first, or the agreement was known by its licence.
    sql`
      UPDATE agreements SET account_id = coalesce(account_id, ${accountId}),
                            customer_identifier = coalesce(customer_identifier, ${customerIdentifier})
      WHERE id = ${id} AND ((account_id IS NULL AND ${accountId} IS NOT NULL)
                            OR (customer_identifier IS NULL AND ${customerIdentifier} IS NOT NULL))`,
    // A customer who comes back to a legacy product has another licence under the old name.
    sql`
      UPDATE agreements SET license_arn = ${licenseArn}, license_id = ${licenseId}
      WHERE id = ${id} AND ${licenseArn} IS NOT NULL AND license_arn IS NOT ${licenseArn}
      AND NOT EXISTS (SELECT 1 FROM agreements other
                      WHERE other.product_id = ${product.id} AND other.license_arn = ${licenseArn})`,
    ...claimNotices(id, {
      licenseId,
      awsAgreementId: known?.awsAgreementId ?? null,
      customer: isLegacy ? { productCode: product.productCode, accountId, customerIdentifier } : null,
    }),
    ownNotice(
      ledger,
      id,
      {
        id: `gateway:registered:${id}:${arrivedAt}`,
        source: "gateway",
        // By the old name a customer comes back, whether AWS's notice of the end has come by then or not.
        kind: isLegacy ? "registered" : "other",
        occurredAt: arrivedAt,
        licenseArn,
        facts: {
          name: "registration",
          ...(freeTrial && { freeTrial }),
          ...(Object.keys(fields).length > 0 && { form: fields }),
        },
      },
      now,
    ),
  ]);
  const stored = await findAgreement(ledger, id);
  if (stored === null) throw new Error("an agreement that was just inserted is not there");
  // Somebody may have posted usage of it a moment ago, and its name was noted as unknown.
  forgetNames();
  return stored;
}

/**
 * An agreement made by the account before its product moved, and whose LicenseArn nobody has told, is the one that the
 * customer comes with now: a second one would split it, and the account would name neither. One statement, so that of
 * two licences that come at once one gets it.
 */
async function licenseEarlier(
  ledger: Ledger,
  { product, accountId, licenseArn, now }: Registration,
): Promise<void> {
  if (licenseArn === null) return;
  await ledger.run(sql`
    UPDATE agreements SET license_arn = ${licenseArn}, license_id = ${licenseIdOf(licenseArn)}
    WHERE product_id = ${product.id} AND account_id = ${accountId} AND license_arn IS NULL
    AND (usage_until IS NULL OR usage_until > ${now})
    AND NOT EXISTS (SELECT 1 FROM agreements other
                    WHERE other.product_id = ${product.id} AND other.license_arn = ${licenseArn})`);
}

/** What nobody has said yet of an agreement. */
const NEW = {
  customer: null,
  formerCustomer: null,
  formerUntil: null,
  awsAgreementId: null,
  startsAt: null,
  endsAt: null,
  termStartsAt: null,
  activatedAt: null,
  returnedAt: null,
  endedAt: null,
  usageUntil: null,
  lifeVersion: 0,
  closedAt: null,
  unbilled: null,
  entitlementsReadAt: null,
  entitlementsFailingSince: null,
  entitlementsError: null,
};

/** Made from what AWS knows the agreement by, so that one agreement cannot get two ids. */
async function agreementId(productId: string, identity: string): Promise<string> {
  return `agr_${(await sha256Hex(JSON.stringify([productId, identity]))).slice(0, 24)}`;
}

/** Ids are hashes, so their first digits spread agreements evenly. */
function shardFor(id: string, shards: number): number {
  return Number.parseInt(id.slice(4, 12), 16) % shards;
}

/**
 * The agreement of a registration that AWS has told more or less of before: by its licence, or of a legacy customer by the
 * CustomerIdentifier or the account, whichever was told before.
 */
async function findRegistered(
  ledger: Ledger,
  { product, accountId, licenseArn, customerIdentifier, now }: Registration,
): Promise<Agreement | null> {
  const isLegacy = !hasConcurrentAgreements(product, now);
  const names = [
    licenseArn === null ? null : eq(agreements.licenseArn, licenseArn),
    isLegacy && customerIdentifier !== null ? eq(agreements.customerIdentifier, customerIdentifier) : null,
    // An agreement that was made by the CustomerIdentifier has learned its account since.
    isLegacy && accountId !== null ? eq(agreements.accountId, accountId) : null,
  ];
  for (const name of names) {
    if (name === null) continue;
    const found = await ledger.query.agreements.findFirst({
      where: and(eq(agreements.productId, product.id), name),
    });
    if (found !== undefined) return found;
  }
  return null;
}
