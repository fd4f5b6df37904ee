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
