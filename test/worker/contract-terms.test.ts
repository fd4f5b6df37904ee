import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { keepCustomers } from "../../src/customers/keep-customers.ts";
import { shardName } from "../../src/meter/shard-name.ts";
import {
  allowanceOf,
  billed,
  calls,
  customerOf,
  includedPer,
  newContract,
  newContractListing,
  readAgain,
  reading,
  totalsOf,
  usageOf,
} from "./contracts.ts";
import { seal, tick } from "./delivering.ts";
import { admin, type TestProduct } from "./gateway.ts";
import { arrive, aws, newArrival, notify } from "./marketplace.ts";
import { cameAgo } from "./registering.ts";
import { withShards } from "./shards.ts";

beforeEach(() => aws.heal());

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const iso = (at: number) => new Date(at).toISOString();

/** Lets the term of a product's contracts have ended some time ago. */
const letTermEnd = (listing: TestProduct, ago: number) =>
  env.DB.prepare(
    `UPDATE allowances SET since = ?1 - 30 * 86400000, until = ?1, told_at = NULL
     WHERE agreement_id IN (SELECT id FROM agreements WHERE product_id = ?2)`,
  )
    .bind(Date.now() - ago, listing.id)
    .run();

describe("a contract that changes", () => {
  it("includes the other quantity from then on, and what was billed stays billed", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(3));
    expect(await billed(listing, usageOf(accountId, 5, 3))).toEqual([2]);
    await aws.change(agreementId, { entitlements: calls(10) });
    await readAgain(listing);
    expect(await billed(listing, usageOf(accountId, 5, 2))).toEqual([2]);
    await aws.change(agreementId, { entitlements: calls(0) });
    await readAgain(listing);
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([2, 5]);
    expect(await totalsOf(listing)).toMatchObject({ withheld: "8", delivered: "7", conserved: true });
  });

  it("is told to its shard when it changes, and not when it is only read", async () => {
    const listing = await newContractListing();
    const { agreementId } = await newContract(listing, calls(3));
    const before = await allowanceOf(listing);
    expect(before).toMatchObject({ quantity: "3000000000", told: expect.any(Number) as unknown });
    await readAgain(listing);
    expect(await allowanceOf(listing)).toEqual(before);
    await aws.change(agreementId, { entitlements: calls(4) });
    await readAgain(listing);
    const after = await allowanceOf(listing);
    expect(after).toMatchObject({ quantity: "4000000000", since: before?.since });
    expect(after?.told).toBeGreaterThan(before?.told ?? Infinity);
  });

  it("is told again when we die between telling it and writing down that it was told", async () => {
    const listing = await newContractListing();
    const { accountId } = await newArrival(listing, { entitlements: calls(3) });
    const dying = withShards((_name, shard) => ({
      ...shard,
      decide: async (decisions) => {
        await shard.decide(decisions);
        throw new Error("the power fails here");
      },
    }));
    await expect(keepCustomers(dying)).rejects.toThrow("the power fails here");
    expect(await allowanceOf(listing)).toMatchObject({ told: null });
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([2]);
    await tick();
    expect(await allowanceOf(listing)).toMatchObject({ told: expect.any(Number) as unknown });
    expect(await billed(listing, usageOf(accountId, 5, 0))).toEqual([2]);
  });

  it("is told anew when a shard hears of it after what is newer", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(3));
    await env.DB.prepare("UPDATE allowances SET told_at = NULL").run();
    let isSlow = true;
    const slow = withShards((_name, shard) => ({
      ...shard,
      decide: async (decisions) => {
        if (isSlow) {
          isSlow = false;
          await aws.change(agreementId, { entitlements: calls(4) });
          await readAgain(listing);
        }
        return shard.decide(decisions);
      },
    }));
    await keepCustomers(slow);
    expect(await allowanceOf(listing)).toMatchObject({ quantity: "4000000000", told: null });
    await tick();
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([1]);
  });

  it("is told though another's shard cannot be reached", async () => {
    const listings = [await newContractListing(), await newContractListing()];
    for (const listing of listings) await newContract(listing, calls(3));
    for (const broken of listings) {
      await env.DB.prepare("UPDATE allowances SET told_at = NULL").run();
      const unreachable = withShards((name, shard) => ({
        ...shard,
        decide: (decisions) =>
          name === shardName(broken.id, 0)
            ? Promise.reject(new Error("the shard does not answer"))
            : shard.decide(decisions),
      }));
      await expect(keepCustomers(unreachable)).rejects.toThrow("the shard does not answer");
      const told = await Promise.all(listings.map(async (listing) => (await allowanceOf(listing))?.told));
      expect(told.map((at) => typeof at === "number")).toEqual(listings.map((listing) => listing !== broken));
    }
  });
});

describe("a contract that ends", () => {
  it("goes on to be drawn on by hours of before for a day, and then includes nothing", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(10, Date.now() + DAY));
    await aws.change(agreementId, { entitlements: [] });
    await letTermEnd(listing, HOUR);
    await readAgain(listing);
    expect(await billed(listing, usageOf(accountId, 4, 2))).toEqual([]);
    await letTermEnd(listing, DAY + HOUR);
    await readAgain(listing);
    expect(await billed(listing, usageOf(accountId, 4, 1))).toEqual([4]);
    expect(await totalsOf(listing)).toMatchObject({ withheld: "4", delivered: "4", conserved: true });
  });

  it("begins a new term, with the whole quantity anew, when AWS has extended it", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(3, Date.now() + DAY));
    expect(await billed(listing, usageOf(accountId, 5, 3))).toEqual([2]);
    await letTermEnd(listing, 2 * HOUR);
    await aws.change(agreementId, { entitlements: calls(3, Date.now() + 300 * DAY) });
    await readAgain(listing);
    expect(await billed(listing, usageOf(accountId, 5, 2))).toEqual([2, 2]);
    await readAgain(listing);
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([2, 2, 5]);
    expect(await totalsOf(listing)).toMatchObject({ withheld: "6" });
  });

  it.each(["before", "after"])(
    "begins one new term when the notice of its renewal comes %s the reading",
    async (order) => {
      const listing = await newContractListing();
      const start = Date.now() - 30 * DAY;
      const { accountId, agreementId } = await newContract(listing, calls(3, Date.now() + DAY), {
        startsAt: iso(start),
      });
      await notify(agreementId, "agreement-created", { at: iso(start) });
      expect(await billed(listing, usageOf(accountId, 5, 3))).toEqual([2]);
      await letTermEnd(listing, 2 * HOUR);
      // A second later, as AWS's terms follow each other.
      const renewedAt = iso(Date.now() - 2 * HOUR + 1000);
      const end = Date.now() + 300 * DAY;
      await aws.change(agreementId, { entitlements: calls(3, end), startsAt: renewedAt });
      const renewal = {
        at: renewedAt,
        intent: "RENEW",
        agreementId: "agmt-next",
        previousAgreementId: agreementId,
      };
      if (order === "before") await notify(agreementId, "agreement-created", renewal);
      await readAgain(listing);
      expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([2, 2]);
      if (order === "after") await notify(agreementId, "agreement-created", renewal);
      await readAgain(listing);
      expect(await billed(listing, usageOf(accountId, 5, 0))).toEqual([2, 2]);
      await aws.change(agreementId, { startsAt: iso(start) });
      const { agreement } = await customerOf(accountId);
      // Its open hour is sealed at once.
      await admin("POST", `/v1/agreements/${agreement.id}/end`, {});
      expect(await totalsOf(listing)).toMatchObject({ accepted: "15", withheld: "6", conserved: true });
    },
  );
});

describe("an agreement with a contract that ends", () => {
  it("is not read any more, and its last hours draw on what it has included", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(10));
    await aws.change(agreementId, { entitlements: [] });
    const { agreement } = await customerOf(accountId);
    await listing.post(usageOf(accountId, 12, 1));
    await admin("POST", `/v1/agreements/${agreement.id}/end`, {});
    const { read } = await reading(listing);
    await readAgain(listing);
    expect(await reading(listing)).toMatchObject({ read });
    expect((await aws.records(listing.id)).map(({ quantity }) => quantity)).toEqual([2]);
  });

  it("is read again when the customer has come back", async () => {
    const listing = await newContractListing(includedPer("term"), { concurrentAgreements: false });
    const { accountId, agreementId } = await newContract(listing, calls(10));
    await cameAgo(listing.id, 3 * HOUR);
    const { agreement } = await customerOf(accountId);
    await admin("POST", `/v1/agreements/${agreement.id}/end`, { at: iso(Date.now() - 2 * HOUR) });
    await tick();
    expect(await customerOf(accountId)).toMatchObject({ agreement: { state: "ended" } });
    expect(await reading(listing)).toMatchObject({ due: null });
    await aws.change(agreementId, { entitlements: calls(20) });
    await arrive(await aws.token(agreementId));
    await tick();
    expect(await customerOf(accountId)).toMatchObject({
      agreement: { state: "active" },
      entitlements: [{ value: 20 }],
    });
    expect(await billed(listing, usageOf(accountId, 25, 0.001))).toEqual([]);
    expect(await allowanceOf(listing)).toMatchObject({ quantity: "20000000000" });
  });
});

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
    // The shard hears of a product's settings with the next usage.
    expect(await billed(listing, usageOf(accountId, 6, 1))).toEqual([5, 6]);
  });
});
