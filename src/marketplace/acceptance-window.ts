const hour = 3600;

/** AWS API reference, BatchMeterUsage (since 1 July 2026; six hours before): not accepted 24 hours or more after. */
const lookBack = 24 * hour;

/**
 * Until when BatchMeterUsage takes usage of a time: 24 hours later, but no later than 06:00 UTC on the first of the next
 * month, when AWS closes the month (API reference, BatchMeterUsage). An agreement's end can make it earlier still.
 *
 * AWS's pages contradict each other on whether the month's grace also lengthens the 24 hours; here it does not.
 *
 * @param timestamp the record's, in seconds since 1970
 * @returns seconds since 1970; a call that AWS reads at this very second is refused already
 */
export function acceptedUntil(timestamp: number): number {
  const at = new Date(timestamp * 1000);
  const monthClosed = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1, 6) / 1000;
  return Math.min(timestamp + lookBack, monthClosed);
}
