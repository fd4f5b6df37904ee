import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { dimension, TestMeter } from "./test-meter.ts";

const start = Date.parse("2026-11-23T10:00:00Z");
const sealing = start + HOUR + 10 * MINUTE;

describe("a dimension", () => {
  it("that takes the greatest bills the hour's greatest quantity, under that event's tags", async () => {
    const meter = new TestMeter();
    const seats = dimension("seats", { aggregation: "max" });
    const event = (minute: number, quantity: string, tagSet: string) => ({
      dimension: seats,
      quantity,
      tagSet,
      time: start + minute * MINUTE,
    });
    await meter.accept(
      [event(1, "5", '[["t","x"]]'), event(2, "9", '[["t","y"]]'), event(3, "7", '[["t","x"]]')],
      start + 4 * MINUTE,
    );
    expect(meter.restart().seal(sealing)).toMatchObject([
      { quantity: 9, allocations: [{ quantity: 9, tags: [["t", "y"]] }] },
    ]);
  });

  it("that takes the greatest comes to the same in whatever order equal ones arrive", async () => {
    const seats = dimension("seats", { aggregation: "max" });
    const events = ["x", "y"].map((team) => ({
      dimension: seats,
      quantity: "5",
      tagSet: JSON.stringify([["t", team]]),
      time: start,
    }));
    for (const order of [events, events.toReversed()]) {
      const meter = new TestMeter();
      await meter.accept(order, start);
      expect(meter.seal(sealing)).toMatchObject([{ allocations: [{ quantity: 5, tags: [["t", "x"]] }] }]);
    }
  });

  it("that takes the last bills the quantity of the latest event time, not of the latest arrival", async () => {
    const meter = new TestMeter();
    const gauge = dimension("gauge", { aggregation: "last" });
    const event = (minute: number, quantity: string) => ({
      dimension: gauge,
      quantity,
      time: start + minute * MINUTE,
    });
    await meter.accept([event(20, "4")], start + 21 * MINUTE);
    await meter.accept([event(10, "8")], start + 22 * MINUTE);
    expect(meter.restart().seal(sealing)).toMatchObject([{ quantity: 4 }]);
  });

  it("that counts different values bills how many there were, allocated by the other tags", async () => {
    const meter = new TestMeter();
    const users = dimension("users", { aggregation: "unique", uniqueTag: "user" });
    const event = (user: string, team: string) => ({
      dimension: users,
      tagSet: JSON.stringify([
        ["team", team],
        ["user", user],
      ]),
      time: start,
    });
    await meter.accept([event("ann", "x"), event("bob", "x"), event("ann", "x"), event("cy", "y")], start);
    await meter.accept([event("bob", "y")], start + MINUTE);
    expect(meter.restart().seal(sealing)).toMatchObject([
      {
        quantity: 3,
        allocations: [
          { quantity: 2, tags: [["team", "x"]] },
          { quantity: 1, tags: [["team", "y"]] },
        ],
      },
    ]);
  });

  it("with a divisor bills whole multiples of it and carries the rest in posted units, exactly", async () => {
    const meter = new TestMeter();
    const gigabytes = dimension("gb", { divisor: 1_000_000_000 });
    await meter.accept([{ dimension: gigabytes, quantity: "2999999999.5", time: start }], start);
    expect(meter.seal(sealing)).toMatchObject([{ quantity: 2, divisor: 1_000_000_000 }]);
    expect(meter.meter.balances(["a"])).toMatchObject([{ carry: 999_999_999_500_000_000n }]);
    await meter.accept([{ dimension: gigabytes, quantity: "0.5", time: start + HOUR }], start + HOUR);
    expect(meter.seal(sealing + HOUR)).toMatchObject([{ quantity: 1 }]);
    expect(meter.meter.balances(["a"])).toMatchObject([{ carry: 0n }]);
  });

  it("takes late usage of a greatest or last into the hour that bills it, which counts it among its own", async () => {
    const meter = new TestMeter();
    const seats = dimension("seats", { aggregation: "max" });
    await meter.accept([{ dimension: seats, quantity: "5", time: start }], start);
    meter.seal(sealing);
    const later = start + 2 * HOUR;
    await meter.accept(
      [
        { dimension: seats, quantity: "8", time: start },
        { dimension: seats, quantity: "6", time: later },
      ],
      later,
    );
    expect(meter.seal(later + HOUR + 10 * MINUTE)).toMatchObject([
      { quantity: 8, late: [{ hour: start, quantity: "8" }] },
    ]);
  });
});
