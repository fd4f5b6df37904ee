import { and, asc, desc, eq, gt, isNull, lte, or, sql } from "drizzle-orm";
import { findProduct, type Product } from "../../catalog/products.ts";
import type { Agreement } from "../../ledger/agreements.ts";
import { hasUnreadContract } from "../../ledger/allowances.ts";
import { agreements } from "../../ledger/schema.ts";
import { getAllEntitlements, type GetEntitlementsRequest } from "../../marketplace/index.ts";
import { HOUR, MINUTE } from "../../meter/hours.ts";
import { hasConcurrentAgreements } from "../../ledger/concurrent-agreements.ts";
import { faultsOf } from "../../each-of.ts";
import type { Part } from "../slice.ts";
import type { Surroundings } from "../surroundings.ts";
import type { BelievedEntitlement } from "./believed.ts";
import { entitlementsOf } from "./entitlement-rows.ts";
import { inForce } from "./steps.ts";
import { storeContract } from "./store-contract.ts";

/** Contracts that one slice reads, and how many of them at once: AWS gives no quota, and throttles. */
const MAX_READ = 60;
const AT_ONCE = 5;

/** AWS is known to give a customer a few dozen. */
const MAX_PAGES = 40;

/** How long a product is left out of which no contract could be read: the slices of one tick. */
const LEFT_OUT = MINUTE;

/** Products that are left out, and since when. */
type LeftOut = readonly (readonly [product: string, since: number])[];

/**
 * Reads the contracts that are due; one that cannot be read is no other's matter. The products take turns; of each, what
 * something is known to have happened to comes before the daily readings. A product of which none can be read is left out of
 * the slices that follow, so that it takes the others' place once in a tick.
 */
export const readEntitlements: Part = async (surroundings, from) => {
  const now = surroundings.now();
  const before = from === "" ? [] : (JSON.parse(from) as LeftOut);
  const leftOut = before.filter(([, since]) => since > now - LEFT_OUT);
  const due = await dueContracts(
    surroundings,
    leftOut.map(([product]) => product),
  );
  const read = new Set<string>();
  const broken = new Set<string>();
  const faults = await faultsOf(
    due,
    async (contract) => {
      const { productId } = contract.agreement;
      try {
        if (await readOne(surroundings, contract)) read.add(productId);
      } catch (error) {
        // What the ledger does not take is due as before.
        broken.add(productId);
        throw error;
      }
    },
    { atOnce: AT_ONCE },
  );
  const met = new Set(due.map(({ agreement }) => agreement.productId));
  const failed = [...met].filter((product) => broken.has(product) || !read.has(product));
  const next: LeftOut = [...leftOut, ...failed.map((product) => [product, now] as const)];
  return { next: due.length === MAX_READ ? JSON.stringify(next) : null, faults };
};

interface DueContract {
  readonly agreement: Agreement;
  readonly product: Product | null;
  /** What the seller was told of it. */
  readonly before: readonly BelievedEntitlement[];
}

async function dueContracts(
  { ledger, now }: Surroundings,
  leftOut: readonly string[],
): Promise<DueContract[]> {
  const { entitlementsDueAt, entitlementsUrgent, productId, usageUntil } = agreements;
  const turn = sql`row_number() OVER (
    PARTITION BY ${productId} ORDER BY ${entitlementsUrgent} DESC, ${entitlementsDueAt})`;
  // Of an ended agreement AWS soon says nothing any more, and its last hours may still draw on what it has included: only
  // what they wait for is asked for, as long as AWS takes them.
  const isRead = or(isNull(usageUntil), and(gt(usageUntil, now()), hasUnreadContract));
  const due = await ledger
    .select()
    .from(agreements)
    .where(
      and(
        lte(entitlementsDueAt, now()),
        isRead,
        sql`${productId} NOT IN (SELECT value FROM json_each(${JSON.stringify(leftOut)}))`,
      ),
    )
    .orderBy(turn, desc(entitlementsUrgent), asc(entitlementsDueAt))
    .limit(MAX_READ);
  const products = new Map<string, Product | null>();
  for (const id of new Set(due.map((agreement) => agreement.productId)))
    products.set(id, await findProduct(ledger, id));
  const rows = await entitlementsOf(
    ledger,
    due.map(({ id }) => id),
  );
  const byAgreement = Map.groupBy(rows, ({ agreementId }) => agreementId);
  return due.map((agreement) => ({
    agreement,
    product: products.get(agreement.productId) ?? null,
    before: (byAgreement.get(agreement.id) ?? []).map(({ agreementId: _its, ...row }) => row),
  }));
}

/** @returns whether AWS has answered */
async function readOne(
  surroundings: Surroundings,
  { agreement, product, before }: DueContract,
): Promise<boolean> {
  if (product === null) throw new Error("an agreement's product is not there");
  if (!product.contract) {
    await storeContract(surroundings, { agreement, product, parts: [], before });
    return true;
  }
  const outcome = await ask(surroundings, agreement, product);
  if (outcome.ok) {
    const parts = inForce(outcome.value, surroundings.now());
    await storeContract(surroundings, { agreement, product, parts, before });
    return true;
  }
  await tryLater(surroundings, agreement, outcome.error);
  return false;
}

async function ask({ entitlements, now }: Surroundings, agreement: Agreement, product: Product) {
  const client = entitlements(product.region);
  if (client !== null) return getAllEntitlements(client, requestOf(agreement, product, now()), MAX_PAGES);
  const message = `AWS has no entitlement service for the Region ${product.region}.`;
  return { ok: false, error: { code: "NoService", message } } as const;
}

/** As long again as it has failed, from a minute to an hour. */
async function tryLater(
  { ledger, now, report }: Surroundings,
  { id, entitlementsDueAt, entitlementsFailingSince }: Agreement,
  { code, message }: { readonly code: string; readonly message: string },
): Promise<void> {
  const failingSince = entitlementsFailingSince ?? now();
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
