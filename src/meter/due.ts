import type { Account, MeterSettings } from "./account.ts";
import type { HourBucket } from "./hour-bucket.ts";
import { DELIVERY_MARGIN, HOUR, hourDeadline } from "./hours.ts";

/** Whether an account's hours are not to be sealed yet: that would bill what its contract, not read yet, includes. */
const isWaiting = (
  { allowance, isAwaited, dimension }: Account,
  { awaitsAllowance }: MeterSettings,
): boolean => (allowance === null || isAwaited) && awaitsAllowance.includes(dimension);

/**
 * When a bucket is to be sealed: its hour's end plus the settle time, put off by the late-settle time while usage
 * still arrives, but never beyond the middle of the time that is left to deliver it. While its account waits for an
 * allowance: when it is too late for a record, and sealing makes the hour join the current one.
 */
export function sealTime(
  account: Account,
  hour: number,
  bucket: HourBucket,
  settings: MeterSettings,
): number {
  if (isWaiting(account, settings)) return hourDeadline(hour) - DELIVERY_MARGIN;
  const end = hour + HOUR;
  const late = bucket.newestArrival > end ? bucket.newestArrival + settings.lateSettle : 0;
  const opened = Math.max(end, bucket.firstArrival);
  const latest = opened + (hourDeadline(hour) - opened) / 2;
  return Math.min(Math.max(end + settings.settle, late), latest);
}

/** The hours of an account whose time to be sealed has come, oldest first, so that a carry moves forward in time. */
export function dueHours(account: Account, settings: MeterSettings, now: number): number[] {
  return [...account.open]
    .filter(([hour, bucket]) => sealTime(account, hour, bucket, settings) <= now)
    .map(([hour]) => hour)
    .toSorted((a, b) => a - b);
}

/**
 * The hours to be sealed at once of an account whose agreement ends. One that waits for an allowance keeps them even
 * then: what was billed although it is included cannot be taken back.
 */
export function lastHours(account: Account, settings: MeterSettings, now: number): number[] {
  if (isWaiting(account, settings)) return [];
  return [...account.open.keys()].filter((hour) => hour <= now).toSorted((a, b) => a - b);
}

/** When the first of all open buckets is to be sealed; null when nothing is open. */
export function firstSealTime(accounts: Iterable<Account>, settings: MeterSettings): number | null {
  let first: number | null = null;
  for (const account of accounts) {
    for (const [hour, bucket] of account.open) {
      const time = sealTime(account, hour, bucket, settings);
      if (first === null || time < first) first = time;
    }
  }
  return first;
}
