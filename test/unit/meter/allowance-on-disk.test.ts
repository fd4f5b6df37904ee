import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { TestMeter } from "./test-meter.ts";

const start = Date.parse("2026-11-23T10:00:00Z");
const sealing = start + HOUR + 10 * MINUTE;
const next = start + HOUR;

/** A meter that has withheld 4 of a month's 10, with a record that has come back. */
async function meter() {
  const meter = new TestMeter();
  await meter.tell([{ quantity: "10", per: "month" }], start);
  await meter.accept([{ quantity: "4", time: start }], start);
  meter.seal(sealing);
  const rule = { aggregation: "sum", divisor: 1, uniqueTag: null } as const;
  const of = { agreement: "a", dimension: "d", rule, hour: start - 30 * HOUR };
  const record = { ...of, quantity: 3, allocations: [], late: [] };
  await meter.meter.decide([{ id: "r", kind: "roll_over", ...record }], sealing);
  return meter;
}

/** Uses 4 beside what has come back, and then 5, of which 2 are included: what of it is billed? */
async function billed(meter: TestMeter): Promise<number[]> {
  await meter.accept([{ quantity: "4", time: next }], next + 20 * MINUTE);
  const first = meter.seal(sealing + HOUR);
  await meter.accept([{ quantity: "5", time: next + HOUR }], next + HOUR);
  return [...first, ...meter.seal(sealing + 2 * HOUR)].map(({ quantity }) => quantity);
}

describe("an allowance, and what it has withheld", () => {
  it("is the same after a restart from the journal", async () => {
    expect(await billed((await meter()).restart())).toEqual([3, 3]);
  });

  it("is the same after a restart from what was saved", async () => {
    const saved = await meter();
    saved.pack(sealing);
    expect(await billed(saved.restart())).toEqual([3, 3]);
    expect(saved.books).toMatchObject({ withheld: "10" });
  });

  it.each([
    ["its quantity", '"quantity":"10000000000"', '"quantity":"10000000001"'],
    ["its period", '"per":"month"', '"per":"term"'],
    ["its end", '"until":null', '"until":1'],
  ])("is compared with what is on disk: %s", async (_what, written, damaged) => {
    const books = await meter();
    expect(books.meter.recount()).toEqual([]);
    damage(books, written, damaged);
    expect(books.meter.recount()).toMatchObject([{ agreement: "a", dimension: "d" }]);
  });

  it("is compared with what is on disk: the period in which something was withheld", async () => {
    const books = new TestMeter();
    await books.tell([{ quantity: "10", per: "term", since: 1 }], start);
    await books.accept([{ time: start }], start);
    books.seal(sealing);
    await books.tell([{ quantity: "10", per: "term", since: 2 }], sealing);
    expect(books.meter.recount()).toEqual([]);
    damage(books, '"began":1', '"began":3');
    expect(books.meter.recount()).toMatchObject([{ agreement: "a", dimension: "d" }]);
  });
});

function damage({ storage }: TestMeter, written: string, damaged: string): void {
  storage.query(`UPDATE journal_0 SET entries = replace(entries, '${written}', '${damaged}')`);
}
