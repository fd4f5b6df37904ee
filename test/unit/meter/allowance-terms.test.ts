import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { allowed, sealingOf, start, use } from "./test-allowance.ts";
import { TestMeter, type TestTerm } from "./test-meter.ts";

const DAY = 24 * HOUR;

describe("usage that a contract includes in a term", () => {
  it("is so much in a term, and anew in the next; what the last one left is lost", async () => {
    const meter = await allowed("5", "term");
    expect(await use(meter, start, "3")).toEqual([]);
    const renewal = start + 40 * DAY;
    expect(await use(meter, renewal - HOUR, "1")).toEqual([]);
    const terms: TestTerm[] = [
      { quantity: "5", per: "term", since: start, until: renewal },
      { quantity: "5", per: "term", since: renewal },
    ];
    await meter.tell(terms, renewal);
    expect(await use(meter, renewal, "6")).toEqual([1]);
    // And a term that is told again is not a new one.
    await meter.tell(terms, renewal);
    expect(await use(meter.restart(), renewal + HOUR, "6")).toEqual([6]);
    expect(meter.books).toMatchObject({ withheld: "9", sealed: "7" });
  });

  it.each(["hour", "month", "term"] as const)(
    "is the last term's in hours of before that are sealed when the next has begun, per %s",
    async (per) => {
      const meter = await allowed("3", per);
      const renewal = start + 3 * HOUR;
      const before = renewal - HOUR;
      await meter.accept([{ quantity: "4", time: before }], before);
      await meter.accept([{ quantity: "5", time: renewal }], renewal);
      for (const quantity of ["5", "8"]) {
        await meter.tell(
          [
            { quantity: "3", per, since: start, until: renewal },
            { quantity, per, since: renewal },
          ],
          renewal,
        );
        meter.pack(renewal);
        meter.restart();
      }
      expect(meter.seal(sealingOf(before)).map((record) => record.quantity)).toEqual([1]);
      // Of the month, the last term has had 3.
      expect(meter.seal(sealingOf(renewal))).toEqual([]);
      expect(meter.books).toMatchObject({ withheld: "8" });
    },
  );

  it("is that of the term that begins in an hour, for all of the hour", async () => {
    const meter = new TestMeter();
    const renewal = start + 30 * MINUTE;
    await meter.tell(
      [
        { quantity: "1", per: "term", since: start - DAY, until: renewal },
        { quantity: "4", per: "term", since: renewal },
      ],
      start,
    );
    expect(await use(meter, start - HOUR, "3")).toEqual([2]);
    expect(await use(meter, start, "5")).toEqual([1]);
  });

  it("is what the term has left when it is told again, after it was not known or nothing was included", async () => {
    const bought: TestTerm = { quantity: "5", per: "term", since: start };
    for (const meanwhile of [[], [{ quantity: "0", per: "hour" }] as const]) {
      const meter = await allowed("5", "term");
      expect(await use(meter, start, "3")).toEqual([]);
      await meter.tell(meanwhile, start + HOUR);
      expect(await use(meter, start + HOUR, "1")).toEqual([1]);
      await meter.tell([bought], start + 2 * HOUR);
      expect(await use(meter, start + 2 * HOUR, "4")).toEqual([2]);
    }
  });

  it("is the first term's of before it", async () => {
    const meter = new TestMeter();
    await meter.tell([{ quantity: "4", per: "term", since: start + 5 * HOUR }], start);
    expect(await use(meter, start, "5")).toEqual([1]);
  });

  it("is less from the hour on from which its contract includes less, in one term", async () => {
    for (const [per, billed] of [
      ["hour", [5, 9]],
      ["term", [5, 15]],
    ] as const) {
      const meter = new TestMeter();
      const part = start + HOUR;
      await meter.tell(
        [
          { quantity: "10", per, since: start, until: part },
          { quantity: "6", per, since: part, began: start },
        ],
        start,
      );
      await meter.accept([{ quantity: "15", time: start }], start);
      await meter.accept([{ quantity: "15", time: part }], part);
      expect(meter.seal(sealingOf(part)).map((record) => record.quantity)).toEqual(billed);
    }
  });
});

describe("an hour of after a contract's end", () => {
  it("waits until it is known what follows, and one of before does not", async () => {
    const meter = new TestMeter({ awaitsAllowance: ["d"] });
    const end = start + 90 * MINUTE;
    const ending: TestTerm = { quantity: "5", per: "hour", since: start, until: end };
    await meter.tell([ending], start);
    const [last, after] = [start + HOUR, start + 2 * HOUR];
    for (const hour of [start, last, after]) await meter.accept([{ quantity: "7", time: hour }], hour);
    expect(meter.seal(sealingOf(after)).map(({ hour, quantity }) => [hour, quantity])).toEqual([
      [start, 2],
      [last, 2],
    ]);
    await meter.tell([ending, { quantity: "1", per: "hour", since: after }], after);
    expect(meter.restart().seal(sealingOf(after))).toMatchObject([{ hour: after, quantity: 6 }]);
  });

  it("is sealed with what has joined it, once all of that is known", async () => {
    const meter = new TestMeter({ awaitsAllowance: ["d"] });
    const ending: TestTerm = { quantity: "5", per: "hour", since: start, until: start + HOUR };
    await meter.tell([ending], start);
    const after = start + 2 * HOUR;
    await meter.accept([{ quantity: "7", time: after }], after);
    // Nobody knows for a day, and then of the hour that it has joined sooner than of its own.
    const joined = after + 23 * HOUR;
    expect(meter.seal(joined + 30 * MINUTE)).toEqual([]);
    await meter.accept([{ quantity: "7", time: joined }], joined + 30 * MINUTE);
    expect(meter.seal(sealingOf(joined))).toEqual([]);
    expect(meter.books).toMatchObject({ open: "14" });
    await meter.tell([ending, { quantity: "6", per: "hour", since: start + HOUR }], joined);
    expect(meter.seal(sealingOf(joined))).toMatchObject([
      { hour: joined, quantity: 2, late: [{ hour: after, quantity: "1" }] },
    ]);
  });
});
