/**
 * The hours AWS Marketplace meters by, and until when it accepts them. All times are epoch milliseconds.
 */

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** How long after the usage BatchMeterUsage accepts it: 24 hours (AWS API reference, BatchMeterUsage). */
export const ACCEPTANCE_WINDOW = 24 * HOUR;

/** Usage of a month is accepted until 06:00 UTC on the 1st of the next (AWS API reference, BatchMeterUsage). */
const MONTH_GRACE = 6 * HOUR;

/** How far ahead of our clock a producer's may be. */
export const FUTURE_TOLERANCE = 5 * MINUTE;

/** For how long an hour is remembered: as long as its usage is accepted, AWS's 24 hours, counted from the hour's end. */
export const HOUR_MEMORY = ACCEPTANCE_WINDOW + HOUR;

/** An hour that is nearer to its deadline than this takes no more usage: sealing and sending need time too. */
export const DELIVERY_MARGIN = 30 * MINUTE;

/** The start of the UTC hour that a time lies in. */
export function hourOf(time: number): number {
  return Math.floor(time / HOUR) * HOUR;
}

/**
 * The instant from which AWS refuses usage of this time: 24 hours later, or 06:00 UTC on the 1st of the next
 * month, whichever comes first.
 */
export function acceptanceDeadline(time: number): number {
  return Math.min(time + ACCEPTANCE_WINDOW, monthAt(time).end + MONTH_GRACE);
}

/** The start of the UTC month that a time lies in. */
export function monthStart(time: number): number {
  return monthAt(time).start;
}

/** The month asked for last: nearly all usage is of one, and taking a date apart for each event is slow. */
let month = monthOf(0);

function monthAt(time: number): typeof month {
  if (time < month.start || time >= month.end) month = monthOf(time);
  return month;
}

function monthOf(time: number): { readonly start: number; readonly end: number } {
  const date = new Date(time);
  const [year, index] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { start: Date.UTC(year, index, 1), end: Date.UTC(year, index + 1, 1) };
}

/**
 * The instant by which a record of this hour must be with AWS. Counted from the hour's start, because AWS does
 * not say whether it compares the record's own timestamp or the hour that it cuts it down to.
 */
export function hourDeadline(hour: number): number {
  return acceptanceDeadline(hour);
}
