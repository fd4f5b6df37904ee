import { allocationsOf, apportion, type Allocation } from "./allocations.ts";
import { draw, type Allowances } from "./allowance.ts";
import type { CountingRule, LatePolicy } from "./dimension.ts";
import {
  addTo,
  amountsOf,
  countIn,
  emptyBucket,
  noteLate,
  partsOf,
  quantityOf,
  takeFrom,
  totalOf,
  wholePartsOf,
  type Amounts,
  type HourBucket,
  type Usage,
} from "./hour-bucket.ts";
import { ACCEPTANCE_WINDOW, DELIVERY_MARGIN, HOUR, hourDeadline, hourOf, SECOND } from "./hours.ts";
import { formatQuantity, UNIT, type Nano } from "./quantity.ts";
import type { AgreementEnd } from "./usage-batch.ts";

/** AWS's `Quantity` is a 32-bit integer (AWS API reference, UsageRecord). */
export const MAX_RECORD_QUANTITY = 2_147_483_647n;

/** How long a product's hours stay open. Milliseconds. */
export interface SettleTimes {
  /** From the end of an hour. */
  readonly settle: number;
  /** From the newest arrival of usage for an hour that has ended. */
  readonly lateSettle: number;
}

/** A product's settings that counting depends on. */
export interface MeterSettings extends SettleTimes {
  /** How long an id counts once, from its arrival. Milliseconds. */
  readonly dedupeWindow: number;
  /** Dimensions of which no hour is sealed while it is not known what the customer's contract includes in it. */
  readonly awaitsAllowance: readonly string[];
}

/** Usage of another hour that a record bills. */
export interface LateUsage {
  /** Epoch milliseconds of the hour it was used in. */
  readonly hour: number;
  /** Exact decimal, in posted units. */
  readonly quantity: string;
}

/** An hour bucket frozen for AWS: the part of a metering record that counting decides. */
export interface SealedHour {
  readonly agreement: string;
  readonly dimension: string;
  /** Epoch milliseconds of the hour's start. */
  readonly hour: number;
  /** Epoch milliseconds, whole seconds, inside the hour. */
  readonly timestamp: number;
  /** Billed units, 1 to 2 147 483 647. */
  readonly quantity: number;
  /** Posted units that one billed unit is. */
  readonly divisor: number;
  readonly allocations: readonly Allocation[] | null;
  readonly late: readonly LateUsage[];
  /** Epoch milliseconds from which AWS may refuse the record. */
  readonly deadline: number;
}

/**
 * The books of one (agreement, dimension). At every moment
 * `accepted = sealed + carry + open + held + writtenOff + withheld`.
 */
export interface Account extends Allowances {
  readonly agreement: string;
  readonly dimension: string;
  readonly rule: CountingRule;
  accepted: Nano;
  /** In records that have not come back. */
  sealed: Nano;
  /** In records that have come back, since AWS did not take them; it is counted in an hour again. */
  rolled: Nano;
  /** What sealing left for the coming hours, per tag set; a set that was rounded up, or has credit, is below zero. */
  carry: Amounts;
  /** Late usage in the carry, for the record that will bill it. */
  late: Map<number, Nano>;
  readonly open: Map<number, HourBucket>;
  /** Late usage that waits for a person, by the hour it was used in. */
  readonly held: Map<number, HourBucket>;
  /** Held usage that a person has given up, by the hour it was used in. */
  readonly writtenOff: Map<number, Nano>;
  /** Decisions by their id, with the hour that they have moved usage to: what is heard twice is done once. */
  readonly decided: Map<string, number | null>;
  /** Hours with a frozen record. AWS keeps the first quantity for ever, so they take no more usage. */
  readonly frozen: Set<number>;
}

export function emptyAccount(agreement: string, dimension: string, rule: CountingRule): Account {
  return {
    agreement,
    dimension,
    rule,
    accepted: 0n,
    sealed: 0n,
    rolled: 0n,
    carry: new Map(),
    late: new Map(),
    open: new Map(),
    held: new Map(),
    writtenOff: new Map(),
    decided: new Map(),
    frozen: new Set(),
    terms: [],
    withheld: 0n,
    periods: new Map(),
  };
}

/** The next hour from this one on that may still take usage. */
export function nextOpenHour(account: Account, from: number): number {
  let hour = from;
  while (account.frozen.has(hour)) hour += HOUR;
  return hour;
}

/** When an event was used, and when it has come, epoch milliseconds; and its agreement's end, null while none is known. */
export interface Occasion {
  readonly time: number;
  readonly now: number;
  readonly end: AgreementEnd | null;
}

/**
 * The hour whose record will bill an event: its own, unless that is frozen or too near its deadline. Late usage
 * joins the hour it arrives in, where it has the whole of AWS's window before it. Of an agreement that has ended AWS
 * takes no record of a later time: its late usage joins the last hour of its own that is free.
 *
 * @returns `too_late` when no hour is left that could bill it
 */
export function billedHour(
  account: Account | null,
  late: LatePolicy,
  { time, now, end }: Occasion,
): number | "hold" | "reject" | "too_late" {
  const own = hourOf(time);
  if (takesUsage(account, own, now)) return own;
  // The current hour may be frozen, too, by an end that the customer has come back from: its usage is not late.
  if (late !== "carry_forward" && own < hourOf(now)) return late;
  const current = account === null ? hourOf(now) : nextOpenHour(account, hourOf(now));
  return end === null || current < end.at ? current : lastFreeHour(account, end, now);
}

const takesUsage = (account: Account | null, hour: number, now: number): boolean =>
  account?.frozen.has(hour) !== true && now < hourDeadline(hour) - DELIVERY_MARGIN;

function lastFreeHour(
  account: Account | null,
  { at, since }: AgreementEnd,
  now: number,
): number | "too_late" {
  const first = Math.max(hourOf(since), now - ACCEPTANCE_WINDOW);
  for (let hour = hourOf(at - 1); hour >= first; hour -= HOUR)
    if (takesUsage(account, hour, now)) return hour;
  return "too_late";
}

/** The open bucket of an hour, made when there is none. */
export function openBucket(account: Account, hour: number, latest: number, arrival: number): HourBucket {
  let bucket = account.open.get(hour);
  if (bucket === undefined) account.open.set(hour, (bucket = emptyBucket(latest, arrival)));
  bucket.latest = Math.max(bucket.latest, latest);
  bucket.newestArrival = Math.max(bucket.newestArrival, arrival);
  return bucket;
}

/** Which bucket takes an event. */
export interface Placing {
  /** Epoch milliseconds of its hour; null to hold the event. */
  readonly hour: number | null;
  readonly time: number;
  readonly arrival: number;
}

/** The bucket that takes an event, made when there is none. */
export function bucketFor(account: Account, placing: Placing): HourBucket {
  const { hour, time, arrival } = placing;
  if (hour !== null) return openBucket(account, hour, stampOf(placing), arrival);
  const own = hourOf(time);
  let held = account.held.get(own);
  if (held === undefined) account.held.set(own, (held = emptyBucket(time, arrival)));
  return held;
}

/** Counts an event in the bucket that takes it. */
export function count(account: Account, bucket: HourBucket, usage: Usage & Placing): void {
  const change = countIn(bucket, account.rule, usage);
  account.accepted += change;
  bucket.latest = Math.max(bucket.latest, stampOf(usage));
  const own = hourOf(usage.time);
  if (usage.hour !== null && own !== usage.hour) noteLate(bucket, own, change);
}

/** When an event is taken to have been used: for late usage when it arrived, inside the hour that bills it. */
function stampOf({ hour, time, arrival }: Placing): number {
  if (hour === null || hourOf(time) === hour) return time;
  return Math.min(Math.max(hour, arrival), hour + HOUR - SECOND);
}

/**
 * Seals one hour: withholds what the customer's contract includes of its exact quantity, freezes the whole billed units of
 * what is left together with the carry and keeps the rest as carry.
 * Whole units that one record cannot hold open the next hour, so that they are billed even if no usage follows. An
 * hour that nobody sealed while AWS would still take it joins the current hour as late usage.
 *
 * @param now epoch milliseconds
 * @returns null when no record is made: there is less than one whole unit, which waits in the carry, or it is too late
 */
export function seal(account: Account, hour: number, now: number): SealedHour | null {
  const bucket = account.open.get(hour);
  if (bucket === undefined) return null;
  account.open.delete(hour);
  if (now >= hourDeadline(hour) - DELIVERY_MARGIN) {
    joinCurrentHour(account, hour, bucket, now);
    return null;
  }
  const { carry, rule } = account;
  for (const [set, amount] of aboveAllowance(account, hour, bucket)) addTo(carry, set, amount);
  // What an hour comes to by another rule than adding up cannot be put together from two parts.
  if (rule.aggregation !== "sum") account.frozen.add(hour);

  const unit = UNIT * BigInt(rule.divisor);
  const whole = totalOf(carry) / unit;
  if (whole <= 0n) return null;
  const quantity = whole > MAX_RECORD_QUANTITY ? MAX_RECORD_QUANTITY : whole;
  const shares = apportion(quantity, carry, unit);
  for (const [set, share] of shares) addTo(carry, set, -share * unit);
  account.sealed += quantity * unit;
  account.frozen.add(hour);
  if (whole > quantity) {
    const next = nextOpenHour(account, hour + HOUR);
    if (!account.open.has(next)) openBucket(account, next, next, now);
  }
  const late = [...account.late]
    .toSorted(([a], [b]) => a - b)
    .map(([own, amount]) => ({ hour: own, quantity: formatQuantity(amount) }));
  account.late.clear();
  return {
    agreement: account.agreement,
    dimension: account.dimension,
    hour,
    timestamp: Math.floor(bucket.latest / SECOND) * SECOND,
    quantity: Number(quantity),
    divisor: rule.divisor,
    allocations: allocationsOf(shares),
    late,
    deadline: hourDeadline(hour),
  };
}

/**
 * What of an hour's usage the customer's contract does not include, by tag set: all of it draws on the allowance of the hour
 * in which it was used, whatever hour bills it.
 */
function aboveAllowance(account: Account, hour: number, bucket: HourBucket): Amounts {
  const amounts = amountsOf(bucket);
  let withheld = 0n;
  for (const [used, amount] of bucketParts(account, hour, bucket)) {
    const included = draw(account, used, amount);
    withheld += included;
    if (used !== hour && included < amount) noteLate(account, used, amount - included);
  }
  if (withheld !== 0n) takeFrom(amounts, withheld);
  return amounts;
}

/** Only of quantities that add up an hour may be open again that was sealed, and have less than nothing. */
const bucketParts = ({ rule }: Account, hour: number, bucket: HourBucket) =>
  (rule.aggregation === "sum" ? partsOf : wholePartsOf)(quantityOf(bucket), hour, bucket.late);

/** An hour that joins another one whole adds up with it, whatever the aggregation: it was an hour of its own. */
function joinCurrentHour(account: Account, hour: number, bucket: HourBucket, now: number): void {
  const current = nextOpenHour(account, hourOf(now));
  const target = openBucket(account, current, Math.max(current, now), now);
  for (const [set, amount] of amountsOf(bucket)) addTo(target.amounts, set, amount);
  for (const [used, amount] of bucketParts(account, hour, bucket)) noteLate(target, used, amount);
}
