import { and, eq, gt, isNull, or, sql } from "drizzle-orm";
import { includeOtherwise } from "../ledger/allowances.ts";
import type { Ledger } from "../ledger/database.ts";
import { agreements, dimensions, products } from "../ledger/schema.ts";
import { HOUR, hourOf } from "../meter/hours.ts";
import { changesOf, type DimensionRefusal, type PostedDimension } from "./dimensions.ts";
import {
  dimensionRow,
  findProduct,
  forgetProduct,
  isTaken,
  signUpColumn,
  type Dimension,
  type Product,
} from "./products.ts";

type Settings = Pick<
  Product,
  | "name"
  | "signUpUrl"
  | "settleSeconds"
  | "lateSettleSeconds"
  | "dedupeDays"
  | "zeroHeartbeat"
  | "shards"
  | "contract"
  | "snsTopics"
  | "page"
  | "concurrentAgreementsFrom"
>;

/** What an operator changes about a product. What is not said stays as it is. */
export type ProductChange = { readonly [Setting in keyof Settings]?: Settings[Setting] | undefined } & {
  readonly dimensions?: readonly PostedDimension[] | undefined;
};

export type ChangedProduct =
  | { readonly ok: true; readonly product: Product }
  | { readonly ok: false; readonly reason: "unknown" }
  /** Agreements stay on their shard, so a product has at least as many as it has had. */
  | { readonly ok: false; readonly reason: "fewer_shards"; readonly shards: number }
  /** The name of a dimension that would include a contract's quantity, of a product without contracts. */
  | { readonly ok: false; readonly reason: "no_contract"; readonly dimension: string }
  | MoveRefusal
  | DimensionRefusal;

/** Why a product does not move to concurrent agreements. */
export type MoveRefusal =
  | { readonly ok: false; readonly reason: "moved_already" }
  /** The first hour from which on it can move, epoch milliseconds. */
  | { readonly ok: false; readonly reason: "move_too_early"; readonly earliest: number }
  /** How many agreements have no LicenseArn to be metered by. */
  | { readonly ok: false; readonly reason: "licenses_missing"; readonly count: number };

/**
 * Changes a product and adds dimensions to it: all that was asked for, or, when any of it is refused, nothing.
 *
 * @param now epoch milliseconds
 */
export async function changeProduct(
  ledger: Ledger,
  id: string,
  change: ProductChange,
  now: number,
): Promise<ChangedProduct> {
  const product = await findProduct(ledger, id);
  if (product === null) return { ok: false, reason: "unknown" };
  const { dimensions: posted = [], shards = product.shards, signUpUrl, ...settings } = change;
  if (shards < product.shards) return { ok: false, reason: "fewer_shards", shards: product.shards };
  const changes = changesOf(product.dimensions, posted);
  if (!changes.ok) return changes;
  const { contract = product.contract } = settings;
  const included = dimensionsAfter(product, changes).find((dimension) => dimension.included !== null);
  if (!contract && included !== undefined)
    return { ok: false, reason: "no_contract", dimension: included.name };
  const refusal = await refusalOfMove(ledger, product, settings.concurrentAgreementsFrom, now);
  if (refusal !== null) return refusal;

  try {
    // One transaction. Its statements hold to the rules even if somebody else has changed the product by now: the
    // shards grow or stay, and a dimension that is there already makes the insert fail and all else with it.
    await ledger.batch([
      ledger
        .update(products)
        .set({
          ...settings,
          ...(signUpUrl !== undefined && { signUpUrl: signUpColumn(signUpUrl) }),
          shards: sql`max(${products.shards}, ${shards})`,
        })
        .where(eq(products.id, id)),
      ...changes.added.map((dimension) =>
        ledger.insert(dimensions).values({ productId: id, ...dimensionRow(dimension) }),
      ),
      ...changes.changed.map((dimension) => {
        const { late, includedBy, includedPer } = dimensionRow(dimension);
        return ledger
          .update(dimensions)
          .set({ late, includedBy, includedPer })
          .where(and(eq(dimensions.productId, id), eq(dimensions.name, dimension.name)));
      }),
      ...readEntitlementsAgain(ledger, product, { contract, changes }, now),
    ]);
  } catch (error) {
    // Somebody else has added one of the dimensions meanwhile. Dimensions are never taken away, so this ends.
    if (isTaken(error, "dimensions")) return changeProduct(ledger, id, change, now);
    throw error;
  }
  forgetProduct(id);
  const changed = await findProduct(ledger, id);
  if (changed === null) throw new Error("a product that was just changed is not there");
  return { ok: true, product: changed };
}

interface Changes {
  readonly added: readonly Dimension[];
  readonly changed: readonly Dimension[];
}

function dimensionsAfter({ dimensions }: Product, { added, changed }: Changes): Dimension[] {
  const byName = new Map(changed.map((dimension) => [dimension.name, dimension]));
  return [...dimensions.map((dimension) => byName.get(dimension.name) ?? dimension), ...added];
}

/**
 * What contracts include has changed, so each agreement's is to be read, and its shard told anew. What is included by another
 * dimension, or again, is not known until then: its hours wait.
 */
function readEntitlementsAgain(
  ledger: Ledger,
  product: Product,
  { contract, changes }: { readonly contract: boolean; readonly changes: Changes },
  now: number,
) {
  const changed = changes.changed.filter(({ name, included }) => {
    const before = product.dimensions.find((dimension) => dimension.name === name)?.included;
    return before?.by !== included?.by || before?.per !== included?.per;
  });
  const isOther = changed.length > 0 || changes.added.some(({ included }) => included !== null);
  if (contract === product.contract && !isOther) return [];
  const isOfProduct = eq(agreements.productId, product.id);
  return [
    ledger
      .update(agreements)
      .set({ entitlementsDueAt: now })
      .where(and(isOfProduct, isNull(agreements.closedAt))),
    ...includeOtherwise(
      ledger,
      product.id,
      changed.map(({ name, included }) => ({ dimension: name, isIncluded: included !== null })),
    ),
  ];
}

/**
 * A product moves from ProductCode to LicenseArn at the beginning of an hour that no record is of yet, so that no hour
 * is ever metered by both: AWS would bill it twice.
 */
async function refusalOfMove(
  ledger: Ledger,
  product: Product,
  from: number | null | undefined,
  now: number,
): Promise<MoveRefusal | null> {
  if (from === undefined || from === product.concurrentAgreementsFrom) return null;
  const earliest = hourOf(now) + HOUR;
  const known = product.concurrentAgreementsFrom;
  if (product.concurrentAgreements || (known !== null && known < earliest))
    return { ok: false, reason: "moved_already" };
  if (from === null) return null;
  if (from < earliest) return { ok: false, reason: "move_too_early", earliest };
  const isWithout = and(
    eq(agreements.productId, product.id),
    isNull(agreements.licenseArn),
    or(isNull(agreements.usageUntil), gt(agreements.usageUntil, now)),
  );
  const without = await ledger.$count(agreements, isWithout);
  return without > 0 ? { ok: false, reason: "licenses_missing", count: without } : null;
}
