import { and, eq, sql } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import { dimensions, products } from "../ledger/schema.ts";
import { changesOf, type DimensionRefusal, type PostedDimension } from "./dimensions.ts";
import { findProduct, forgetProduct, isTaken, type Product } from "./products.ts";

type Settings = Pick<
  Product,
  "name" | "signUpUrl" | "settleSeconds" | "lateSettleSeconds" | "dedupeDays" | "zeroHeartbeat" | "shards"
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
  | DimensionRefusal;

/** Changes a product and adds dimensions to it: all that was asked for, or, when any of it is refused, nothing. */
export async function changeProduct(
  ledger: Ledger,
  id: string,
  change: ProductChange,
): Promise<ChangedProduct> {
  const product = await findProduct(ledger, id);
  if (product === null) return { ok: false, reason: "unknown" };
  const { dimensions: posted = [], shards = product.shards, ...settings } = change;
  if (shards < product.shards) return { ok: false, reason: "fewer_shards", shards: product.shards };
  const changes = changesOf(product.dimensions, posted);
  if (!changes.ok) return changes;

  try {
    // One transaction. Its statements hold to the rules even if somebody else has changed the product by now: the
    // shards grow or stay, and a dimension that is there already makes the insert fail and all else with it.
    await ledger.batch([
      ledger
        .update(products)
        .set({ ...settings, shards: sql`max(${products.shards}, ${shards})` })
        .where(eq(products.id, id)),
      ...changes.added.map((dimension) => ledger.insert(dimensions).values({ productId: id, ...dimension })),
      ...changes.changed.map(({ name, late }) =>
        ledger
          .update(dimensions)
          .set({ late })
          .where(and(eq(dimensions.productId, id), eq(dimensions.name, name))),
      ),
    ]);
  } catch (error) {
    // Somebody else has added one of the dimensions meanwhile. Dimensions are never taken away, so this ends.
    if (isTaken(error, "dimensions")) return changeProduct(ledger, id, change);
    throw error;
  }
  forgetProduct(id);
  const changed = await findProduct(ledger, id);
  if (changed === null) throw new Error("a product that was just changed is not there");
  return { ok: true, product: changed };
}
