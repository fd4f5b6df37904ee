import { and, asc, desc, eq, isNull, lte, sql } from "drizzle-orm";
import { findProduct, type Product } from "../../catalog/products.ts";
import { hasConcurrentAgreements } from "../../ledger/concurrent-agreements.ts";
import { inOneTransaction } from "../../ledger/database.ts";
import { agreements, entitlements } from "../../ledger/schema.ts";
import { getAllEntitlements, type GetEntitlementsRequest } from "../../marketplace/index.ts";
import { HOUR, MINUTE } from "../../meter/hours.ts";
import { messageId, writeMessages } from "../../webhooks/messages.ts";
import { presentAgreement } from "../agreement-view.ts";
import { type Agreement } from "../../ledger/agreements.ts";
import { allowancesOf, nextTerm, saveAllowances, type Allowance } from "./allowances.ts";
import { applyNotices } from "../apply-notices.ts";
import { eachOf } from "../each-of.ts";
import { ownNotice } from "../notices/notices.ts";
import type { Surroundings } from "../surroundings.ts";
import { heldOf, inForce, type EntitlementPart, type HeldEntitlement } from "./steps.ts";
import { isUnknown } from "./terms.ts";

/** Contracts that one slice reads, and how many of them at once: AWS gives no quota, and throttles. */
const MAX_READ = 60;
const AT_ONCE = 5;

/** Contracts are read once a day, if no notice says that one has changed. */
const DAILY = 24 * HOUR;

/** How soon a contract is read again that AWS knows nothing of yet, while hours wait for it. */
const AWAITED = 10 * MINUTE;

/** AWS is known to give a customer a few dozen. */
const MAX_PAGES = 40;

/**
 * Reads the contracts that are due; one that cannot be read is no other's matter. The products take turns, so that those of
 * one that fails leave room for the others; of each, what something is known to have happened to comes before the daily
 * readings.
 *
 * @returns whether to go on at once: more may be due, and AWS has answered to all
 */
export async function readEntitlements(surroundings: Surroundings): Promise<boolean> {
  const { ledger, now } = surroundings;
  const { entitlementsDueAt, entitlementsUrgent, productId } = agreements;
  const turn = sql`row_number() OVER (
    PARTITION BY ${productId} ORDER BY ${entitlementsUrgent} DESC, ${entitlementsDueAt})`;
  const due = await ledger
    .select()
    .from(agreements)
    // Of an ended agreement AWS says nothing any more, and its last hours may still draw on what it has included.
    .where(and(lte(entitlementsDueAt, now()), isNull(agreements.usageUntil)))
    .orderBy(turn, desc(entitlementsUrgent), asc(entitlementsDueAt))
    .limit(MAX_READ);
  const products = new Map<string, Product | null>();
  for (const id of new Set(due.map(({ productId }) => productId)))
    products.set(id, await findProduct(ledger, id));
  let read = 0;
  await eachOf(
    due,
    async (agreement) => {
      if (await readOne(surroundings, agreement, products.get(agreement.productId) ?? null)) read += 1;
    },
    { atOnce: AT_ONCE },
  );
  return read === MAX_READ;
}

/** @returns whether AWS has answered */
async function readOne(
  surroundings: Surroundings,
  agreement: Agreement,
  product: Product | null,
): Promise<boolean> {
  if (product === null) throw new Error("an agreement's product is not there");
  const { id, entitlementsDueAt } = agreement;
  if (!product.contract) {
    await store(surroundings, { agreement, product, parts: [] });
    return true;
  }
  const client = surroundings.entitlements(product.region);
  const outcome =
    client === null
      ? ({
          ok: false,
          error: {
            code: "NoService",
            message: `AWS has no entitlement service for the Region ${product.region}.`,
          },
        } as const)
      : await getAllEntitlements(client, requestOf(agreement, product, surroundings.now()), MAX_PAGES);
  if (outcome.ok) {
    await store(surroundings, { agreement, product, parts: inForce(outcome.value, surroundings.now()) });
    return true;
  }
  const { code, message } = outcome.error;
  const { ledger, now, report } = surroundings;
  const failingSince = agreement.entitlementsFailingSince ?? now();
  // As long again as it has failed, from a minute to an hour.
  const delay = Math.min(Math.max(now() - failingSince, MINUTE), HOUR);
  report(`a contract cannot be read: ${message}`, { agreement: id, code });
  await ledger
    .update(agreements)
    .set({
      entitlementsFailingSince: failingSince,
      entitlementsError: message,
      entitlementsDueAt: now() + delay,
    })
    // Not if a notice has made it due anew.
    .where(and(eq(agreements.id, id), eq(agreements.entitlementsDueAt, entitlementsDueAt ?? 0)));
  return false;
}

/** AWS knows a contract by its licence, or, of a legacy product, by the customer. */
function requestOf(
  { licenseArn, accountId, customerIdentifier }: Agreement,
  product: Product,
  now: number,
): GetEntitlementsRequest {
  const { productCode: ProductCode } = product;
  if (licenseArn !== null && hasConcurrentAgreements(product, now))
    return { ProductCode, Filter: { LICENSE_ARN: [licenseArn] } };
  if (accountId !== null) return { ProductCode, Filter: { CUSTOMER_AWS_ACCOUNT_ID: [accountId] } };
  return { ProductCode, Filter: { CUSTOMER_IDENTIFIER: [customerIdentifier ?? ""] } };
}

interface Contract {
  readonly agreement: Agreement;
  readonly product: Product;
  /** What AWS says is in force. */
  readonly parts: readonly EntitlementPart[];
}

/** Writes down what a contract includes, and what of usage that leaves to be billed. */
async function store(surroundings: Surroundings, contract: Contract): Promise<void> {
  const { ledger, now } = surroundings;
  const { product, parts } = contract;
  const at = now();
  const agreement = await seenActive(ledger, contract, at);
  const { id } = agreement;
  const held = heldOf(parts);
  const allowed = await allowancesOf(ledger, { agreement, product, parts }, at);
  const next = nextReading(surroundings, allowed, parts);
  // As it was when AWS was asked: a notice that came since may tell of what AWS has not said, and another tick may have
  // stored what is newer. Then this is nothing.
  const isStill = sql`EXISTS (SELECT 1 FROM agreements WHERE id = ${id}
                              AND entitlements_due_at IS ${contract.agreement.entitlementsDueAt})`;
  const wanted = JSON.stringify(held);
  const isOther = sql`${isStill} AND (SELECT json_group_array(json_array(dimension, value, expires_at)) FROM
    (SELECT * FROM entitlements WHERE agreement_id = ${id} ORDER BY dimension))
    <> ${JSON.stringify(held.map(({ dimension, value, expiresAt }) => [dimension, JSON.stringify(value), expiresAt]))}`;
  const message = {
    id: messageId(at, `${id}_entitlements`),
    type: "agreement.entitlements_changed",
    agreementId: id,
    data: {
      ...presentAgreement(agreement, at),
      entitlements: held.map(presentEntitlement),
    },
  } as const;
  await inOneTransaction(ledger, [
    writeMessages([message], at, isOther),
    sql`
      DELETE FROM entitlements WHERE agreement_id = ${id} AND ${isStill}
      AND dimension NOT IN (SELECT value ->> 'dimension' FROM json_each(${wanted}))`,
    sql`
      INSERT INTO entitlements (agreement_id, dimension, value, expires_at)
      SELECT ${id}, value ->> 'dimension', value -> 'value', value ->> 'expiresAt'
      FROM json_each(${wanted}) WHERE ${isStill}
      ON CONFLICT DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
      WHERE value <> excluded.value OR expires_at IS NOT excluded.expires_at`,
    ...saveAllowances(id, allowed, isStill),
    sql`
      UPDATE agreements SET entitlements_read_at = ${at}, entitlements_failing_since = NULL, entitlements_error = NULL,
        entitlements_due_at = ${product.contract ? next.at : null}, entitlements_urgent = ${next.isUrgent ? 1 : 0}
      WHERE id = ${id} AND ${isStill}`,
  ]);
}

/** When AWS has a contract in force, the agreement is active, and its notice was lost or is late. */
async function seenActive(
  ledger: Surroundings["ledger"],
  { agreement, parts }: Contract,
  at: number,
): Promise<Agreement> {
  if (parts.length === 0 || agreement.activatedAt !== null || agreement.usageUntil !== null) return agreement;
  const notice = { kind: "seen_active", occurredAt: at, facts: { name: "GetEntitlements" } } as const;
  const notified = {
    ...notice,
    id: `gateway:seen_active:${agreement.id}:${at}`,
    source: "gateway",
    licenseArn: null,
  } as const;
  await ownNotice(ledger, agreement.id, notified, at);
  return (await applyNotices(ledger, agreement.id, at)) ?? agreement;
}

/** Soon while hours wait for AWS's answer; else when something ends, or in a day. */
function nextReading(
  { now, random }: Surroundings,
  allowed: readonly Allowance[],
  parts: readonly EntitlementPart[],
): { readonly at: number; readonly isUrgent: boolean } {
  if (allowed.some(({ known }) => isUnknown(known))) return { at: now() + AWAITED, isUrgent: true };
  const daily = Math.ceil(now() + DAILY * (1 - random() / 10));
  const next = nextTerm(parts, allowed, now());
  return { at: Math.min(daily, next), isUrgent: next < daily };
}

/** An entitlement as the API and the webhooks show it. */
export const presentEntitlement = ({ dimension, value, expiresAt }: HeldEntitlement) => ({
  dimension,
  value,
  expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
});

/** What was read last of agreements' contracts. */
export async function entitlementsOf(
  ledger: Surroundings["ledger"],
  agreementIds: readonly string[],
): Promise<(HeldEntitlement & { readonly agreementId: string })[]> {
  const rows = await ledger
    .select()
    .from(entitlements)
    .where(sql`agreement_id IN (SELECT value FROM json_each(${JSON.stringify(agreementIds)}))`)
    .orderBy(asc(entitlements.dimension));
  return rows.map(({ agreementId, dimension, value, expiresAt }) => ({
    agreementId,
    dimension,
    value: JSON.parse(value) as HeldEntitlement["value"],
    expiresAt,
  }));
}
