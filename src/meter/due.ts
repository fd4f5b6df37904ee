import type { Account, MeterSettings } from "./account.ts";
import { termOf } from "./allowance.ts";
import { hoursOf, type HourBucket } from "./hour-bucket.ts";
import { DELIVERY_MARGIN, HOUR, hourDeadline } from "./hours.ts";

/**
 * Whether an hour is not to be sealed yet: that would bill what is included in it, or in another hour whose usage has joined
 * it, by a contract that has not been read.
 */
const isWaiting = (
  { terms, dimension }: Account,
  hour: number,
  bucket: HourBucket,
  { awaitsAllowance }: MeterSettings,
): boolean =>
  awaitsAllowance.includes(dimension) && hoursOf(hour, bucket).some((used) => termOf(terms, used) === null);

/**
 * When a bucket is to be sealed: its hour's end plus the settle time, put off by the late-settle time while usage
 * still arrives, but never beyond the middle of the time that is left to deliver it. While it waits for an allowance: when
 * it is too late for a record, and sealing makes the hour join the current one.
 */
export function sealTime(
  account: Account,
  hour: number,
  bucket: HourBucket,
  settings: MeterSettings,
): number {
  if (isWaiting(account, hour, bucket, settings)) return hourDeadline(hour) - DELIVERY_MARGIN;
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
 * The hours to be sealed at once of an account whose agreement ends. What waits for an allowance stays open even then:
 * what was billed although it is included cannot be taken back.
 */
export function lastHours(account: Account, settings: MeterSettings, now: number): number[] {
  return [...account.open]
    .filter(([hour, bucket]) => hour <= now && !isWaiting(account, hour, bucket, settings))
    .map(([hour]) => hour)
    .toSorted((a, b) => a - b);
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
