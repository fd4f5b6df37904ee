/** The name of the Durable Object that is a product's meter shard. */
export function shardName(productId: string, shard: number): string {
  return `${productId}:${shard}`;
}
