import { asc, eq, gt } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import type { Ledger } from "../ledger/database.ts";
import { dimensions, products } from "../ledger/schema.ts";

/** One AWS Marketplace listing with its dimensions. */
export type Product = typeof products.$inferSelect & { readonly dimensions: readonly string[] };

export type NewProduct = Omit<Product, "createdAt">;

/**
 * Stores a product and its dimensions.
 *
 * @returns false, and changes nothing, when its id or product code is taken
 */
export async function createProduct(ledger: Ledger, product: NewProduct, now: number): Promise<boolean> {
  const { dimensions: names, ...row } = product;
  try {
    // One transaction; the unique columns find out what is taken, also of two that come at once.
    await ledger.batch([
      ledger.insert(products).values({ ...row, createdAt: now }),
      ...names.map((name) => ledger.insert(dimensions).values({ productId: row.id, name })),
    ]);
    return true;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (`${String(error)} ${String(cause)}`.includes("UNIQUE constraint failed: products.")) return false;
    throw error;
  }
}

/** A product by its id; null when there is none. */
export async function findProduct(ledger: Ledger, id: string): Promise<Product | null> {
  const [[row], names] = await ledger.batch([
    ledger.select().from(products).where(eq(products.id, id)),
    ledger.select().from(dimensions).where(eq(dimensions.productId, id)).orderBy(asc(dimensions.name)),
  ]);
  return row === undefined ? null : { ...row, dimensions: names.map(({ name }) => name) };
}

/** Products that were asked for lately; a change of settings takes effect within 10 seconds. */
const recent = new LRUCache<string, Product>({ max: 1000, ttl: 10_000 });

/** {@link findProduct} for the ingest path, where the answer may be 10 seconds old. */
export async function recallProduct(ledger: Ledger, id: string): Promise<Product | null> {
  const known = recent.get(id);
  if (known !== undefined) return known;
  const product = await findProduct(ledger, id);
  if (product !== null) recent.set(id, product);
  return product;
}

/** The product that AWS knows by this code; null when there is none. */
export async function findProductByCode(ledger: Ledger, productCode: string): Promise<Product | null> {
  const row = await ledger.query.products.findFirst({
    columns: { id: true },
    where: eq(products.productCode, productCode),
  });
  return row === undefined ? null : findProduct(ledger, row.id);
}

/** Products in the order of their ids. */
export async function listProducts(
  ledger: Ledger,
  { limit, after = "" }: { limit: number; after?: string | undefined },
): Promise<Product[]> {
  const rows = await ledger
    .select()
    .from(products)
    .where(gt(products.id, after))
    .orderBy(asc(products.id))
    .limit(limit);
  return Promise.all(rows.map(async (row) => ({ ...row, dimensions: await dimensionsOf(ledger, row.id) })));
}

async function dimensionsOf(ledger: Ledger, productId: string): Promise<string[]> {
  const rows = await ledger
    .select()
    .from(dimensions)
    .where(eq(dimensions.productId, productId))
    .orderBy(asc(dimensions.name));
  return rows.map(({ name }) => name);
}

/** The Regions that any product is metered in. */
export async function listRegions(ledger: Ledger): Promise<string[]> {
  const rows = await ledger.selectDistinct({ region: products.region }).from(products);
  return rows.map(({ region }) => region);
}
