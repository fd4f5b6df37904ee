import { and, asc, eq, gt, sql } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import { agreements } from "../ledger/schema.ts";
import { forgetNames } from "./resolve-names.ts";
import { sha256Hex } from "../sha256.ts";

export type Agreement = typeof agreements.$inferSelect;

/** What ResolveCustomer said of who has come. */
export interface Registration {
  readonly productId: string;
  readonly concurrentAgreements: boolean;
  readonly accountId: string | null;
  readonly licenseArn: string | null;
  readonly customerIdentifier: string | null;
  /** How many shards the product spreads new agreements over. */
  readonly shards: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * Stores the agreement that a registration is about, or finds the one it has made before: the same customer may
 * press AWS's button twice, even twice at once. With concurrent agreements the LicenseArn tells them apart;
 * otherwise a customer has one agreement of a product.
 */
export async function registerAgreement(ledger: Ledger, registration: Registration): Promise<Agreement> {
  const { productId, concurrentAgreements, accountId, customerIdentifier, shards, now } = registration;
  const licenseArn = concurrentAgreements ? registration.licenseArn : null;
  const id = await agreementId(productId, licenseArn ?? accountId ?? customerIdentifier ?? "");
  const shard = shardFor(id, shards);
  const row = {
    id,
    productId,
    accountId,
    licenseArn,
    customerIdentifier,
    customer: null,
    shard,
    registeredAt: now,
  };
  await ledger.insert(agreements).values(row).onConflictDoNothing();
  const stored = await ledger.query.agreements.findFirst({ where: eq(agreements.id, id) });
  if (stored === undefined) throw new Error("an agreement that was just inserted is not there");
  return stored;
}

/** Made from what AWS knows the agreement by, so that one agreement cannot get two ids. */
async function agreementId(productId: string, identity: string): Promise<string> {
  return `agr_${(await sha256Hex(JSON.stringify([productId, identity]))).slice(0, 24)}`;
}

/** Ids are hashes, so their first digits spread agreements evenly. */
function shardFor(id: string, shards: number): number {
  return Number.parseInt(id.slice(4, 12), 16) % shards;
}

/** Agreements in the order of their ids. */
export function listAgreements(
  ledger: Ledger,
  query: {
    limit: number;
    after?: string | undefined;
    product?: string | undefined;
    agreement?: string | undefined;
  },
): Promise<Agreement[]> {
  return ledger.query.agreements.findMany({
    where: and(
      gt(agreements.id, query.after ?? ""),
      query.product === undefined ? undefined : eq(agreements.productId, query.product),
      query.agreement === undefined ? undefined : eq(agreements.id, query.agreement),
    ),
    orderBy: asc(agreements.id),
    limit: query.limit,
  });
}

export type Naming =
  | { readonly ok: true; readonly agreement: Agreement }
  | { readonly ok: false; readonly reason: "unknown" | "taken" };

/** Sets the seller's own id for the customer of an agreement, or takes it away. Two agreements cannot share one. */
export async function nameCustomer(ledger: Ledger, id: string, customer: string | null): Promise<Naming> {
  const agreement = await ledger.query.agreements.findFirst({ where: eq(agreements.id, id) });
  if (agreement === undefined) return { ok: false, reason: "unknown" };
  // One statement, so that of two operators who give away the same id only one succeeds.
  const [updated] = await ledger
    .update(agreements)
    .set({ customer })
    .where(
      and(
        eq(agreements.id, id),
        sql`NOT EXISTS (SELECT 1 FROM agreements other
                        WHERE other.product_id = ${agreement.productId} AND other.customer = ${customer} AND other.id <> ${id})`,
      ),
    )
    .returning();
  forgetNames();
  return updated === undefined ? { ok: false, reason: "taken" } : { ok: true, agreement: updated };
}
