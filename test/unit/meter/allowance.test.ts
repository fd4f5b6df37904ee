import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Term } from "../../../src/meter/allowance.ts";
import { HOUR, hourOf, MINUTE, monthStart } from "../../../src/meter/hours.ts";
import { formatQuantity, UNIT } from "../../../src/meter/quantity.ts";
import { allowed, sealingOf, start, use } from "./test-allowance.ts";
import { dimension } from "./test-meter.ts";

const x = '[["t","x"]]';
const y = '[["t","y"]]';

describe("usage that a customer's contract includes", () => {
  it("is counted and not billed, up to the allowance", async () => {
    const meter = await allowed("10", "month");
    expect(await use(meter, start, "7")).toEqual([]);
    expect(meter.books).toMatchObject({ accepted: "7", withheld: "7", sealed: "0", carry: "0" });
    expect(await use(meter, start + HOUR, "7")).toEqual([4]);
    expect(await use(meter, start + 2 * HOUR, "5")).toEqual([5]);
    expect(meter.books).toMatchObject({ accepted: "19", withheld: "10", sealed: "9", carry: "0" });
  });

  it("is so much in each hour", async () => {
    const meter = await allowed("3", "hour");
    expect(await use(meter, start, "5")).toEqual([2]);
    expect(await use(meter, start + HOUR, "3")).toEqual([]);
    expect(await use(meter, start + 2 * HOUR, "8")).toEqual([5]);
    expect(meter.books).toMatchObject({ withheld: "9" });
  });

  it("is so much in each month of UTC", async () => {
    const meter = await allowed("3", "month");
    const december = Date.parse("2026-12-01T00:00:00Z");
    expect(await use(meter, december - 2 * HOUR, "3")).toEqual([]);
    expect(await use(meter, december - HOUR, "3")).toEqual([3]);
    expect(await use(meter, december, "2")).toEqual([]);
    expect(await use(meter, december + HOUR, "2")).toEqual([1]);
    expect(meter.books).toMatchObject({ withheld: "6", sealed: "4" });
  });

  it("is as much as the contract says when the hour is sealed: what was billed or withheld before stays", async () => {
    const meter = await allowed("2", "term");
    expect(await use(meter, start, "5")).toEqual([3]);
    await meter.tell([{ quantity: "4", per: "term", since: start }], start);
    expect(await use(meter, start + HOUR, "5")).toEqual([3]);
    await meter.tell([{ quantity: "1", per: "term", since: start }], start);
    expect(await use(meter, start + 2 * HOUR, "5")).toEqual([5]);
    await meter.tell([{ quantity: "0", per: "term", since: start }], start);
    expect(await use(meter, start + 3 * HOUR, "5")).toEqual([5]);
    expect(meter.books).toMatchObject({ accepted: "20", withheld: "4", sealed: "16" });
  });

  it("is nothing of another dimension's or agreement's", async () => {
    const meter = await allowed("10", "month");
    expect(await use(meter, start, "5", { dimension: dimension("other") })).toEqual([5]);
    expect(await use(meter, start + HOUR, "5", { agreement: "b" })).toEqual([5]);
  });

  it("is in posted units, and the fraction above it is carried", async () => {
    const gigabytes = dimension("d", { divisor: 1000 });
    const meter = await allowed("1200.5", "month", gigabytes);
    expect(await use(meter, start, "2700.75", { dimension: gigabytes })).toEqual([1]);
    expect(meter.books).toMatchObject({ withheld: "1200.5", sealed: "1000", carry: "500.25" });
    expect(await use(meter, start + HOUR, "499.75", { dimension: gigabytes })).toEqual([1]);
    expect(meter.books).toMatchObject({ withheld: "1200.5", sealed: "2000", carry: "0" });
  });

  it("is not what an earlier period has carried: that was above its own allowance", async () => {
    const meter = await allowed("1", "hour");
    expect(await use(meter, start, "1.75")).toEqual([]);
    expect(await use(meter, start + HOUR, "0.5")).toEqual([]);
    expect(meter.books).toMatchObject({ withheld: "1.5", carry: "0.75" });
    expect(await use(meter, start + 2 * HOUR, "1.25")).toEqual([1]);
    expect(meter.books).toMatchObject({ withheld: "2.5", sealed: "1", carry: "0" });
  });

  it("leaves each tag set's sum exact", async () => {
    const meter = await allowed("4.5", "month");
    await meter.accept(
      [
        { quantity: "3.25", time: start, tagSet: x },
        { quantity: "6", time: start, tagSet: y },
        { quantity: "1.25", time: start },
      ],
      start,
    );
    const [record] = meter.seal(sealingOf(start));
    // All of x, and then a part of y.
    expect(record).toMatchObject({
      quantity: 6,
      allocations: [
        { quantity: 5, tags: [["t", "y"]] },
        { quantity: 1, tags: [] },
      ],
    });
    expect(meter.books).toMatchObject({ withheld: "4.5", sealed: "6", carry: "0" });
  });

  it.each([
    ["max", ["5", "9", "7"], 6],
    ["last", ["5", "9", "7"], 4],
  ] as const)(
    "of an hour that takes the %s is taken from what the hour comes to",
    async (aggregation, quantities, billed) => {
      const seats = dimension("seats", { aggregation });
      const meter = await allowed("3", "hour", seats);
      for (const hour of [start, start + HOUR]) {
        const time = (index: number) => hour + index * MINUTE;
        const events = quantities.map((quantity, index) => ({
          quantity,
          dimension: seats,
          time: time(index),
        }));
        await meter.accept(events, hour + 5 * MINUTE);
        expect(meter.seal(sealingOf(hour))).toMatchObject([{ hour, quantity: billed }]);
      }
      expect(meter.books).toMatchObject({ withheld: "6" });
    },
  );

  it("of unique values is so many of them", async () => {
    const users = dimension("users", { aggregation: "unique", uniqueTag: "t" });
    const meter = await allowed("2", "hour", users);
    const events = ["x", "y", "z", "x"].map((user) => ({
      dimension: users,
      tagSet: JSON.stringify([["t", user]]),
      time: start,
    }));
    await meter.accept(events, start);
    expect(meter.seal(sealingOf(start))).toMatchObject([{ quantity: 1 }]);
    expect(meter.books).toMatchObject({ accepted: "3", withheld: "2", sealed: "1" });
  });

  it("is not in the trail of late usage of a record that does not bill it", async () => {
    const meter = await allowed("10", "term");
    const late = (hours: number, quantity: string) => ({ time: start - hours * HOUR, quantity });
    // Too old for an hour of their own.
    const [, old] = await meter.accept([late(0, "4"), late(23.8, "3")], start);
    expect(old).toEqual({ status: "late", hour: start });
    expect(meter.seal(sealingOf(start))).toEqual([]);
    // Of 3 and, late, 3 + 2, this hour has 3 left.
    const next = start + HOUR;
    await meter.accept([{ time: next, quantity: "1" }, late(22.8, "5"), late(22.6, "2")], next);
    expect(meter.seal(sealingOf(next))).toMatchObject([
      { quantity: 5, late: [{ hour: hourOf(start - 23 * HOUR), quantity: "5" }] },
    ]);
  });
});

describe("usage beyond an allowance", () => {
  const step = fc.record({
    minutes: fc.integer({ min: 0, max: 180 }),
    events: fc.array(
      fc.record({
        quantity: fc.bigInt({ min: 0n, max: 9n * UNIT }),
        age: fc.integer({ min: 0, max: 120 }),
        tagSet: fc.constantFrom("", x, y),
      }),
      { maxLength: 4 },
    ),
    restart: fc.boolean(),
  });

  it("is billed, and no more and no less, in whatever order it comes and hours it is used", async () => {
    const history = fc.array(step, { minLength: 1, maxLength: 20, size: "max" });
    const per = fc.constantFrom<Term["per"][]>("hour", "month", "term");
    const quantity = fc.bigInt({ min: 0n, max: 60n * UNIT });
    await fc.assert(
      fc.asyncProperty(
        history,
        per,
        quantity,
        fc.constantFrom(1, 7),
        async (steps, per, quantity, divisor) => {
          const counted = dimension("d", { divisor });
          // Around the end of a month.
          const begin = Date.parse("2026-11-30T12:00:00Z");
          const meter = await allowed(formatQuantity(quantity), per, counted);
          const used = new Map<number, bigint>();
          let now = begin;
          let billed = 0n;
          const seal = () => {
            for (const record of meter.seal(now)) billed += BigInt(record.quantity) * BigInt(divisor) * UNIT;
          };
          for (const { minutes, events, restart } of steps) {
            now += minutes * MINUTE;
            seal();
            if (restart) meter.restart();
            const posted = events.map(({ quantity, age, tagSet }) => ({
              quantity: formatQuantity(quantity),
              time: now - age * MINUTE,
              tagSet,
              dimension: counted,
            }));
            await meter.accept(posted, now);
            // Whatever hour bills it, it draws on the allowance of its own.
            for (const [index, { time }] of posted.entries()) {
              const period = { hour: hourOf(time), month: monthStart(time), term: start }[per];
              used.set(period, (used.get(period) ?? 0n) + (events[index]?.quantity ?? 0n));
            }
          }
          now += 2 * HOUR;
          seal();
          const included = [...used.values()].reduce(
            (sum, amount) => sum + (amount < quantity ? amount : quantity),
            0n,
          );
          const accepted = [...used.values()].reduce((sum, amount) => sum + amount, 0n);
          const [balance] = meter.meter.balances(["a"]);
          expect(balance).toMatchObject({ accepted, open: 0n, sealed: billed, withheld: included });
          expect(billed + (balance?.carry ?? 0n)).toBe(accepted - included);
          expect(balance?.carry).toBeLessThan(BigInt(divisor) * UNIT);
          expect(meter.meter.recount()).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  }, 60_000);
});
