import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { parts } from "../../src/customers/tick-parts.ts";
import { keepCustomers } from "../simulation/keep-customers.ts";
import { surroundingsOf } from "../../src/customers/surroundings.ts";
import { shardName } from "../../src/meter/shard-name.ts";
import { withTrigger } from "./support/breaking.ts";
import {
  allowanceOf,
  calls,
  customerOf,
  newContract,
  newContractListing,
  reading,
} from "./support/contracts.ts";
import { tick } from "./support/delivering.ts";
import type { TestProduct } from "./support/gateway.ts";
import { aws, newArrival } from "./support/marketplace.ts";
import { withShards } from "./support/shards.ts";
import { MINUTE } from "./support/times.ts";

beforeEach(() => aws.heal());

/** Gives the product of an agreement many more like that one, whose contracts are to be read from a time on. */
async function multiply(accountId: string, count: number, due: number | null) {
  const { agreement } = await customerOf(accountId);
  await env.DB.prepare(
    `INSERT INTO agreements (id, product_id, shard, registered_at, account_id, entitlements_due_at)
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
     SELECT 'agr_' || printf('%04d', i) || product_id, product_id, shard, registered_at, printf('%012d', i), ?2
     FROM n JOIN agreements ON agreements.id = ?3`,
  )
    .bind(count, due, agreement.id)
    .run();
}

/** Ends what {@link multiply} has begun, so that no other test has it to do. */
const reduce = (listing: TestProduct) =>
  env.DB.batch([
    env.DB.prepare("DELETE FROM allowances WHERE agreement_id LIKE 'agr_____' || ?").bind(listing.id),
    env.DB.prepare("DELETE FROM agreements WHERE id LIKE 'agr_____' || ?").bind(listing.id),
  ]);

describe("contracts that are more than a tick can do for", () => {
  it("of a shard that cannot be told leave room for those of the others", async () => {
    const [broken, healthy] = [await newContractListing(), await newContractListing()];
    const { accountId } = await newContract(broken, calls(3));
    await multiply(accountId, 600, null);
    await env.DB.prepare(
      `INSERT INTO allowances (agreement_id, dimension, terms) SELECT id, 'api', '[]' FROM agreements
       WHERE product_id = ? AND entitlements_due_at IS NULL`,
    )
      .bind(broken.id)
      .run();
    await newArrival(healthy, { entitlements: calls(3) });
    const unreachable = withShards((name, shard) => ({
      ...shard,
      decide: (decisions) =>
        name === shardName(broken.id, 0)
          ? Promise.reject(new Error("the shard does not answer"))
          : shard.decide(decisions),
    }));
    await expect(keepCustomers(unreachable)).rejects.toThrow("the shard does not answer");
    expect(await allowanceOf(healthy)).toMatchObject({ told: expect.any(Number) as unknown });
    await reduce(broken);
  });

  it("of a product that has many to be read leave room for those of the others", async () => {
    const [busy, quiet] = [await newContractListing(), await newContractListing()];
    const { accountId } = await newContract(busy, calls(3));
    await multiply(accountId, 100, 1);
    await newArrival(quiet, { entitlements: calls(3) });
    await tick();
    expect(await reading(quiet)).toMatchObject({ read: expect.any(Number) as unknown });
    await reduce(busy);
  });

  it("of a product of which none can be read take the others' place once in a tick", async () => {
    const [broken, healthy] = [await newContractListing(), await newContractListing()];
    const contracts = [await newContract(broken, calls(3)), await newContract(healthy, calls(3))];
    for (const { accountId } of contracts) await multiply(accountId, 100, 1);
    await aws.faults({ kind: "throttle", operation: "GetEntitlements", productCode: broken.id, times: null });
    const readOf = (listing: TestProduct) =>
      env.DB.prepare(
        "SELECT count(*) AS n FROM agreements WHERE product_id = ? AND (entitlements_read_at > 1 OR entitlements_failing_since > 1)",
      )
        .bind(listing.id)
        .first<number>("n");
    const surroundings = surroundingsOf(env);
    const slice = await parts.entitlements(surroundings, "");
    expect(slice.next).not.toBeNull();
    expect(await readOf(healthy)).toBe(1 + 30);
    await parts.entitlements(surroundings, slice.next ?? "");
    expect(await readOf(healthy)).toBe(1 + 90);
    expect(await readOf(broken)).toBe(1 + 30);
    // A minute later it may be well again.
    const next = { ...surroundings, now: () => Date.now() + MINUTE };
    await parts.entitlements(next, slice.next ?? "");
    expect(await readOf(broken)).toBeGreaterThan(1 + 30);
    for (const listing of [broken, healthy]) await reduce(listing);
  });

  it("go on though the ledger does not take one of them", async () => {
    const [broken, healthy] = [await newContractListing(), await newContractListing()];
    const contracts = [await newContract(broken, calls(3)), await newContract(healthy, calls(3))];
    for (const { accountId } of contracts) await multiply(accountId, 60, 1);
    const surroundings = surroundingsOf(env);
    await withTrigger(
      `BEFORE UPDATE OF entitlements_read_at ON agreements WHEN OLD.product_id = '${broken.id}' BEGIN SELECT RAISE(ABORT, 'died'); END`,
      async () => {
        const { next, faults } = await parts.entitlements(surroundings, "");
        expect(faults).toHaveLength(30);
        expect(await parts.entitlements(surroundings, next ?? "")).toEqual({ next: null, faults: [] });
      },
    );
    for (const listing of [broken, healthy]) await reduce(listing);
  });

  it("are read daily after those that something has happened to", async () => {
    const listing = await newContractListing();
    const { accountId } = await newContract(listing, calls(3));
    await multiply(accountId, 100, 1);
    const { accountId: newcomer } = await newArrival(listing, { entitlements: calls(3) });
    await tick();
    expect(await customerOf(newcomer)).toMatchObject({ entitlements: [{ value: 3 }] });
    await reduce(listing);
  });
});
