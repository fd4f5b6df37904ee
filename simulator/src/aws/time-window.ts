const HOUR = 3_600_000;

/** How long BatchMeterUsage looks back (AWS API reference, BatchMeterUsage). */
const WINDOW = 24 * HOUR;

/** The month before is taken until 06:00 UTC on the 1st (AWS API reference, BatchMeterUsage). */
const MONTH_GRACE = 6 * HOUR;

/** AWS does not say how far ahead a clock may be; five minutes are SigV4's own tolerance. */
const FUTURE_SKEW = 300_000;

/** The start of a time's UTC hour; epoch milliseconds. */
export const hourOf = (time: number): number => Math.floor(time / HOUR) * HOUR;

/** Whether AWS takes usage of this time now. */
export function acceptsTimestamp(time: number, now: number): boolean {
  if (now - time >= WINDOW || time > now + FUTURE_SKEW) return false;
  const date = new Date(now);
  const monthStart = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  return time >= monthStart || now < monthStart + MONTH_GRACE;
}
