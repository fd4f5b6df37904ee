import { and, eq, gt, isNull } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import type { Ledger } from "../ledger/database.ts";
import { keys } from "../ledger/schema.ts";
import { sha256Hex } from "../sha256.ts";
import { newIngestKey } from "./tokens.ts";

export interface NewKey {
  readonly productId: string;
  readonly name: string | null;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Makes an ingest key for a product. The key itself is returned here and nowhere else: only its hash is kept. */
export async function createKey(ledger: Ledger, { productId, name, now }: NewKey) {
  const key = newIngestKey((bytes) => crypto.getRandomValues(bytes));
  const id = `key_${crypto.randomUUID()}`;
  await ledger.insert(keys).values({ id, productId, name, hash: await sha256Hex(key), createdAt: now });
  return { id, key };
}

/** Keys that have opened a product lately. A revoked key works on elsewhere for at most this long, 10 seconds. */
const opened = new LRUCache<string, string>({ max: 1000, ttl: 10_000 });

/** The id of the product that a key opens; null when the key is unknown or revoked. */
export async function productOfKey(ledger: Ledger, key: string): Promise<string | null> {
  const known = opened.get(key);
  if (known !== undefined) return known;
  const row = await ledger.query.keys.findFirst({
    columns: { productId: true },
    where: and(eq(keys.hash, await sha256Hex(key)), isNull(keys.revokedAt)),
  });
  if (row === undefined) return null;
  opened.set(key, row.productId);
  return row.productId;
}

/** Keys without their secret, in the order of their ids. */
export function listKeys(
  ledger: Ledger,
  { limit, after = "" }: { limit: number; after?: string | undefined },
) {
  return ledger.query.keys.findMany({
    columns: { hash: false },
    where: gt(keys.id, after),
    orderBy: keys.id,
    limit,
  });
}

/** Revokes a key; revoking it again changes nothing. Returns whether there is such a key. */
export async function revokeKey(ledger: Ledger, id: string, now: number): Promise<boolean> {
  await ledger
    .update(keys)
    .set({ revokedAt: now })
    .where(and(eq(keys.id, id), isNull(keys.revokedAt)));
  opened.clear();
  return (await ledger.query.keys.findFirst({ columns: { id: true }, where: eq(keys.id, id) })) !== undefined;
}
