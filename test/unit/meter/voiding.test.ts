import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { dimension, TestMeter, type TestEvent } from "./test-meter.ts";

const start = Date.parse("2026-11-23T10:00:00Z");
const sealing = start + HOUR + 10 * MINUTE;
const event = (id: string, quantity: string, overrides: TestEvent = {}): TestEvent => ({
  id,
  quantity,
  time: start,
  ...overrides,
});
const voiding = (id: string, voids: string): TestEvent => ({ id, voids });

describe("voiding an event", () => {
  it("takes it back from its open hour", async () => {
    const meter = new TestMeter();
    await meter.accept([event("1", "5", { tagSet: '[["t","x"]]' }), event("2", "3")], start);
    expect(await meter.accept([voiding("v", "1")], start)).toEqual([{ status: "voided", target: "1" }]);
    expect(meter.restart().seal(sealing)).toMatchObject([{ quantity: 3, allocations: null }]);
  });

  it("in the very request that posts it takes it back", async () => {
    const meter = new TestMeter();
    const outcomes = await meter.accept([event("1", "5"), voiding("v", "1")], start);
    expect(outcomes).toEqual([{ status: "accepted" }, { status: "voided", target: "1" }]);
    expect(meter.seal(sealing)).toEqual([]);
  });

  it("whose hour is sealed gives the coming hours a credit, and never a record below zero", async () => {
    const meter = new TestMeter();
    await meter.accept([event("1", "5"), event("2", "1")], start);
    meter.seal(sealing);
    expect(await meter.accept([voiding("v", "1")], sealing)).toEqual([{ status: "credited", target: "1" }]);
    expect(meter.restart().meter.balances(["a"])).toMatchObject([
      { accepted: 1_000_000_000n, carry: -5_000_000_000n },
    ]);

    await meter.accept([event("3", "3", { time: start + HOUR })], start + HOUR + MINUTE);
    expect(meter.seal(sealing + HOUR)).toEqual([]);
    expect(meter.meter.balances(["a"])).toMatchObject([{ carry: -2_000_000_000n }]);
    await meter.accept([event("4", "6", { time: start + 2 * HOUR })], start + 2 * HOUR + MINUTE);
    expect(meter.seal(sealing + 2 * HOUR)).toMatchObject([{ quantity: 4 }]);
    expect(meter.meter.balances(["a"])).toMatchObject([{ accepted: 10_000_000_000n, carry: 0n }]);
  });

  it.each([
    ["never counted", [voiding("v", "unknown")], "unknown_event"],
    ["itself a voiding", [voiding("v", "1"), voiding("w", "v")], "unknown_event"],
    ["voided before by another id", [voiding("v", "1"), voiding("w", "1")], "already_voided"],
    ["another agreement's", [{ ...voiding("v", "1"), agreement: "b" }], "unknown_event"],
  ])("that is %s changes nothing", async (_what, voidings, status) => {
    const meter = new TestMeter();
    await meter.accept([event("1", "5")], start);
    const outcomes = await meter.accept(voidings, start);
    expect(outcomes.at(-1)).toMatchObject({ status });
  });

  it("counts once: the same again is a duplicate, and its id for another event a conflict, however late", async () => {
    const meter = new TestMeter();
    await meter.accept([event("1", "5"), event("2", "3"), voiding("v", "1")], start);
    meter.seal(sealing);
    expect(await meter.accept([voiding("v", "1"), voiding("v", "2")], sealing)).toEqual([
      { status: "duplicate" },
      { status: "id_conflict", differs: ["voids"] },
    ]);
  });

  it("whose id has counted again after the dedupe window takes the new event back, too", async () => {
    const meter = new TestMeter({ dedupeWindow: 24 * HOUR });
    await meter.accept([event("1", "5")], start);
    await meter.accept([voiding("v", "1")], start + HOUR);
    const later = start + 24 * HOUR + MINUTE;
    await meter.accept([event("1", "3", { time: later })], later);
    expect(await meter.accept([voiding("w", "1")], later)).toEqual([{ status: "voided", target: "1" }]);
  });

  it("leaves the voided id counted: posting it again is a duplicate", async () => {
    const meter = new TestMeter();
    await meter.accept([event("1", "5"), voiding("v", "1")], start);
    expect(await meter.accept([event("1", "5")], start)).toEqual([{ status: "duplicate" }]);
  });

  it.each([
    ["the greatest", dimension("max", { aggregation: "max" }), "7"],
    ["the last", dimension("last", { aggregation: "last" }), "4"],
  ])("that was %s leaves the hour to the next one, wherever that is kept", async (_what, counted, left) => {
    const meter = new TestMeter();
    const at = (minute: number): TestEvent => ({ dimension: counted, time: start + minute * MINUTE });
    await meter.accept([event("1", "7", at(1)), event("2", "4", at(2))], start + 5 * MINUTE);
    meter.pack(start + 5 * MINUTE);
    await meter.accept([event("3", "9", at(3))], start + 5 * MINUTE);
    await meter.accept([event("4", "1", at(0)), voiding("v", "3")], start + 5 * MINUTE);
    expect(meter.restart().seal(sealing)).toMatchObject([{ quantity: Number(left) }]);
  });

  it("that was the greatest of a sealed hour gives a credit of the difference that it made", async () => {
    const meter = new TestMeter();
    const seats = dimension("max", { aggregation: "max" });
    await meter.accept([event("1", "7", { dimension: seats }), event("2", "9", { dimension: seats })], start);
    meter.seal(sealing);
    expect(await meter.accept([voiding("v", "2")], sealing)).toEqual([{ status: "credited", target: "2" }]);
    expect(meter.meter.balances(["a"])).toMatchObject([{ accepted: 7_000_000_000n, carry: -2_000_000_000n }]);
  });

  it("of a different value takes the value back unless another event has it, too", async () => {
    const meter = new TestMeter();
    const users = dimension("users", { aggregation: "unique", uniqueTag: "user" });
    const of = (user: string): TestEvent => ({ dimension: users, tagSet: JSON.stringify([["user", user]]) });
    await meter.accept(
      [event("1", "1", of("ann")), event("2", "1", of("ann")), event("3", "1", of("bob"))],
      start,
    );
    await meter.accept([voiding("v", "1"), voiding("w", "3")], start);
    expect(meter.restart().seal(sealing)).toMatchObject([{ quantity: 1 }]);
  });
});

describe("voiding late usage", () => {
  const late = sealing + MINUTE;

  it("takes it from the trail of the hour that bills it, too", async () => {
    const meter = new TestMeter();
    await meter.accept([event("1", "5")], start);
    meter.seal(sealing);
    await meter.accept([event("2", "4"), event("3", "2"), event("4", "1", { time: start + HOUR })], late);
    expect(await meter.accept([voiding("v", "2")], late)).toEqual([{ status: "voided", target: "2" }]);
    expect(meter.restart().seal(sealing + HOUR)).toMatchObject([
      { quantity: 3, late: [{ hour: start, quantity: "2" }] },
    ]);
  });

  it("that is held takes it from what is held, and other hours keep theirs", async () => {
    const meter = new TestMeter();
    const kept = dimension("kept", { late: "hold" });
    await meter.accept([event("1", "5", { dimension: kept })], start);
    meter.seal(sealing);
    await meter.accept([event("2", "4", { dimension: kept }), event("3", "2", { dimension: kept })], late);
    await meter.accept([voiding("v", "2")], late);
    expect(meter.restart().meter.balances(["a"])).toMatchObject([
      { accepted: 7_000_000_000n, held: 2_000_000_000n, carry: 0n },
    ]);
  });

  it("that was written off reduces what was written off, and gives no credit", async () => {
    const meter = new TestMeter();
    const kept = dimension("kept", { late: "hold" });
    await meter.accept([event("1", "5", { dimension: kept })], start);
    meter.seal(sealing);
    await meter.accept([event("2", "4", { dimension: kept })], late);
    const decision = { kind: "write_off", id: "d", agreement: "a", dimension: "kept", hour: start } as const;
    await meter.meter.decide([decision], late);
    await meter.accept([voiding("v", "2"), voiding("w", "1")], late);
    expect(meter.meter.balances(["a"])).toMatchObject([
      { accepted: 0n, writtenOff: 0n, held: 0n, carry: -5_000_000_000n },
    ]);
  });
});

describe("voiding in an hour that is not a sum", () => {
  const users = dimension("users", { aggregation: "unique", uniqueTag: "user" });
  const user = (name: string) => `[["user","${name}"]]`;
  const seen = (id: string, name: string): TestEvent => ({
    id,
    quantity: "1",
    time: start,
    dimension: users,
    tagSet: user(name),
  });

  it("keeps a value of unique that another event has, and takes away one that none has", async () => {
    const meter = new TestMeter();
    await meter.accept([seen("1", "ann"), seen("2", "ann"), seen("3", "bob")], start);
    await meter.accept([voiding("v", "1")], start);
    expect(meter.meter.balances(["a"])).toMatchObject([{ open: 2_000_000_000n }]);
    await meter.accept([voiding("w", "2")], start);
    expect(meter.restart().meter.balances(["a"])).toMatchObject([{ open: 1_000_000_000n }]);
  });

  it("changes nothing of a max unless the greatest is taken back, and then the next greatest that is left counts", async () => {
    const meter = new TestMeter();
    const peak = dimension("peak", { aggregation: "max" });
    const reading = (id: string, quantity: string, time = start): TestEvent => ({
      id,
      quantity,
      time,
      dimension: peak,
    });
    await meter.accept(
      [reading("1", "3"), reading("2", "9"), reading("3", "7"), reading("4", "7", start + 1)],
      start,
    );
    await meter.accept([voiding("v", "1")], start);
    expect(meter.meter.balances(["a"])).toMatchObject([{ open: 9_000_000_000n }]);
    await meter.accept([voiding("w", "3"), voiding("x", "2")], start);
    expect(meter.meter.balances(["a"])).toMatchObject([{ open: 7_000_000_000n }]);
    await meter.accept([voiding("y", "4")], start);
    expect(meter.restart().meter.balances(["a"])).toMatchObject([{ accepted: 0n, open: 0n }]);
  });

  it("leaves other hours, agreements and dimensions out of the search for the next greatest", async () => {
    const meter = new TestMeter();
    const peak = dimension("peak", { aggregation: "max" });
    const other = dimension("other", { aggregation: "max" });
    const reading = (id: string, quantity: string, more: TestEvent = {}): TestEvent => ({
      id,
      quantity,
      time: start,
      dimension: peak,
      ...more,
    });
    await meter.accept(
      [
        reading("1", "2"),
        reading("2", "9"),
        reading("3", "5", { time: start - HOUR }),
        reading("4", "6", { agreement: "b" }),
        reading("5", "7", { dimension: other }),
      ],
      start,
    );
    await meter.accept([voiding("v", "2")], start);
    const [first] = meter.meter.balances(["a"]);
    expect(first).toMatchObject({ dimension: "peak", open: 7_000_000_000n });
  });
});
