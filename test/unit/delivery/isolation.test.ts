import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deliverIsolating, type Verdict } from "../../../src/delivery/isolation.ts";

/** AWS, which refuses a call whole for any bad record; records of one unit are bad together. */
function aws(bad: ReadonlySet<number>, unitOf: (record: number) => number = (record) => record) {
  const delivered: number[] = [];
  const found: number[] = [];
  let calls = 0;
  const send = (records: readonly number[]): Promise<Verdict<number>> => {
    calls += 1;
    if (!records.some((record) => bad.has(unitOf(record)))) {
      delivered.push(...records);
      return Promise.resolve({ kind: "answered" });
    }
    if (new Set(records.map(unitOf)).size > 1) return Promise.resolve({ kind: "refused", unitOf });
    found.push(...records);
    return Promise.resolve({ kind: "found", others: [] });
  };
  return { send, delivered, found, calls: () => calls };
}

const ascending = (records: readonly number[]) => records.toSorted((a, b) => a - b);

describe("the search of bad records", () => {
  it("delivers every good record once, and finds every bad one, whichever they are", async () => {
    const batch = fc.integer({ min: 1, max: 25 });
    await fc.assert(
      fc.asyncProperty(
        batch,
        fc.uniqueArray(fc.nat(24)),
        fc.integer({ min: 1, max: 25 }),
        async (size, bad, units) => {
          const unitOf = (record: number) => record % units;
          const stand = aws(new Set(bad), unitOf);
          const records = Array.from({ length: size }, (_, n) => n);
          await deliverIsolating(records, stand.send);
          const isBad = (record: number) => bad.includes(unitOf(record));
          expect(ascending(stand.delivered)).toEqual(records.filter((record) => !isBad(record)));
          expect(ascending(stand.found)).toEqual(records.filter(isBad));
        },
      ),
    );
  });

  it("makes one call when none is bad, and at most seven more for one among 25", async () => {
    const records = Array.from({ length: 25 }, (_, n) => n);
    const calls: number[] = [];
    for (const bad of records) {
      const stand = aws(new Set([bad]));
      await deliverIsolating(records, stand.send);
      calls.push(stand.calls());
    }
    expect(Math.max(...calls)).toBe(8);
    const well = aws(new Set());
    await deliverIsolating(records, well.send);
    expect(well.calls()).toBe(1);
  });

  it("goes on with the others when the bad one is named", async () => {
    const sent: number[][] = [];
    await deliverIsolating([1, 2, 3], (records) => {
      sent.push([...records]);
      return Promise.resolve(
        records.includes(2)
          ? { kind: "found", others: records.filter((one) => one !== 2) }
          : { kind: "answered" },
      );
    });
    expect(sent).toEqual([
      [1, 2, 3],
      [1, 3],
    ]);
  });

  it("ends when AWS takes what it has refused: nothing is sent that is empty", async () => {
    const sent: number[][] = [];
    await deliverIsolating([1, 2], (records) => {
      sent.push([...records]);
      return Promise.resolve(
        sent.length === 1 ? { kind: "refused", unitOf: (one) => one } : { kind: "answered" },
      );
    });
    expect(sent).toEqual([[1, 2], [1], [2]]);
  });

  it("stops when a call fails for another reason", async () => {
    let calls = 0;
    await deliverIsolating([1, 2, 3, 4], () => {
      calls += 1;
      return Promise.resolve(calls === 1 ? { kind: "refused", unitOf: (one) => one } : { kind: "failed" });
    });
    expect(calls).toBe(2);
  });
});
