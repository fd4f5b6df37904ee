import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { marketplaceClient } from "../../src/marketplace-access.ts";
import { shardName } from "../../src/meter/shard-name.ts";
import { tick, seal, recordsOf, retryNow, usage } from "./support/delivering.ts";
import { admin, json, type UsageAnswer } from "./support/gateway.ts";
import { aws, newCustomer, newListing } from "./support/marketplace.ts";
import { ago, DAY, HOUR, iso } from "./support/times.ts";

describe("delivery", () => {
  it("brings an hour's usage to AWS as one record, and settles it", async () => {
    const listing = await newListing();
    const { accountId, licenseArn } = await newCustomer(listing);
    await listing.post([usage(accountId, 1.5), usage(accountId, "2.75"), usage(accountId, 3, "gb")]);
    await seal(listing.id);
    await tick();

    const records = await recordsOf(listing.id);
    expect(records).toMatchObject([
      { state: "delivered", quantity: 4, attempts: 1, lastAnswer: "Success" },
      { state: "delivered", quantity: 3, attempts: 1, lastAnswer: "Success" },
    ]);
    const held = await aws.records(listing.id);
    expect(held).toMatchObject([
      { region: "us-east-1", licenseArn, accountId, dimension: "api", quantity: 4 },
      { region: "us-east-1", licenseArn, accountId, dimension: "gb", quantity: 3 },
    ]);
    expect(held.map(({ meteringRecordId }) => meteringRecordId)).toEqual(
      records.map(({ meteringRecordId }) => meteringRecordId),
    );
    const { totals } = await json<{ totals: unknown }>(
      admin("GET", `/v1/conservation?product=${listing.id}`),
    );
    expect(totals).toEqual({
      accepted: "7.25",
      delivered: "7",
      pending: "0",
      parked: "0",
      held: "0",
      open: "0",
      carry: "0.25",
      credit: "0",
      writtenOff: "0",
      withheld: "0",
      conserved: true,
    });
  });

  it("sends nothing again that is settled, and nothing of the hour that is not over", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post([
      usage(accountId, 1),
      { ...usage(accountId, 5), timestamp: new Date().toISOString() },
    ]);
    await seal(listing.id);
    await tick();
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", quantity: 1, attempts: 1 }]);
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 1 }]);
  });

  it("packs records into full calls of 25", async () => {
    const listing = await newListing();
    const customers = await Promise.all(Array.from({ length: 30 }, () => newCustomer(listing)));
    await listing.post(customers.map(({ accountId }) => usage(accountId, 1)));
    await seal(listing.id);
    const calls = await aws.callsDuring(tick);
    const sent = calls.filter(({ operation }) => operation === "BatchMeterUsage");
    expect(sent.map(({ records }) => records)).toEqual([25, 5]);
    expect(await aws.records(listing.id)).toHaveLength(30);
  });

  it("reports tags as allocations that add up to the quantity", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post([
      { ...usage(accountId, 2), tags: { team: "red" } },
      { ...usage(accountId, 3), tags: { team: "blue" } },
      usage(accountId, 1),
    ]);
    await seal(listing.id);
    await tick();
    const [record] = await aws.records(listing.id);
    expect(record).toMatchObject({
      quantity: 6,
      allocations: [
        { quantity: 3, tags: { team: "blue" } },
        { quantity: 2, tags: { team: "red" } },
        { quantity: 1 },
      ],
    });
  });

  it("sends ProductCode and no LicenseArn for a product without concurrent agreements", async () => {
    const listing = await newListing({ concurrentAgreements: false });
    const { accountId, customerIdentifier } = await newCustomer(listing);
    const answer = await json(listing.post([usage(customerIdentifier, 1), usage(accountId, 1)]));
    expect(answer).toMatchObject({ accepted: 2 });
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", quantity: 2 }]);
    expect(await aws.records(listing.id)).toMatchObject([{ accountId, licenseArn: null, quantity: 2 }]);
  });

  it("keeps two agreements of one customer apart", async () => {
    const listing = await newListing();
    const first = await newCustomer(listing);
    const second = await newCustomer(listing, { accountId: first.accountId });
    const answer = await json<UsageAnswer>(
      listing.post([usage(first.licenseArn, 1), usage(second.licenseArn, 2), usage(first.accountId, 4)]),
    );
    expect(answer.results[2]).toMatchObject({ status: "rejected", error: { code: "ambiguous_customer" } });
    await seal(listing.id);
    await tick();
    const held = await aws.records(listing.id);
    expect(new Map(held.map(({ licenseArn, quantity }) => [licenseArn, quantity]))).toEqual(
      new Map([
        [first.licenseArn, 1],
        [second.licenseArn, 2],
      ]),
    );
  });

  it.each([
    ["AWS throttles", { kind: "throttle" }, "ThrottlingException"],
    [
      "AWS fails after it has stored the record",
      { kind: "internal-error-after-store" },
      "InternalServiceErrorException",
    ],
    ["something else than AWS answers", { kind: "html-503" }, null],
    ["AWS says a status that is new", { kind: "unknown-status" }, null],
    ["AWS leaves the record unprocessed", { kind: "unprocessed" }, "UnprocessedRecord"],
  ])("sends the same record again when %s, and AWS bills it once", async (_what, fault, answer) => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 7));
    await seal(listing.id);
    await aws.faults({ ...fault, operation: "BatchMeterUsage" });
    await tick();
    const [failed] = await recordsOf(listing.id);
    expect(failed).toMatchObject({
      state: "pending",
      attempts: 1,
      ...(answer !== null && { lastAnswer: answer }),
    });

    await retryNow(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", attempts: 2 }]);
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 7 }]);
  });

  it("delivers the others of a batch that AWS refuses for one record, and parks that one", async () => {
    const listing = await newListing({ dimensions: ["api", "gb", "unlisted"] });
    const customers = await Promise.all(Array.from({ length: 8 }, () => newCustomer(listing)));
    const bad = customers[5]?.accountId ?? "";
    await listing.post([...customers.map(({ accountId }) => usage(accountId, 1)), usage(bad, 9, "unlisted")]);
    await seal(listing.id);
    await tick();
    const records = await recordsOf(listing.id);
    expect(records.filter(({ state }) => state === "delivered")).toHaveLength(8);
    expect(records.filter(({ state }) => state !== "delivered")).toMatchObject([
      { state: "parked", reason: "refused", quantity: 9, lastAnswer: "InvalidUsageDimensionException" },
    ]);
  });

  it("waits for a customer that AWS says is not subscribed", async () => {
    const listing = await newListing({ concurrentAgreements: false });
    const { accountId } = await newCustomer(listing, {
      startsAt: iso(Date.now() + DAY),
    });
    await listing.post(usage(accountId, 1));
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([
      { state: "waiting", lastAnswer: "CustomerNotSubscribed" },
    ]);
  });

  it("parks a record as a conflict when AWS holds another quantity that was not ours", async () => {
    const listing = await newListing();
    const { accountId, licenseArn } = await newCustomer(listing);
    const timestamp = ago(HOUR);
    const foreign = {
      Timestamp: Math.floor(Date.parse(timestamp) / 1000),
      Dimension: "api",
      Quantity: 3,
      CustomerAWSAccountId: accountId,
      LicenseArn: licenseArn,
    };
    const metered = await marketplaceClient(env, "us-east-1").batchMeterUsage({ UsageRecords: [foreign] });
    expect(metered).toMatchObject({ ok: true, value: { Results: [{ Status: "Success" }] } });
    await listing.post({ ...usage(accountId, 5), timestamp });
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([
      { state: "parked", reason: "conflict", lastAnswer: "DuplicateRecord" },
    ]);
  });

  it("writes each call down with what came of it", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 1));
    await seal(listing.id);
    await aws.faults({ kind: "throttle", operation: "BatchMeterUsage" });
    await tick();
    await retryNow(listing.id);
    await tick();
    const [record] = await recordsOf(listing.id);
    const attempts = async (query: string) =>
      (await json<{ attempts: Record<string, unknown>[] }>(admin("GET", `/v1/attempts?${query}`))).attempts;
    const found = await attempts(`record=${encodeURIComponent(record?.id ?? "")}`);
    const said = {
      product: listing.id,
      region: "us-east-1",
      records: [record?.id],
      requestId: isText,
      finishedAt: isText,
    };
    expect(found).toMatchObject([
      { ...said, error: expect.stringMatching(/^ThrottlingException: /) as unknown },
      { ...said, error: null },
    ]);
    expect(await attempts(`product=${listing.id}`)).toEqual(found);
    expect(await attempts(`product=${listing.id}&after=${String(found[0]?.["id"])}`)).toEqual(found.slice(1));
    expect(await attempts("record=nothing")).toEqual([]);
  });

  it("adds the books up over all agreements and shards, by dimension", async () => {
    const listing = await newListing({ shards: 3 });
    const customers = await Promise.all(Array.from({ length: 6 }, () => newCustomer(listing)));
    for (const { accountId } of customers)
      await listing.post([usage(accountId, "1.5"), usage(accountId, 4, "gb")]);
    const lines = async () =>
      json<{ dimensions: Record<string, unknown>[]; conserved: boolean }>(
        admin("GET", `/v1/conservation/totals?product=${listing.id}`),
      );
    expect(await lines()).toMatchObject({
      dimensions: [
        { product: listing.id, dimension: "api", accepted: "9", open: "9" },
        { dimension: "gb", accepted: "24", open: "24" },
      ],
      conserved: true,
    });
    for (const shard of [0, 1, 2])
      await runDurableObjectAlarm(env.METER_SHARD.getByName(shardName(listing.id, shard)));
    await tick();
    expect(await lines()).toMatchObject({
      dimensions: [
        { dimension: "api", accepted: "9", delivered: "6", carry: "3", open: "0" },
        { dimension: "gb", delivered: "24" },
      ],
      conserved: true,
    });
  });
});

const isText = expect.any(String) as unknown;
