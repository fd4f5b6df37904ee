import type { Account, SettleTimes } from "./account.ts";
import type { HourBucket } from "./hour-bucket.ts";
import { HOUR, hourDeadline } from "./hours.ts";

/**
 * When a bucket is to be sealed: its hour's end plus the settle time, put off by the late-settle time while usage
 * still arrives, but never beyond the middle of the time that is left to deliver it.
 */
export function sealTime(hour: number, bucket: HourBucket, settings: SettleTimes): number {
  const end = hour + HOUR;
  const late = bucket.newestArrival > end ? bucket.newestArrival + settings.lateSettle : 0;
  const opened = Math.max(end, bucket.firstArrival);
  const latest = opened + (hourDeadline(hour) - opened) / 2;
  return Math.min(Math.max(end + settings.settle, late), latest);
}

/** The hours of an account whose time to be sealed has come, oldest first, so that a carry moves forward in time. */
export function dueHours(account: Account, settings: SettleTimes, now: number): number[] {
  return [...account.open]
    .filter(([hour, bucket]) => sealTime(hour, bucket, settings) <= now)
    .map(([hour]) => hour)
    .toSorted((a, b) => a - b);
}

/** The hours to be sealed at once of an account whose agreement ends. */
export function lastHours(account: Account, now: number): number[] {
  return [...account.open.keys()].filter((hour) => hour <= now).toSorted((a, b) => a - b);
}

/** When the first of all open buckets is to be sealed; null when nothing is open. */
export function firstSealTime(accounts: Iterable<Account>, settings: SettleTimes): number | null {
  let first: number | null = null;
  for (const account of accounts) {
    for (const [hour, bucket] of account.open) {
      const time = sealTime(hour, bucket, settings);
      if (first === null || time < first) first = time;
    }
  }
  return first;
}
