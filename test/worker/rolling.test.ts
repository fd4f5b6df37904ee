import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { expire } from "../../src/delivery/expiry.ts";
import { rollOver } from "../../src/delivery/rolling.ts";
import { countQueries } from "../../src/ledger/counted-ledger.ts";
import { openLedger } from "../../src/ledger/database.ts";
import { recordsOf, seal, tick, usage } from "./support/delivering.ts";
import { admin, json, type TestProduct } from "./support/gateway.ts";
import { aws, newCustomer, newListing } from "./support/marketplace.ts";
import { DAY, iso, startOfHour } from "./support/times.ts";

const thisHour = () => iso(startOfHour());

/** Lets the deadline of a product's records come before AWS has seen them. */
const letExpire = (listing: TestProduct) =>
  env.DB.prepare("UPDATE records SET deadline = ? WHERE product_id = ?").bind(Date.now(), listing.id).run();

const totals = async (listing: TestProduct) =>
  (await json<{ totals: object }>(admin("GET", `/v1/conservation?product=${listing.id}`))).totals;

describe("a record that AWS takes no more and surely does not have", () => {
  it("rolls over: its quantity joins the open hour, with its tags and where it comes from", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post([{ ...usage(accountId, 3), tags: { team: "red" } }, usage(accountId, "2.5")]);
    await seal(listing.id);
    await letExpire(listing);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([
      { state: "rolled_over", quantity: 5, attempts: 0, rolledInto: thisHour() },
    ]);
    expect(await totals(listing)).toMatchObject({
      accepted: "5.5",
      open: "5",
      carry: "0.5",
      pending: "0",
      parked: "0",
      conserved: true,
    });
    expect(await aws.records(listing.id)).toEqual([]);
  });

  it("rolls over once, however often that is begun again", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 4));
    await seal(listing.id);
    await letExpire(listing);
    const ledger = openLedger(env.DB);
    await expire(ledger, "us-east-1", Date.now());
    expect(await totals(listing)).toMatchObject({ pending: "4", open: "0", conserved: true });

    // The shard takes the record back, and we die before the ledger knows.
    const dying = rollOver({
      ...countQueries(env.DB),
      region: "us-east-1",
      now: () => Date.now(),
      takeBack: async (shard, records) => {
        await env.METER_SHARD.getByName(shard).decide(
          records.map((record) => ({ kind: "roll_over", ...record }) as const),
        );
        throw new Error("the power fails here");
      },
    });
    expect(await dying).toEqual({ goesOn: false, faults: [new Error("the power fails here")] });
    expect(await totals(listing)).toMatchObject({ pending: "0", open: "4", conserved: true });
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "rolled_over", rolledInto: thisHour() }]);
    expect(await totals(listing)).toMatchObject({ accepted: "4", pending: "0", open: "4", conserved: true });
  });

  it.each(["hold", "reject"])("waits for a person when its dimension's late usage is to %s", async (late) => {
    const listing = await newListing({ dimensions: [{ name: "api", late }] });
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 4));
    await seal(listing.id);
    await letExpire(listing);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "parked", reason: "expired" }]);
    expect(await totals(listing)).toMatchObject({ parked: "4", open: "0", conserved: true });
  });

  it("waits for a person when AWS took no usage of the customer: it would roll on for ever", async () => {
    const listing = await newListing({ concurrentAgreements: false });
    const startsAt = iso(Date.now() + DAY);
    const { accountId } = await newCustomer(listing, { startsAt });
    await listing.post(usage(accountId, 4));
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "waiting" }]);
    await letExpire(listing);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "parked", reason: "not_subscribed" }]);
  });
});
