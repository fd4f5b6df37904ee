import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { keepCustomers } from "../simulation/keep-customers.ts";
import { shardName } from "../../src/meter/shard-name.ts";
import {
  allowanceOf,
  billed,
  calls,
  customerOf,
  gapOf,
  includedPer,
  letLack,
  newContract,
  newContractListing,
  readAgain,
  reading,
  setTerm,
  totalsOf,
  usageOf,
} from "./support/contracts.ts";
import { seal, tick } from "./support/delivering.ts";
import { admin, type TestProduct } from "./support/gateway.ts";
import { arrive, aws, newArrival, notify } from "./support/marketplace.ts";
import { cameAgo } from "./support/registering.ts";
import { withShards } from "./support/shards.ts";
import { ago, DAY, HOUR, iso } from "./support/times.ts";

beforeEach(() => aws.heal());

const NEXT_YEAR = Math.ceil(Date.now() / DAY) * DAY + 300 * DAY;

/** Lets the term of a product's contracts have ended some time ago. */
const letTermEnd = (listing: TestProduct, ago: number) =>
  setTerm(listing, Date.now() - ago - 30 * DAY, Date.now() - ago);

describe("a contract that AWS's answer lacks in its term", () => {
  const old = (agreementId: string) => notify(agreementId, "license-updated", { at: ago(20 * HOUR) });

  it("is not known until it is there again, for six hours", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(10, NEXT_YEAR));
    await old(agreementId);
    await tick();
    await aws.change(agreementId, { entitlements: [] });
    await readAgain(listing);
    // Hours of before it was missing are sealed, and the coming ones are not known.
    expect(await billed(listing, usageOf(accountId, 12, 2))).toEqual([2]);
    expect(await gapOf(listing)).toMatchObject({ kind: "missing" });
    expect((await reading(listing)).due).toBeLessThan(Date.now() + HOUR);
    await aws.change(agreementId, { entitlements: calls(20, NEXT_YEAR) });
    await readAgain(listing);
    expect(await gapOf(listing)).toEqual({ kind: "none" });
    expect(await billed(listing, usageOf(accountId, 12, 1))).toEqual([2, 2]);
    await aws.change(agreementId, { entitlements: [] });
    await readAgain(listing);
    await letLack(listing, 6 * HOUR);
    await readAgain(listing);
    expect(await gapOf(listing)).toMatchObject({ kind: "assumed_nothing" });
    expect((await reading(listing)).due).toBeGreaterThan(Date.now() + 20 * HOUR);
  });

  it("as its agreement ends was in force until then", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(10, NEXT_YEAR));
    await old(agreementId);
    await tick();
    await aws.change(agreementId, { entitlements: [] });
    await readAgain(listing);
    // As if AWS had dropped it some hours ago
    await env.DB.prepare(
      `UPDATE allowances SET gap = json_set(gap, '$.since', ?), told_at = NULL
       WHERE agreement_id IN (SELECT id FROM agreements WHERE product_id = ?)`,
    )
      .bind(Date.now() - 3 * HOUR, listing.id)
      .run();
    await tick();
    expect(await billed(listing, usageOf(accountId, 12, 1))).toEqual([]);
    const { agreement } = await customerOf(accountId);
    await admin("POST", `/v1/agreements/${agreement.id}/end`, {});
    // It is told, then sealed, then delivered.
    for (let ticks = 0; ticks < 3; ticks++) await tick();
    expect(await totalsOf(listing)).toMatchObject({ withheld: "10", delivered: "2", conserved: true });
  });
});

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
    // Less is believed when AWS has said so for six hours.
    await letLack(listing, 6 * HOUR);
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
    const slow = withShards((name, shard) => ({
      ...shard,
      decide: async (decisions) => {
        if (isSlow && name === shardName(listing.id, 0)) {
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
  it("is drawn on by hours of before, and has those of after wait six hours for AWS, until it includes nothing", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(10, Date.now() + DAY));
    await aws.change(agreementId, { entitlements: [] });
    await letTermEnd(listing, 3 * HOUR);
    await readAgain(listing);
    const usage = [usageOf(accountId, 4, 5), usageOf(accountId, 4, 1)];
    expect(await billed(listing, usage)).toEqual([]);
    expect(await totalsOf(listing)).toMatchObject({ withheld: "4", open: "4", conserved: true });
    // It is asked for again soon.
    expect((await reading(listing)).due).toBeLessThan(Date.now() + HOUR);
    await letLack(listing, 6 * HOUR);
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 4 }]);
    expect(await totalsOf(listing)).toMatchObject({ withheld: "4", delivered: "4", conserved: true });
  });

  it("goes on in the next term, though AWS's answer is empty for a moment", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(10, Date.now() + DAY));
    expect(await billed(listing, usageOf(accountId, 10, 5))).toEqual([]);
    await letTermEnd(listing, 3 * HOUR);
    await aws.change(agreementId, { entitlements: [] });
    await readAgain(listing);
    expect(await billed(listing, usageOf(accountId, 4, 1))).toEqual([]);
    await aws.change(agreementId, { entitlements: calls(10, Date.now() + 300 * DAY) });
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toEqual([]);
    expect(await totalsOf(listing)).toMatchObject({ withheld: "14", conserved: true });
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
    await admin("POST", `/v1/agreements/${agreement.id}/end`, { at: ago(2 * HOUR) });
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
