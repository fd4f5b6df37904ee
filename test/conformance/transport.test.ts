import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { UsageRecord } from "../../src/marketplace/index.ts";
import { answersFor, createMarketplaceClient, staticCredentials } from "../../src/marketplace/index.ts";
import { ours, sdk } from "./callers.ts";
import type { Simulator } from "./simulator.ts";
import { sellerKey, startSimulator } from "./simulator.ts";
import type { World } from "./world.ts";
import { books, customersRole, manyRecords, modernProduct, newWorld, orderFault, usage } from "./world.ts";

let simulator: Simulator;
let world: World;
beforeAll(async () => {
  simulator = await startSimulator();
});
beforeEach(async () => {
  world = await newWorld(simulator);
});
afterAll(() => simulator.stop());

function client(timeoutMs = 20_000) {
  const credentials = staticCredentials(sellerKey);
  const now = (): number => Date.now();
  return createMarketplaceClient({
    region: "us-east-1",
    endpoint: simulator.url,
    credentials,
    fetch,
    now,
    timeoutMs,
  });
}

describe("what AWS may hold although the call failed", () => {
  it.each([
    ["drop-connection", "network-failure", 0],
    ["drop-connection-after-store", "network-failure", 1],
    ["html-503", "unreadable-answer", 0],
    ["internal-error-after-store", "internal-service-error", 1],
  ])("%s is a %s, and the same bytes again bring it to one record", async (kind, error, stored) => {
    // Given an AWS with which the next call goes wrong
    await orderFault(world, { kind });
    const request = { UsageRecords: [usage(world)] };

    // When usage is reported, then nobody knows whether AWS holds it
    const outcome = await client().batchMeterUsage(request);
    expect(outcome).toMatchObject({ ok: false, error: { kind: error, advice: "retry", held: "unknown" } });
    expect(await books(world)).toHaveLength(stored);

    // And the same request again makes one record of it
    expect(await client().batchMeterUsage(request)).toMatchObject({
      ok: true,
      value: { Results: [{ Status: "Success" }] },
    });
    expect(await books(world)).toHaveLength(1);
  });

  it("a slow answer is a timeout", async () => {
    await orderFault(world, { kind: "latency", milliseconds: 60_000 });
    const outcome = await client(200).batchMeterUsage({ UsageRecords: [usage(world)] });
    expect(outcome).toMatchObject({ ok: false, error: { kind: "timeout", held: "unknown" } });
  });

  it("a simulator that is not there is a network failure", async () => {
    const credentials = staticCredentials(sellerKey);
    const gone = createMarketplaceClient({
      region: "us-east-1",
      endpoint: "http://127.0.0.1:9",
      credentials,
      fetch,
      now: () => Date.now(),
    });
    const outcome = await gone.batchMeterUsage({ UsageRecords: [usage(world)] });
    expect(outcome).toMatchObject({ ok: false, error: { kind: "network-failure" } });
  });
});

describe("one AWS for both clients", () => {
  it("gives our repeat of the SDK's record the SDK's record's id", async () => {
    const input = { UsageRecords: [usage(world)] };
    const setting = { endpoint: simulator.url };

    const first = await sdk.call("BatchMeterUsage", input, setting);
    const second = await ours.call("BatchMeterUsage", input, setting);

    expect(second).toEqual(first);
    expect(await books(world)).toHaveLength(1);
  });

  it("answers each record under its own name when it answers in another order", async () => {
    // Given an AWS that shuffles, cuts times to the hour and leaves two records unprocessed
    await simulator.send("PATCH", "switches", { resultsOrder: "shuffled", echoTimestamp: "hour" });
    await orderFault(world, { kind: "unprocessed", records: 2 });
    const records: UsageRecord[] = manyRecords(world, 10);

    const outcome = await client().batchMeterUsage({ UsageRecords: records });

    const answers = outcome.ok ? answersFor(records, outcome.value) : [];
    expect(answers.map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 8 }, () => "result"),
      "unprocessed",
      "unprocessed",
    ]);
    const ids = new Set(answers.map((answer) => (answer.kind === "result" ? answer.meteringRecordId : null)));
    expect(ids.size).toBe(9);
  });
});

describe("what our client never lets AWS refuse", () => {
  const long = "d".repeat(256);
  const allocations = (...parts: readonly (readonly [number, Record<string, string>])[]) =>
    parts.map(([AllocatedUsageQuantity, tags]) => ({
      AllocatedUsageQuantity,
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    }));
  const sixTags = { a: "1", b: "1", c: "1", d: "1", e: "1", f: "1" };

  it.each<[string, string, (world: World) => readonly UsageRecord[]]>([
    ["26 records", "ValidationException", (world) => manyRecords(world, 26)],
    ["a long dimension", "ValidationException", (world) => [usage(world, { Dimension: long })]],
    ["a negative quantity", "ValidationException", (world) => [usage(world, { Quantity: -1 })]],
    [
      "a sum that is not the quantity",
      "InvalidUsageAllocationsException",
      (world) => [usage(world, { UsageAllocations: allocations([4, { a: "1" }]) })],
    ],
    [
      "one tag set twice",
      "InvalidUsageAllocationsException",
      (world) => [usage(world, { UsageAllocations: allocations([2, { a: "1" }], [3, { a: "1" }]) })],
    ],
    [
      "six tags",
      "InvalidTagException",
      (world) => [usage(world, { UsageAllocations: allocations([5, sixTags]) })],
    ],
    [
      "an empty tag",
      "InvalidTagException",
      (world) => [usage(world, { UsageAllocations: allocations([5, { a: "" }]) })],
    ],
  ])("%s: %s to the SDK, and no call of ours", async (_what, code, records) => {
    const input = { UsageRecords: records(world) };
    expect(await sdk.call("BatchMeterUsage", input, { endpoint: simulator.url })).toMatchObject({
      error: code,
    });
    const { calls: before } = await simulator.send<{ calls: unknown[] }>("GET", "calls");

    expect(await ours.call("BatchMeterUsage", input, { endpoint: simulator.url })).toMatchObject({
      kind: "invalid-request",
    });

    const { calls: after } = await simulator.send<{ calls: unknown[] }>("GET", "calls");
    expect(after).toHaveLength(before.length);
  });
});

describe("a dry run", () => {
  it("that AWS permits is a success of ours, and the error DryRunOperation to the SDK; AWS keeps nothing", async () => {
    const input = {
      ProductCode: modernProduct,
      Timestamp: world.now,
      UsageDimension: "requests",
      DryRun: true,
    };
    const setting = { endpoint: simulator.url, credentials: await customersRole(world) };

    expect(await ours.call("MeterUsage", input, setting)).toEqual({ value: {} });
    expect(await sdk.call("MeterUsage", input, setting)).toMatchObject({ error: "DryRunOperation" });
    expect(await books(world)).toEqual([]);
  });
});
