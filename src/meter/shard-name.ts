/** The name of the Durable Object that is a product's meter shard. */
export function shardName(productId: string, shard: number): string {
  return `${productId}:${shard}`;
}

/** What is about agreements, by the name of the shard that counts them. */
export function byShard<T extends { readonly productId: string; readonly shard: number }>(
  members: readonly T[],
): Map<string, T[]> {
  return Map.groupBy(members, ({ productId, shard }) => shardName(productId, shard));
}

/** The product, and which of its shards, that a name is of. */
export function shardOfName(name: string): { readonly productId: string; readonly shard: number } {
  const colon = name.lastIndexOf(":");
  return { productId: name.slice(0, colon), shard: Number(name.slice(colon + 1)) };
}
