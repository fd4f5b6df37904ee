import { asc, eq, gt, sql } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import type { Ledger } from "../ledger/database.ts";
import { dimensions, products, type AllowancePeriod } from "../ledger/schema.ts";
import { shardName } from "../meter/shard-name.ts";
import type { MeteredDimension } from "../meter/usage-batch.ts";

/** How much of a dimension's usage a customer's contract includes. */
export interface Included {
  /** AWS's API name of the contract's dimension, whose entitlement is the quantity, in billed units. */
  readonly by: string;
  /** How often that quantity is included. */
  readonly per: AllowancePeriod;
}

/** A metered unit of a product by AWS's API name, which is case-sensitive, and how its usage is counted. */
export interface Dimension extends MeteredDimension {
  /** Null when all usage is billed. */
  readonly included: Included | null;
}

type ProductRow = typeof products.$inferSelect;

/** One AWS Marketplace listing with its dimensions, in the order of their names. */
export interface Product extends Omit<ProductRow, "signUpUrl"> {
  /** Null for the page that the gateway has itself. */
  readonly signUpUrl: string | null;
  readonly dimensions: readonly Dimension[];
}

type Optional = "contract" | "snsTopics" | "page" | "concurrentAgreementsFrom";

/** A product to store; what is optional has the schema's default. */
export type NewProduct = Omit<Product, "createdAt" | "dimensions" | Optional> &
  Partial<Pick<Product, Optional>> & {
    readonly dimensions: readonly (MeteredDimension & Partial<Pick<Dimension, "included">>)[];
  };

/** The column is of a time when every product had an address, and takes no null. */
export const signUpColumn = (signUpUrl: string | null): string => signUpUrl ?? "";

/** A dimension's columns. */
export function dimensionRow({ included = null, ...dimension }: NewProduct["dimensions"][number]) {
  return { ...dimension, includedBy: included?.by ?? null, includedPer: included?.per ?? null };
}

const productOf = (row: ProductRow, counted: readonly Dimension[]): Product => ({
  ...row,
  signUpUrl: row.signUpUrl === "" ? null : row.signUpUrl,
  dimensions: counted,
});

/**
 * Stores a product and its dimensions.
 *
 * @returns false, and changes nothing, when its id or product code is taken
 */
export async function createProduct(ledger: Ledger, product: NewProduct, now: number): Promise<boolean> {
  const { dimensions: counted, signUpUrl, ...row } = product;
  try {
    // One transaction; the unique columns find out what is taken, also of two that come at once.
    await ledger.batch([
      ledger.insert(products).values({ ...row, signUpUrl: signUpColumn(signUpUrl), createdAt: now }),
      ...counted.map((dimension) =>
        ledger.insert(dimensions).values({ productId: row.id, ...dimensionRow(dimension) }),
      ),
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
  ledger.select().from(dimensions).where(eq(dimensions.productId, productId)).orderBy(asc(dimensions.name));

function dimensionOf(row: typeof dimensions.$inferSelect): Dimension {
  const { name, aggregation, divisor, uniqueTag, late, includedBy, includedPer } = row;
  const included = includedBy === null || includedPer === null ? null : { by: includedBy, per: includedPer };
  return { name, aggregation, divisor, uniqueTag, late, included };
}

/** A product by its id; null when there is none. */
export async function findProduct(ledger: Ledger, id: string): Promise<Product | null> {
  const [[row], counted] = await ledger.batch([
    ledger.select().from(products).where(eq(products.id, id)),
    dimensionsOf(ledger, id),
  ]);
  return row === undefined ? null : productOf(row, counted.map(dimensionOf));
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

/** The product that names an SNS topic, whose name has to end with the product's code; null when there is none. */
export async function findProductByTopic(
  ledger: Ledger,
  topicArn: string,
): Promise<Pick<Product, "id" | "productCode"> | null> {
  const rows = await ledger
    .select({ id: products.id, productCode: products.productCode })
    .from(products)
    .where(sql`EXISTS (SELECT 1 FROM json_each(${products.snsTopics}) WHERE value = ${topicArn})`);
  return rows.find(({ productCode }) => topicArn.endsWith(`-${productCode}`)) ?? null;
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
  return Promise.all(
    rows.map(async (row) => productOf(row, (await dimensionsOf(ledger, row.id)).map(dimensionOf))),
  );
}

/** What all products show of their seller, if that is the same; null otherwise. */
export async function findSharedPage(ledger: Ledger): Promise<Product["page"]> {
  const [first, second] = await ledger.selectDistinct({ page: products.page }).from(products).limit(2);
  return second === undefined ? (first?.page ?? null) : null;
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
