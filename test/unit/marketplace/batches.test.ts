import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { UsageRecord } from "../../../src/marketplace/index.ts";
import { createMarketplaceClient, packBatches } from "../../../src/marketplace/index.ts";
import { json, network, options, usage } from "./stand-in.ts";

/** A record of its own hour, as heavy as it has allocations. */
function record(hour: number, allocations: number, Dimension = "requests"): UsageRecord {
  const UsageAllocations = Array.from({ length: allocations }, (_, index) => ({
    AllocatedUsageQuantity: 0,
    Tags: [{ Key: "k".repeat(100), Value: `${index}`.padEnd(256, "v") }],
  }));
  return usage({
    Timestamp: hour * 3600,
    Quantity: 0,
    Dimension,
    ...(allocations > 0 && { UsageAllocations }),
  });
}

async function fits(UsageRecords: readonly UsageRecord[]): Promise<boolean> {
  const client = createMarketplaceClient(options(network(json(200, {})).fetch));
  return (await client.batchMeterUsage({ UsageRecords })).ok;
}

describe("packing records into calls", () => {
  it("puts 25 in a call, in the order given", () => {
    const records = Array.from({ length: 60 }, (_, hour) => record(hour, 0));

    const { batches, tooLarge } = packBatches(records);

    expect(batches.map((batch) => batch.length)).toEqual([25, 25, 10]);
    expect(batches.flat()).toEqual(records);
    expect(tooLarge).toEqual([]);
  });

  it("makes no call of nothing", () => {
    expect(packBatches([])).toEqual({ batches: [], tooLarge: [] });
  });

  it("keeps the caller's own objects, whatever else they carry", () => {
    const row = { ...record(1, 0), rowId: "r-1" };
    expect(packBatches([row]).batches[0]?.[0]).toBe(row);
  });

  it("sets aside a record that no call can hold, and packs the others", async () => {
    const heavy = record(2, 2500);
    const { batches, tooLarge } = packBatches([record(1, 0), heavy, record(3, 0)]);

    expect(tooLarge).toEqual([heavy]);
    expect(batches.flat()).toHaveLength(2);
    expect(await fits([heavy])).toBe(false);
  });

  it("loses nothing, fills only calls that the client sends, and leaves no call half empty", async () => {
    const weights = fc.array(fc.constantFrom(0, 1, 50, 400, 900, 2400), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(weights, fc.constantFrom("d", "é💧"), async (allocations, dimension) => {
        // Given records of any weight
        const records = allocations.map((count, hour) => record(hour, count, dimension));

        // When they are packed
        const { batches, tooLarge } = packBatches(records);

        // Then all are there once, in order, in calls that can be sent
        expect([...batches.flat(), ...tooLarge].toSorted((a, b) => a.Timestamp - b.Timestamp)).toEqual(
          records,
        );
        for (const batch of batches) expect(await fits(batch)).toBe(true);
        // And no call could have taken the first record of the next
        const longer = batches
          .slice(1)
          .map((next, index) => [...(batches[index] ?? []), ...next.slice(0, 1)]);
        for (const batch of longer) expect(await fits(batch)).toBe(false);
      }),
      { numRuns: 10 },
    );
  });
});
