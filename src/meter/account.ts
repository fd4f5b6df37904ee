import { HOUR, hourDeadline, SECOND } from "./hours.ts";
import { allocationsOf, apportion, type Allocation, type TagSet } from "./allocations.ts";
import { UNIT, type Nano } from "./quantity.ts";

/** AWS's `Quantity` is a 32-bit integer (AWS API reference, UsageRecord). */
export const MAX_RECORD_QUANTITY = 2_147_483_647n;

/** How long a product's hours stay open. Milliseconds. */
export interface SettleTimes {
  /** From the end of an hour. */
  readonly settle: number;
  /** From the newest arrival of usage for an hour that has ended. */
  readonly lateSettle: number;
}

/** What has been counted for one (agreement, dimension, hour) and is not frozen yet. */
export interface HourBucket {
  readonly amounts: Map<TagSet, Nano>;
  /** Time of the latest usage in it (for late usage, of its arrival): becomes the record's timestamp. */
  latest: number;
  readonly firstArrival: number;
  newestArrival: number;
}

/** An hour bucket frozen for AWS: the part of a metering record that counting decides. */
export interface SealedHour {
  readonly agreement: string;
  readonly dimension: string;
  /** Epoch milliseconds of the hour's start. */
  readonly hour: number;
  /** Epoch milliseconds, whole seconds, inside the hour. */
  readonly timestamp: number;
  /** Whole units, 1 to 2 147 483 647. */
  readonly quantity: number;
  readonly allocations: readonly Allocation[] | null;
  /** Epoch milliseconds from which AWS may refuse the record. */
  readonly deadline: number;
}

/** The books of one (agreement, dimension). `accepted = sealed + carry + open` at every moment. */
export interface Account {
  readonly agreement: string;
  readonly dimension: string;
  accepted: Nano;
  sealed: Nano;
  /** What sealing left for the coming hours, per tag set; a set that was rounded up is below zero. */
  carry: Map<TagSet, Nano>;
  readonly open: Map<number, HourBucket>;
  /** Hours with a frozen record. AWS keeps the first quantity for ever, so they take no more usage. */
  readonly frozen: Set<number>;
}

export function emptyAccount(agreement: string, dimension: string): Account {
  return {
    agreement,
    dimension,
    accepted: 0n,
    sealed: 0n,
    carry: new Map(),
    open: new Map(),
    frozen: new Set(),
  };
}

export function total(amounts: ReadonlyMap<TagSet, Nano>): Nano {
  let sum = 0n;
  for (const amount of amounts.values()) sum += amount;
  return sum;
}

function add(amounts: Map<TagSet, Nano>, set: TagSet, amount: Nano): void {
  const sum = (amounts.get(set) ?? 0n) + amount;
  if (sum === 0n) amounts.delete(set);
  else amounts.set(set, sum);
}

export interface Counted {
  readonly tagSet: TagSet;
  readonly quantity: Nano;
  /** The bucket that takes it. */
  readonly hour: number;
  /** Inside that hour. */
  readonly time: number;
  readonly arrival: number;
}

/** Adds usage to its hour bucket, which it returns. */
export function count(account: Account, { tagSet, quantity, hour, time, arrival }: Counted): HourBucket {
  account.accepted += quantity;
  let bucket = account.open.get(hour);
  if (bucket === undefined) {
    bucket = { amounts: new Map(), latest: time, firstArrival: arrival, newestArrival: arrival };
    account.open.set(hour, bucket);
  }
  add(bucket.amounts, tagSet, quantity);
  bucket.latest = Math.max(bucket.latest, time);
  bucket.newestArrival = Math.max(bucket.newestArrival, arrival);
  return bucket;
}

/**
 * When a bucket is to be sealed: its hour's end plus the settle time, put off by the late-settle time while usage
 * still arrives, but never beyond the middle of the time that is left to deliver it.
 */
export function sealTime(hour: number, bucket: HourBucket, times: SettleTimes): number {
  const end = hour + HOUR;
  const late = bucket.newestArrival > end ? bucket.newestArrival + times.lateSettle : 0;
  const opened = Math.max(end, bucket.firstArrival);
  const latest = opened + (hourDeadline(hour) - opened) / 2;
  return Math.min(Math.max(end + times.settle, late), latest);
}

/**
 * Seals one hour: takes its exact sum and the carry, freezes the integer part and keeps the rest as carry. Whole
 * units that one record cannot hold open the next hour, so that they are billed even if no usage follows.
 *
 * @param now epoch milliseconds
 * @returns null when less than one whole unit is there: no record is made, so the hour is not frozen and its usage
 * waits in the carry
 */
export function seal(account: Account, hour: number, bucket: HourBucket, now: number): SealedHour | null {
  account.open.delete(hour);
  const amounts = account.carry;
  for (const [set, amount] of bucket.amounts) add(amounts, set, amount);

  const whole = total(amounts) / UNIT;
  if (whole <= 0n) return null;
  const quantity = whole > MAX_RECORD_QUANTITY ? MAX_RECORD_QUANTITY : whole;
  const shares = apportion(quantity, amounts);
  for (const [set, share] of shares) add(amounts, set, -share * UNIT);
  account.sealed += quantity * UNIT;
  account.frozen.add(hour);
  if (whole > quantity) openNextHour(account, hour, now);
  return {
    agreement: account.agreement,
    dimension: account.dimension,
    hour,
    timestamp: Math.floor(bucket.latest / SECOND) * SECOND,
    quantity: Number(quantity),
    allocations: allocationsOf(shares),
    deadline: hourDeadline(hour),
  };
}

function openNextHour(account: Account, after: number, now: number): void {
  let hour = after + HOUR;
  while (account.frozen.has(hour)) hour += HOUR;
  if (account.open.has(hour)) return;
  account.open.set(hour, { amounts: new Map(), latest: hour, firstArrival: now, newestArrival: now });
}
