import { and, asc, eq, isNull, lte, sql } from "drizzle-orm";
import { findProduct, type Product } from "../../catalog/products.ts";
import { inOneTransaction } from "../../ledger/database.ts";
import { agreements, entitlements } from "../../ledger/schema.ts";
import {
  getAllEntitlements,
  type Entitlement,
  type GetEntitlementsRequest,
} from "../../marketplace/index.ts";
import { HOUR, MINUTE, SECOND } from "../../meter/hours.ts";
import { messageId, writeMessages } from "../../webhooks/messages.ts";
import { presentAgreement } from "../agreement-view.ts";
import { hasConcurrentAgreements, type Agreement } from "../agreements.ts";
import { allowancesOf, isAwaited, nextTerm, saveAllowances } from "./allowances.ts";
import { applyNotices } from "../apply-notices.ts";
import { eachOf } from "../each-of.ts";
import { ownNotice } from "../notices/notices.ts";
import type { Surroundings } from "../surroundings.ts";

/** Contracts that one slice reads, and how many of them at once: AWS gives no quota, and throttles. */
const MAX_READ = 60;
const AT_ONCE = 5;

/** Contracts are read once a day, if no notice says that one has changed. */
const DAILY = 24 * HOUR;

/** How soon a contract is read again that AWS knows nothing of yet, while hours wait for it. */
const AWAITED = 10 * MINUTE;

/** AWS is known to give a customer a few dozen. */
const MAX_PAGES = 40;

/** What a customer's contract includes in one dimension. */
export interface HeldEntitlement {
  /** AWS's API name of the contract's dimension. */
  readonly dimension: string;
  readonly value: number | boolean | string;
  /** Epoch milliseconds; null while AWS names no end. */
  readonly expiresAt: number | null;
}

/**
 * Reads the contracts that are due; one that cannot be read is no other's matter.
 *
 * @returns whether to go on at once: more may be due, and AWS has answered to all
 */
export async function readEntitlements(surroundings: Surroundings): Promise<boolean> {
  const { ledger, now } = surroundings;
  const due = await ledger
    .select()
    .from(agreements)
    // Of an ended agreement AWS says nothing any more, and its last hours may still draw on what it has included.
    .where(and(lte(agreements.entitlementsDueAt, now()), isNull(agreements.usageUntil)))
    .orderBy(asc(agreements.entitlementsDueAt))
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
    await store(surroundings, { agreement, product, held: [] });
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
    await store(surroundings, { agreement, product, held: heldOf(outcome.value, surroundings.now()) });
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

/** Of what is in force, one of each dimension: where AWS has several, their numbers add up. */
function heldOf(said: readonly Entitlement[], now: number): HeldEntitlement[] {
  const byDimension = new Map<string, HeldEntitlement>();
  for (const { Dimension, Value = {}, ExpirationDate } of said) {
    const value = Value.IntegerValue ?? Value.DoubleValue ?? Value.BooleanValue ?? Value.StringValue ?? null;
    if (Dimension === undefined || value === null) continue;
    const expiresAt = ExpirationDate === undefined ? null : Math.round(ExpirationDate * SECOND);
    if (expiresAt !== null && expiresAt <= now) continue;
    const before = byDimension.get(Dimension);
    const sum = typeof before?.value === "number" && typeof value === "number" ? before.value + value : value;
    const latest =
      before?.expiresAt === null || expiresAt === null ? null : Math.max(expiresAt, before?.expiresAt ?? 0);
    byDimension.set(Dimension, { dimension: Dimension, value: sum, expiresAt: latest });
  }
  return [...byDimension.values()].toSorted((a, b) => (a.dimension < b.dimension ? -1 : 1));
}

interface Contract {
  readonly agreement: Agreement;
  readonly product: Product;
  readonly held: readonly HeldEntitlement[];
}

/** Writes down what a contract includes, and what of usage that leaves to be billed. */
async function store(surroundings: Surroundings, contract: Contract): Promise<void> {
  const { ledger, now, random } = surroundings;
  const { product, held } = contract;
  const at = now();
  let { agreement } = contract;
  if (held.length > 0 && agreement.activatedAt === null && agreement.usageUntil === null) {
    // AWS has a contract in force, so the agreement is active, and its notice was lost or is late.
    const notice = { kind: "seen_active", occurredAt: at, facts: { name: "GetEntitlements" } } as const;
    const notified = {
      ...notice,
      id: `gateway:seen_active:${agreement.id}:${at}`,
      source: "gateway",
      licenseArn: null,
    } as const;
    await ownNotice(ledger, agreement.id, notified, at);
    agreement = (await applyNotices(ledger, agreement.id, at)) ?? agreement;
  }
  const { id } = agreement;
  const allowed = await allowancesOf(ledger, { agreement, product, held }, at);
  const isWaitedFor =
    isAwaited({ agreement, product, held }, at) &&
    product.dimensions.some(({ included }) => included !== null);
  const next = isWaitedFor
    ? at + AWAITED
    : Math.min(at + DAILY * (1 - random() / 10), nextTerm(held, allowed, at));
  // As it was when AWS was asked: a notice that came since may tell of what AWS has not said.
  const isStill = sql`entitlements_due_at IS ${contract.agreement.entitlementsDueAt}`;
  const wanted = JSON.stringify(held);
  const isOther = sql`(SELECT json_group_array(json_array(dimension, value, expires_at)) FROM
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
      DELETE FROM entitlements WHERE agreement_id = ${id}
      AND dimension NOT IN (SELECT value ->> 'dimension' FROM json_each(${wanted}))`,
    sql`
      INSERT INTO entitlements (agreement_id, dimension, value, expires_at)
      SELECT ${id}, value ->> 'dimension', value -> 'value', value ->> 'expiresAt'
      FROM json_each(${wanted}) WHERE true
      ON CONFLICT DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
      WHERE value <> excluded.value OR expires_at IS NOT excluded.expires_at`,
    ...saveAllowances(id, allowed),
    sql`
      UPDATE agreements SET entitlements_read_at = ${at}, entitlements_failing_since = NULL, entitlements_error = NULL,
        entitlements_due_at = iif(${isStill}, ${product.contract ? Math.ceil(next) : null}, entitlements_due_at)
      WHERE id = ${id}`,
  ]);
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
