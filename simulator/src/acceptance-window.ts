import { hourMilliseconds, hourOf } from "./clock.ts";
import type { Switches } from "./switches.ts";

/**
 * Whether usage of a time may still be reported (AWS API reference, BatchMeterUsage): less than 24 hours old, and usage
 * of a month only until 06:00 UTC on the 1st of the next.
 *
 * @param timestamp epoch milliseconds
 */
export function isInWindow(timestamp: number, now: number, windowHours: number, switches: Switches): boolean {
  if (timestamp > now + switches.futureSkewSeconds * 1000) return false;
  const aged = switches.windowBasis === "hour" ? hourOf(timestamp) : timestamp;
  const isYoung = now - aged < windowHours * hourMilliseconds;
  if (isSameMonth(timestamp, now) || timestamp > now) return isYoung;
  const isInGrace = now < startOfNextMonth(timestamp) + 6 * hourMilliseconds;
  return isInGrace && (isYoung || switches.monthGrace === "extend");
}

function isSameMonth(a: number, b: number): boolean {
  return startOfNextMonth(a) === startOfNextMonth(b);
}

function startOfNextMonth(time: number): number {
  const date = new Date(time);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}
