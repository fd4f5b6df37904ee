import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { Pacer } from "../../src/delivery/pacer.ts";
import { submitDue } from "../../src/delivery/submit.ts";
import { countQueries } from "../../src/ledger/counted-ledger.ts";
import { marketplaceClient } from "../../src/marketplace-access.ts";
import { shardName } from "../../src/meter/shard-name.ts";
import { withShardTrigger } from "./support/breaking.ts";
import { tick, seal, recordsOf, usage } from "./support/delivering.ts";
import { admin, json, type TestProduct } from "./support/gateway.ts";
import { aws, newCustomer, newListing } from "./support/marketplace.ts";
import { MINUTE } from "./support/times.ts";

const clock = { now: () => Date.now(), wait: () => Promise.resolve() };

/** The submitter's own run, for a test that stands between it and AWS. */
const submission = {
  ...clock,
  ...countQueries(env.DB),
  region: "us-east-1",
  random: () => 0,
  newId: () => `att_${crypto.randomUUID()}`,
  pacer: new Pacer(clock),
};

/** A shard with this dies when the ledger has what is handed over, and before it has noted that. */
const UNCONFIRMED = "BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'crash'); END";

/** What a product's shard has not handed over yet, as far as it knows. */
const outboxOf = (listing: TestProduct) =>
  runInDurableObject(env.METER_SHARD.getByName(shardName(listing.id, 0)), (_shard, { storage }) => [
    ...storage.sql.exec("SELECT sealing FROM outbox"),
  ]);

describe("delivery that is interrupted", () => {
  it("hands a sealed hour over once, however often the hand-over is repeated", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 4));
    await withShardTrigger(listing.id, UNCONFIRMED, async () => {
      await seal(listing.id);
      expect(await outboxOf(listing)).toHaveLength(1);
      const { totals } = await json<{ totals: unknown }>(
        admin("GET", `/v1/conservation?product=${listing.id}`),
      );
      expect(totals).toMatchObject({ accepted: "4", pending: "4", open: "0", conserved: true });
    });
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", quantity: 4, attempts: 1 }]);
  });

  it("goes on handing over when the shard wakes without the alarm that it had set", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 4));
    const stub = env.METER_SHARD.getByName(shardName(listing.id, 0));
    await withShardTrigger(listing.id, UNCONFIRMED, () => seal(listing.id));
    await runInDurableObject(stub, (_shard, state) => state.storage.deleteAlarm());
    await evictDurableObject(stub);
    await stub.conservation([]);
    await expect(runDurableObjectAlarm(stub)).resolves.toBe(true);
    expect(await outboxOf(listing)).toEqual([]);
  });

  it("has written a call down before its first byte leaves", async () => {
    const listing = await newListing();
    const { accountId, licenseArn } = await newCustomer(listing);
    await listing.post(usage(accountId, 1));
    await seal(listing.id);
    const seen: unknown[] = [];
    const real = marketplaceClient(env, "us-east-1");
    await submitDue({
      ...submission,
      client: {
        ...real,
        batchMeterUsage: async (request) => {
          const ours = request.UsageRecords.some(({ LicenseArn }) => LicenseArn === licenseArn);
          if (ours) seen.push(...(await recordsOf(listing.id)));
          return real.batchMeterUsage(request);
        },
      },
    });
    expect(seen).toMatchObject([{ state: "sent", attempts: 1 }]);
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", attempts: 1 }]);
  });

  it("sends the same bytes again after it died between AWS's answer and its own books, and AWS bills once", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 6));
    await seal(listing.id);
    const real = marketplaceClient(env, "us-east-1");
    const bodies: unknown[] = [];
    const dying = {
      ...real,
      batchMeterUsage: async (request: Parameters<typeof real.batchMeterUsage>[0]) => {
        bodies.push(request);
        await real.batchMeterUsage(request);
        throw new Error("the power fails here");
      },
    };
    await expect(submitDue({ ...submission, client: dying })).rejects.toThrow("the power fails here");
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "sent", attempts: 1 }]);
    await expect(submitDue({ ...submission, client: dying })).rejects.toThrow("the power fails here");
    expect(bodies[1]).toEqual(bodies[0]);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", attempts: 3 }]);
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 6 }]);
  });

  it("gives up a record whose deadline has passed and which AWS may hold as uncertain", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 1));
    await seal(listing.id);
    await env.DB.prepare("UPDATE records SET deadline = ?, may_be_held = 1 WHERE product_id = ?")
      .bind(Date.now(), listing.id)
      .run();
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([
      { state: "parked", reason: "uncertain", attempts: 0 },
    ]);
    expect(await aws.records(listing.id)).toEqual([]);
  });

  it("is done without the cron trigger when that is silent while records wait", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 3));
    // The hand-over lets the submitter know, which sets an alarm of its own.
    await seal(listing.id);
    const submitter = env.SUBMITTER.getByName("us-east-1");
    const alarm = await runInDurableObject(submitter, (_submitter, { storage }) => storage.getAlarm());
    expect(alarm ?? 0).toBeGreaterThan(Date.now() + 4 * MINUTE);
    await expect(runDurableObjectAlarm(submitter)).resolves.toBe(true);
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered" }]);
  });

  it("makes one call for ticks that overlap", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 1));
    await seal(listing.id);
    await Promise.all([tick(), tick(), tick()]);
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", attempts: 1 }]);
  });
});
