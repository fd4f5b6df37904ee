import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { shardName } from "../../src/meter/shard-name.ts";
import {
  billed,
  calls,
  customerOf,
  newContract,
  newContractListing,
  readAgain,
  reading,
  totalsOf,
  usageOf,
} from "./support/contracts.ts";
import { seal, tick } from "./support/delivering.ts";
import { admin, type TestProduct } from "./support/gateway.ts";
import { aws } from "./support/marketplace.ts";

beforeEach(() => aws.heal());

describe("a product's contracts", () => {
  const change = (listing: TestProduct, body: object) => admin("PATCH", `/v1/products/${listing.id}`, body);

  it("include another dimension's quantity, or nothing, once that is set", async () => {
    const listing = await newContractListing();
    const { accountId } = await newContract(listing, [...calls(3), { dimension: "more", value: 4 }]);
    await change(listing, { dimensions: [{ name: "api", included: { by: "more", per: "term" } }] });
    await tick();
    expect(await billed(listing, usageOf(accountId, 5, 3))).toEqual([1]);
    await change(listing, { dimensions: [{ name: "api", included: { by: "more", per: "hour" } }] });
    await tick();
    expect(await billed(listing, usageOf(accountId, 6, 2))).toEqual([1, 2]);
    await change(listing, { dimensions: [{ name: "api", included: null }] });
    await tick();
    expect(await billed(listing, usageOf(accountId, 7, 1))).toEqual([1, 2, 7]);
    expect(await totalsOf(listing)).toMatchObject({ withheld: "8", conserved: true });
  });

  it("can be switched off, which bills everything, and on again", async () => {
    const listing = await newContractListing();
    const { accountId } = await newContract(listing, calls(3));
    expect((await change(listing, { contract: false })).status).toBe(409);
    const off = await change(listing, { contract: false, dimensions: [{ name: "api", included: null }] });
    expect(off.status).toBe(200);
    await tick();
    expect(await reading(listing)).toMatchObject({ due: null });
    expect(await customerOf(accountId)).toMatchObject({ entitlements: [] });
    expect(await billed(listing, usageOf(accountId, 5, 2))).toEqual([5]);
    await change(listing, {
      contract: true,
      dimensions: [{ name: "api", included: { by: "calls", per: "term" } }],
    });
    await tick();
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([5, 2]);
  });

  it("are read of customers of before, whose next hours wait for them", async () => {
    const listing = await newContractListing("api", { contract: false });
    const { accountId } = await newContract(listing, calls(3));
    await aws.faults({ kind: "throttle", operation: "GetEntitlements" });
    await change(listing, {
      contract: true,
      dimensions: [{ name: "api", included: { by: "calls", per: "term" } }],
    });
    await tick();
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([]);
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 2 }]);
  });

  it("that are switched off let hours go that waited for one that could not be read", async () => {
    const listing = await newContractListing();
    await aws.faults({ kind: "throttle", operation: "GetEntitlements", times: null });
    const { accountId } = await newContract(listing, calls(3));
    expect(await billed(listing, usageOf(accountId, 5, 2))).toEqual([]);
    await change(listing, { contract: false, dimensions: [{ name: "api", included: null }] });
    expect(await billed(listing, usageOf(accountId, 6, 1))).toEqual([5, 6]);
  });

  it("that are switched off let hours go that waited, though no usage comes any more", async () => {
    const listing = await newContractListing();
    await aws.faults({ kind: "throttle", operation: "GetEntitlements", times: null });
    const { accountId } = await newContract(listing, calls(3));
    expect(await billed(listing, usageOf(accountId, 5, 2))).toEqual([]);
    await change(listing, { contract: false, dimensions: [{ name: "api", included: null }] });
    // The second clock comes once an hour.
    await env.METER_SHARD.getByName(shardName(listing.id, 0)).wake();
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 5 }]);
  });

  it("that are switched on keep hours open that have no more usage, until they are known", async () => {
    const listing = await newContractListing("api", { contract: false });
    const { accountId } = await newContract(listing, calls(3));
    await change(listing, { settleSeconds: 6 * 3600 });
    await listing.post(usageOf(accountId, 5, 1));
    await aws.faults({ kind: "throttle", operation: "GetEntitlements", times: null });
    const included = { by: "calls", per: "term" };
    await change(listing, { contract: true, dimensions: [{ name: "api", included }], settleSeconds: 0 });
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toEqual([]);
    await aws.heal();
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 2 }]);
  });

  it("that are switched off and on again are not known until AWS has answered", async () => {
    const listing = await newContractListing();
    const { accountId } = await newContract(listing, calls(3));
    await change(listing, { dimensions: [{ name: "api", included: null }] });
    await tick();
    expect(await billed(listing, usageOf(accountId, 5, 3))).toEqual([5]);
    await aws.faults({ kind: "throttle", operation: "GetEntitlements", times: null });
    await change(listing, { dimensions: [{ name: "api", included: { by: "calls", per: "term" } }] });
    await tick();
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([5]);
    await aws.heal();
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect((await aws.records(listing.id)).map(({ quantity }) => quantity)).toEqual([5, 2]);
  });
});
