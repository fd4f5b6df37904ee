import type { Term } from "../../../src/meter/allowance.ts";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { dimension, TestMeter, type TestEvent } from "./test-meter.ts";

export const start = Date.parse("2026-11-23T10:00:00Z");
/** When an hour is sealed. */
export const sealingOf = (hour: number) => hour + HOUR + 10 * MINUTE;
/** A meter of one account whose contract includes something, a decimal. */
export async function allowed(quantity: string, per: Term["per"], counted = dimension("d")) {
  const meter = new TestMeter();
  await meter.tell([{ quantity, per, since: start }], start, counted);
  return meter;
}

/** Uses so much in an hour, and seals it. */
export async function use(meter: TestMeter, hour: number, quantity: string, event: TestEvent = {}) {
  await meter.accept([{ quantity, time: hour, ...event }], hour + MINUTE);
  return meter.seal(sealingOf(hour)).map((record) => record.quantity);
}
