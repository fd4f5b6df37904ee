import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { parts } from "../../src/customers/tick-parts.ts";
import { newListing } from "./support/marketplace.ts";
import { withShards } from "./support/shards.ts";

const SHARDS = 8;

/** An agreement of each shard of a product, of which a part has something to do. */
async function agreements(): Promise<string> {
  const { id } = await newListing({ shards: SHARDS });
  const now = Date.now();
  for (let shard = 0; shard < SHARDS; shard++)
    await env.DB.prepare(
      `INSERT INTO agreements (id, product_id, account_id, license_arn, shard, registered_at, ended_at, usage_until)
       VALUES (?1, ?2, ?3, ?1, ?4, 1, ?5, ?6)`,
    )
      .bind(`agr_${id}_${shard}`, id, `11111111111${shard}`, shard, now - 1000, now + 3_000_000 + shard)
      .run();
  await env.DB.prepare(
    "INSERT INTO allowances (agreement_id, dimension) SELECT id, 'api' FROM agreements WHERE product_id = ?",
  )
    .bind(id)
    .run();
  return id;
}

it.each(["endings", "allowances"] as const)(
  "shards that do not answer hold up the %s of no other",
  async (part) => {
    const product = await agreements();
    const called = new Set<string>();
    const answer = <T>(name: string, value: T): Promise<T> => {
      if (name.startsWith(product)) called.add(name);
      return /:[0-3]$/.test(name) ? new Promise(() => undefined) : Promise.resolve(value);
    };
    const around = withShards((name, shard) => ({
      ...shard,
      endAgreements: () => answer(name, undefined),
      decide: (decisions) =>
        answer(
          name,
          decisions.map(() => null),
        ),
    }));
    // Shards of this test hang for ever.
    void parts[part](around, "");
    await expect.poll(() => called.size, { timeout: 5000 }).toBe(SHARDS);
    await env.DB.prepare("DELETE FROM allowances WHERE agreement_id GLOB ?").bind(`agr_${product}*`).run();
  },
);
