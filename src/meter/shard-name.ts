/** The name of the Durable Object that is a product's meter shard. */
export function shardName(productId: string, shard: number): string {
  return `${productId}:${shard}`;
}

/** The product whose shard has this name. */
export function productOfShard(name: string): string {
  return name.slice(0, name.lastIndexOf(":"));
}
