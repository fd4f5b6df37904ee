import { asc, eq, gt } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import type { Ledger } from "../ledger/database.ts";
import { dimensions, products } from "../ledger/schema.ts";
import { shardName } from "../meter/shard-name.ts";
import type { MeteredDimension } from "../meter/usage-batch.ts";

/** A metered unit of a product by AWS's API name, which is case-sensitive, and how its usage is counted. */
export type Dimension = MeteredDimension;

/** One AWS Marketplace listing with its dimensions, in the order of their names. */
export type Product = typeof products.$inferSelect & { readonly dimensions: readonly Dimension[] };

export type NewProduct = Omit<Product, "createdAt">;

/**
 * Stores a product and its dimensions.
 *
 * @returns false, and changes nothing, when its id or product code is taken
 */
export async function createProduct(ledger: Ledger, product: NewProduct, now: number): Promise<boolean> {
  const { dimensions: counted, ...row } = product;
  try {
    // One transaction; the unique columns find out what is taken, also of two that come at once.
    await ledger.batch([
      ledger.insert(products).values({ ...row, createdAt: now }),
      ...counted.map((dimension) => ledger.insert(dimensions).values({ productId: row.id, ...dimension })),
    ]);
    return true;
  } catch (error) {
    if (isTaken(error, "products")) return false;
    throw error;
  }
}

/** Whether a write failed, and changed nothing, because a row with its key is there already. */
export function isTaken(error: unknown, table: "products" | "dimensions"): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return `${String(error)} ${String(cause)}`.includes(`UNIQUE constraint failed: ${table}.`);
}

const dimensionsOf = (ledger: Ledger, productId: string) =>
  ledger
    .select({
      name: dimensions.name,
      aggregation: dimensions.aggregation,
      divisor: dimensions.divisor,
      uniqueTag: dimensions.uniqueTag,
      late: dimensions.late,
    })
    .from(dimensions)
    .where(eq(dimensions.productId, productId))
    .orderBy(asc(dimensions.name));

/** A product by its id; null when there is none. */
export async function findProduct(ledger: Ledger, id: string): Promise<Product | null> {
  const [[row], counted] = await ledger.batch([
    ledger.select().from(products).where(eq(products.id, id)),
    dimensionsOf(ledger, id),
  ]);
  return row === undefined ? null : { ...row, dimensions: counted };
}

/** Products that were asked for lately; a change made elsewhere takes effect within 10 seconds. */
const recent = new LRUCache<string, Product>({ max: 1000, ttl: 10_000 });

/** Makes a change take effect at once in this isolate. */
export function forgetProduct(id: string): void {
  recent.delete(id);
}

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

/** The Regions that any product is metered in. */
export async function listRegions(ledger: Ledger): Promise<string[]> {
  const rows = await ledger.selectDistinct({ region: products.region }).from(products);
  return rows.map(({ region }) => region);
}

/** The names of all meter shards. */
export async function listShards(ledger: Ledger): Promise<string[]> {
  const rows = await ledger.select({ id: products.id, shards: products.shards }).from(products);
  return rows.flatMap(({ id, shards }) => Array.from({ length: shards }, (_, shard) => shardName(id, shard)));
}
