import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { shardName } from "../../src/meter/shard-name.ts";
import { recordsOf, seal, tick, usage } from "./support/delivering.ts";
import { admin, json, type TestProduct } from "./support/gateway.ts";
import { aws, newCustomer, newListing, notify } from "./support/marketplace.ts";
import { agreementOf, cameAgo } from "./support/registering.ts";
import { ago, HOUR, iso, MINUTE } from "./support/times.ts";

/**
 * A customer who leaves a minute ago, and usage so many seconds from then, from a hundred before to a minute after: all
 * within one hour. When this hour is too young for that, the customer has left at the end of the one before.
 */
async function newLeaver(listing: TestProduct) {
  const bought = await newCustomer(listing);
  await cameAgo(listing.id, HOUR);
  const now = Date.now();
  const inHour = now % HOUR;
  const end = inHour < 4 * MINUTE ? now - inHour - 61_000 : now - MINUTE;
  const event = (seconds: number, quantity = 1) => ({
    ...usage(bought.accountId, quantity),
    timestamp: iso(end + seconds * 1000),
  });
  return { ...bought, event };
}

/** The end of an agreement as a real listing has sent it: AWS does it, and tells it twice. */
async function notifyOfEnd(agreementId: string, { timestamp: at }: { timestamp: string }): Promise<void> {
  await aws.end(agreementId, "end", at);
  await aws.end(agreementId, "deprovision", at);
  await notify(agreementId, "agreement-ended", { at });
  await notify(agreementId, "license-deprovisioned", { at });
}

describe("the last hour of an agreement", () => {
  it.each([true, false])(
    "is billed for its last hour, though usage of after the end had come by then (concurrent agreements: %s)",
    async (concurrentAgreements) => {
      const listing = await newListing({ concurrentAgreements });
      const { agreementId, event } = await newLeaver(listing);
      await listing.post([event(-30, 5), event(55, 1)]);
      await notifyOfEnd(agreementId, event(0));
      await tick();
      expect(await aws.records(listing.id)).toMatchObject([{ quantity: 6 }]);
      expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered" }]);
    },
  );

  it("is billed for a last hour that was sealed before anybody had heard of the end", async () => {
    const listing = await newListing();
    const { agreementId, event } = await newLeaver(listing);
    await listing.post([event(-30, 5), event(55, 1)]);
    const { id } = await agreementOf(listing.id);
    await env.METER_SHARD.getByName(shardName(listing.id, 0)).endAgreements([id]);
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "pending", quantity: 6 }]);
    await notifyOfEnd(agreementId, event(0));
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 6 }]);
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered" }]);
  });

  it("is billed for usage that comes when its last hour is sealed, by an earlier hour that is free", async () => {
    const listing = await newListing();
    const { agreementId, event } = await newLeaver(listing);
    await listing.post(event(-30, 5));
    await notifyOfEnd(agreementId, event(0));
    const late = await json<{ results: { status: string; billedHour: string }[] }>(
      listing.post([event(-20, 2), event(1, 3)]),
    );
    const before = Math.floor(Date.parse(event(0).timestamp) / HOUR) * HOUR - HOUR;
    expect(late.results).toMatchObject([
      { status: "accepted", billedHour: iso(before) },
      { status: "rejected", error: { code: "agreement_ended" } },
    ]);
    for (const _tick of [1, 2]) await tick();
    const billed = (await aws.records(listing.id)).map(({ quantity }) => quantity);
    expect(new Set(billed)).toEqual(new Set([2, 5]));
  });

  it("takes no usage in the last minutes of its final hour, which could not be sent any more", async () => {
    const listing = await newListing();
    const bought = await newCustomer(listing);
    const end = Date.now() - 56 * MINUTE;
    await notify(bought.agreementId, "license-deprovisioned", { at: iso(end) });
    const used = { ...usage(bought.accountId, 5), timestamp: iso(end - MINUTE) };
    expect(await json(listing.post(used))).toMatchObject({
      results: [{ status: "rejected", error: { code: "agreement_ended" } }],
    });
  });

  it("is billed for its last hour though AWS ends it a little before its notice says", async () => {
    const listing = await newListing();
    const { agreementId, event } = await newLeaver(listing);
    await listing.post([event(-100, 5), event(-5, 1)]);
    await aws.end(agreementId, "end", event(-11).timestamp);
    await aws.end(agreementId, "deprovision", event(-11).timestamp);
    await notify(agreementId, "license-deprovisioned", { at: event(0).timestamp });
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 6 }]);
  });

  it("has what a customer uses who is back within the hour counted, also where late usage is refused", async () => {
    const listing = await newListing({ dimensions: [{ name: "api", late: "reject" }] });
    const bought = await newCustomer(listing);
    const { id } = await agreementOf(listing.id);
    const used = () => ({ ...usage(bought.accountId, 5), timestamp: new Date().toISOString() });
    await listing.post(used());
    expect((await admin("POST", `/v1/agreements/${id}/end`, {})).status).toBe(200);
    expect((await admin("POST", `/v1/agreements/${id}/activate`, {})).status).toBe(200);
    expect(await json(listing.post(used()))).toMatchObject({ accepted: 1 });
  });
});

describe("what was given up by an end", () => {
  /** A customer whose agreement was taken to have ended, when AWS had not taken the usage of an hour yet. */
  async function newGivenUp(listing: TestProduct) {
    const bought = await newCustomer(listing);
    await listing.post({ ...usage(bought.accountId, 5), timestamp: ago(130 * MINUTE) });
    await seal(listing.id);
    const { id } = await agreementOf(listing.id);
    await admin("POST", `/v1/agreements/${id}/end`, { at: ago(70 * MINUTE) });
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "parked", reason: "expired", attempts: 0 }]);
    return { ...bought, id };
  }

  it("is sent after all when a later notice puts the end off", async () => {
    const listing = await newListing();
    const { agreementId } = await newGivenUp(listing);
    await notify(agreementId, "license-deprovisioned", { at: ago(30 * MINUTE) });
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "pending", reason: null }]);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 5 }]);
    const { totals } = await json<{ totals: object }>(admin("GET", `/v1/conservation?product=${listing.id}`));
    expect(totals).toMatchObject({ accepted: "5", delivered: "5", parked: "0", conserved: true });
  });

  it("is sent after all when a person takes a mistaken end back", async () => {
    const listing = await newListing();
    const { id } = await newGivenUp(listing);
    expect((await admin("POST", `/v1/agreements/${id}/activate`, {})).status).toBe(200);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered" }]);
  });
});
