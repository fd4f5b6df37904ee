import { describe, expect, it } from "vitest";
import { HOUR, hourOf, MINUTE } from "../../../src/meter/hours.ts";
import { allowed, sealingOf, start, use } from "./test-allowance.ts";
import { dimension, TestMeter } from "./test-meter.ts";

const x = '[["t","x"]]';
const y = '[["t","y"]]';

describe("usage that is taken back after its hour was sealed", () => {
  const takeBack = (meter: TestMeter, ids: readonly string[], now: number) =>
    meter.accept(
      ids.map((id) => ({ id: `voiding of ${id}`, voids: id })),
      now,
    );

  it("and was not billed is no credit, and leaves the allowance to later usage", async () => {
    const meter = await allowed("10", "term");
    await use(meter, start, "10", { id: "1" });
    await takeBack(meter, ["1"], sealingOf(start));
    expect(meter.books).toMatchObject({ accepted: "0", withheld: "0", carry: "0" });
    expect(await use(meter.restart(), start + HOUR, "4")).toEqual([]);
    expect(await use(meter, start + 2 * HOUR, "9")).toEqual([3]);
    expect(meter.books).toMatchObject({ accepted: "13", withheld: "10", sealed: "3", carry: "0" });
  });

  it("leaves the other hours' allowances as they are", async () => {
    const meter = await allowed("10", "hour");
    await use(meter, start, "10", { id: "1" });
    await takeBack(meter, ["1"], sealingOf(start));
    expect(await use(meter, start + HOUR, "25")).toEqual([15]);
    expect(meter.books).toMatchObject({ accepted: "25", withheld: "10", sealed: "15", carry: "0" });
  });

  it("is a credit as far as it was billed, which lowers no allowance", async () => {
    const meter = await allowed("10", "hour");
    const first = { id: "1", quantity: "15", time: start };
    await meter.accept([first, { id: "2", quantity: "10", time: start }], start);
    expect(meter.seal(sealingOf(start))).toMatchObject([{ quantity: 15 }]);
    await takeBack(meter, ["1"], sealingOf(start));
    expect(meter.books).toMatchObject({ accepted: "10", withheld: "10", carry: "-15" });
    const billed = [];
    for (let hour = 1; hour <= 8; hour++) billed.push(...(await use(meter, start + hour * HOUR, "12")));
    // Of 12 in each hour 2 are above its allowance: 16 in all, of which the credit pays for 15.
    expect(billed).toEqual([1]);
    expect(meter.books).toMatchObject({ accepted: "106", withheld: "90", sealed: "16", carry: "0" });
  });

  it("is a part of both, by tag set, where some of it was billed", async () => {
    const meter = await allowed("10", "term");
    await meter.accept(
      [
        { id: "1", quantity: "7", time: start, tagSet: x },
        { id: "2", quantity: "5", time: start, tagSet: y },
      ],
      start,
    );
    expect(meter.seal(sealingOf(start))).toMatchObject([{ quantity: 2 }]);
    await takeBack(meter, ["1"], sealingOf(start));
    expect(meter.books).toMatchObject({ accepted: "5", withheld: "5", carry: "-2" });
    expect(await use(meter, start + HOUR, "8", { tagSet: y })).toEqual([1]);
    expect(meter.books).toMatchObject({ accepted: "13", withheld: "10", sealed: "3", carry: "0" });
  });

  it("and with that raises what the hour comes to draws on the allowance for the rest", async () => {
    const seats = dimension("seats", { aggregation: "last" });
    const meter = await allowed("10", "hour", seats);
    const event = (id: string, quantity: string, minute: number) => ({
      id,
      quantity,
      dimension: seats,
      time: start + minute * MINUTE,
    });
    await meter.accept([event("1", "12", 1), event("2", "8", 2)], start + 3 * MINUTE);
    expect(meter.seal(sealingOf(start))).toEqual([]);
    await takeBack(meter, ["2"], sealingOf(start));
    expect(meter.books).toMatchObject({ accepted: "12", withheld: "10", carry: "2" });
  });

  it("while its hour is open for more is no credit of what was withheld of it, either", async () => {
    const meter = await allowed("10", "hour");
    await use(meter, start, "10", { id: "1" });
    const events = [
      { quantity: "3", time: start },
      { id: "v", voids: "1" },
    ];
    await meter.accept(events, sealingOf(start));
    expect(meter.seal(sealingOf(start) + HOUR)).toEqual([]);
    expect(meter.books).toMatchObject({ accepted: "3", withheld: "3", carry: "0" });
  });

  it("while it waits in another hour, which it has joined, was never used", async () => {
    const meter = new TestMeter({ awaitsAllowance: ["d"] });
    await meter.accept(
      [
        { id: "1", quantity: "8", time: start },
        { id: "2", quantity: "7", time: start },
      ],
      start,
    );
    const late = start + 24 * HOUR;
    expect(meter.seal(late)).toEqual([]);
    await takeBack(meter, ["1"], late);
    await meter.tell([{ quantity: "10", per: "term", since: start }], late);
    expect(meter.seal(sealingOf(late))).toEqual([]);
    expect(meter.books).toMatchObject({ accepted: "7", withheld: "7", carry: "0" });
  });

  it("while its hour is open was never used", async () => {
    const meter = await allowed("10", "term");
    await meter.accept([{ id: "1", quantity: "8", time: start }], start);
    await takeBack(meter, ["1"], start);
    expect(await use(meter, start, "12")).toEqual([2]);
  });
});

describe("usage that another hour bills than that in which it was used", () => {
  it("draws on its own hour's allowance, when that was not known for long", async () => {
    const meter = new TestMeter({ awaitsAllowance: ["d"] });
    for (let hour = start; hour < start + 30 * HOUR; hour += HOUR) {
      await meter.accept([{ quantity: "10", time: hour }], hour + MINUTE);
      expect(meter.seal(sealingOf(hour))).toEqual([]);
    }
    await meter.tell([{ quantity: "10", per: "hour", since: start }], start + 30 * HOUR);
    expect(meter.seal(start + 30 * HOUR)).toEqual([]);
    expect(meter.seal(start + 33 * HOUR)).toEqual([]);
    expect(meter.books).toMatchObject({ accepted: "300", withheld: "300", open: "0" });
  });

  it("draws on what its own hour has left, when that is frozen", async () => {
    const seats = dimension("seats", { aggregation: "max" });
    const meter = await allowed("10", "hour", seats);
    expect(await use(meter, start, "12", { dimension: seats })).toEqual([2]);
    const next = start + HOUR;
    await meter.accept([{ quantity: "9", time: start, dimension: seats }], next);
    expect(meter.seal(sealingOf(next))).toMatchObject([
      { quantity: 9, late: [{ hour: start, quantity: "9" }] },
    ]);
    expect(meter.books).toMatchObject({ withheld: "10" });
  });

  it("draws on the month in which it was used", async () => {
    const meter = await allowed("10", "month");
    const december = Date.parse("2026-12-01T00:00:00Z");
    const evening = december - HOUR;
    expect(await use(meter, evening, "8")).toEqual([]);
    // AWS takes no record of November any more.
    const late = december + 5.6 * HOUR;
    await meter.accept([{ quantity: "5", time: evening }], late);
    expect(meter.seal(sealingOf(hourOf(late)))).toMatchObject([{ quantity: 3 }]);
    expect(await use(meter, december + 6 * HOUR, "10")).toEqual([]);
    expect(meter.books).toMatchObject({ withheld: "20", sealed: "3" });
  });
});

describe("a record that comes back, since AWS did not take it", () => {
  const rollOver = async (meter: TestMeter, now: number) => {
    const rule = { aggregation: "sum", divisor: 1, uniqueTag: null } as const;
    const record = {
      agreement: "a",
      dimension: "d",
      rule,
      hour: start,
      quantity: 5,
      allocations: [],
      late: [],
    };
    await meter.meter.decide([{ id: "r", kind: "roll_over", ...record }], now);
  };

  it("draws on the allowance as far as that includes more than when it was sealed", async () => {
    for (const per of ["hour", "term"] as const) {
      const meter = await allowed("0", per);
      expect(await use(meter, start, "5")).toEqual([5]);
      const back = start + 24.5 * HOUR;
      await rollOver(meter, back);
      await meter.tell([{ quantity: "4", per, since: start }], back);
      meter.pack(back);
      expect(await use(meter.restart(), hourOf(back) + HOUR, "1")).toEqual(per === "hour" ? [1] : [1, 1]);
      expect(meter.books).toMatchObject({ accepted: "6", withheld: per === "hour" ? "5" : "4" });
    }
  });

  it("draws on nothing when the period it was used in is forgotten", async () => {
    const meter = await allowed("0", "hour");
    expect(await use(meter, start, "5")).toEqual([5]);
    expect(await use(meter, start + 40 * HOUR, "1")).toEqual([1]);
    await meter.tell([{ quantity: "4", per: "hour", since: start }], start + 42 * HOUR);
    await rollOver(meter, start + 42 * HOUR);
    expect(meter.seal(start + 44 * HOUR)).toMatchObject([{ quantity: 5 }]);
  });

  it("is a credit for what was taken back of it meanwhile", async () => {
    const meter = await allowed("6", "hour");
    expect(await use(meter, start, "11", { id: "1" })).toEqual([5]);
    const back = start + 24.5 * HOUR;
    await rollOver(meter, back);
    await meter.accept([{ id: "v", voids: "1" }], back);
    expect(await use(meter, back, "9")).toEqual([3]);
    expect(meter.books).toMatchObject({ accepted: "9", withheld: "6", sealed: "3", carry: "0" });
  });

  it("was above the allowance, and is not withheld", async () => {
    const meter = await allowed("6", "hour");
    expect(await use(meter, start, "11")).toEqual([5]);
    const back = start + 30 * HOUR;
    await rollOver(meter, back);
    expect(await use(meter.restart(), back, "4")).toEqual([5]);
    expect(meter.books).toMatchObject({ accepted: "15", withheld: "10", sealed: "5", carry: "0" });
  });

  it("is not withheld when its new hour is sealed too late, either, and joins the next", async () => {
    const meter = await allowed("6", "hour");
    await use(meter, start, "11");
    const back = start + 30 * HOUR;
    await rollOver(meter, back);
    // Nobody seals for a day.
    const late = back + 24 * HOUR;
    expect(meter.seal(late)).toEqual([]);
    meter.pack(late);
    expect(await use(meter.restart(), late, "4")).toEqual([5]);
    expect(meter.books).toMatchObject({ withheld: "10", sealed: "5" });
  });

  it("stays in the trail of the record that bills it now, beside late usage that is withheld", async () => {
    const meter = await allowed("6", "hour");
    await use(meter, start, "11");
    const back = start + 30 * HOUR;
    await rollOver(meter, back);
    const late = back - 23.8 * HOUR;
    await meter.accept([{ time: late, quantity: "9" }, { time: back }], back);
    expect(meter.seal(sealingOf(back))).toMatchObject([
      {
        quantity: 8,
        late: [
          { hour: start, quantity: "5" },
          { hour: hourOf(late), quantity: "3" },
        ],
      },
    ]);
  });
});

describe("held usage that is released", () => {
  it("is included as other usage of the hour that it was used in", async () => {
    const held = dimension("d", { late: "hold" });
    const meter = await allowed("3", "hour", held);
    await meter.accept([{ quantity: "5", time: start - 23.8 * HOUR, dimension: held }], start);
    expect(meter.books).toMatchObject({ held: "5" });
    const hour = hourOf(start - 23.8 * HOUR);
    await meter.meter.decide([{ id: "h", kind: "release", agreement: "a", dimension: "d", hour }], start);
    expect(meter.seal(sealingOf(start))).toMatchObject([{ quantity: 2 }]);
    expect(meter.books).toMatchObject({ withheld: "3", sealed: "2" });
  });
});
