import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { dimension, TestMeter, type TestEvent } from "./test-meter.ts";

const at = (text: string): number => Date.parse(`2026-11-${text}Z`);
const END = at("23T12:40:00");
const end = { at: END, since: at("01T00:00:00"), isOver: false };
const used = (time: number, overrides: TestEvent = {}): TestEvent => ({ time, end, ...overrides });
const late = used(at("23T12:35:00"));

/** A meter whose agreement has usage in the last so many hours before its end, all of them sealed. */
async function withSealedHours(count: number): Promise<TestMeter> {
  const meter = new TestMeter();
  for (let n = 0; n < count; n++) {
    const hour = at("23T12:00:00") - n * HOUR;
    await meter.accept([used(hour, { quantity: "1" })], hour + MINUTE);
  }
  for (const _slice of meter.meter.sealAgreements(["a"], END + MINUTE));
  expect(meter.seal(END + MINUTE)).toHaveLength(count);
  return meter;
}

describe("usage of an agreement that has ended", () => {
  it("is taken up to the end, and refused from its very millisecond on", async () => {
    const meter = new TestMeter();
    expect(await meter.accept([used(END - 1), used(END)], END + MINUTE)).toEqual([
      { status: "accepted" },
      { status: "agreement_ended", at: END },
    ]);
  });

  it("is refused altogether once the final hour is over", async () => {
    const meter = new TestMeter();
    const event = used(END - 1, { end: { ...end, isOver: true } });
    expect(await meter.accept([event], END + 2 * HOUR)).toEqual([{ status: "agreement_ended", at: END }]);
  });
});

describe("late usage of an agreement that has ended", () => {
  it("is counted in its own hour while that is open", async () => {
    const meter = new TestMeter();
    expect(await meter.accept([late], END + 10 * MINUTE)).toEqual([{ status: "accepted" }]);
  });

  it("joins the last hour of before the end that is free, stamped within it", async () => {
    const meter = await withSealedHours(3);
    const now = at("23T13:20:00");
    expect(await meter.accept([late], now)).toEqual([{ status: "late", hour: at("23T09:00:00") }]);
    for (const _slice of meter.meter.sealAgreements(["a"], now));
    expect(meter.seal(now)).toMatchObject([
      {
        hour: at("23T09:00:00"),
        timestamp: at("23T09:59:59"),
        quantity: 1,
        late: [{ hour: at("23T12:00:00"), quantity: "1" }],
      },
    ]);
  });

  it("goes to the hour it arrives in when that begins before the end", async () => {
    const meter = new TestMeter();
    await meter.accept([used(at("23T11:30:00"))], at("23T11:30:00"));
    meter.seal(at("23T12:15:00"));
    expect(await meter.accept([used(at("23T11:35:00"))], at("23T12:45:00"))).toEqual([
      { status: "late", hour: at("23T12:00:00") },
    ]);
  });

  it("is refused when no hour is left that AWS would take a record of", async () => {
    const meter = await withSealedHours(23);
    expect(await meter.accept([late], at("23T13:20:00"))).toEqual([{ status: "agreement_ended", at: END }]);
    expect(meter.books).toMatchObject({ accepted: "23", sealed: "23", open: "0" });
  });

  it("joins no hour of before the agreement's beginning", async () => {
    const begun = (time: number) => used(late.time ?? 0, { end: { ...end, since: time } });
    const meter = await withSealedHours(2);
    const now = at("23T13:20:00");
    expect(await meter.accept([begun(at("23T11:00:00"))], now)).toEqual([
      { status: "agreement_ended", at: END },
    ]);
    expect(await meter.accept([begun(at("23T10:59:59"))], now)).toEqual([
      { status: "late", hour: at("23T10:00:00") },
    ]);
  });

  it("waits for a person where its dimension says so", async () => {
    const meter = await withSealedHours(1);
    const held = used(at("23T12:35:00"), { dimension: dimension("d", { late: "hold" }) });
    expect(await meter.accept([held], at("23T13:20:00"))).toMatchObject([{ status: "held" }]);
  });
});
