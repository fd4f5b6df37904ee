import { apportion, tagsOf, type TagSet } from "./allocations.ts";
import type { CountingRule } from "./dimension.ts";
import { UNIT, type Nano } from "./quantity.ts";

/** Amounts per tag set, in billionths; none is zero. */
export type Amounts = Map<TagSet, Nano>;

/** The event whose quantity is the hour's, for `max` and `last`. */
export interface Peak {
  readonly quantity: Nano;
  readonly time: number;
  readonly tagSet: TagSet;
}

/** What has been counted for one (agreement, dimension, hour) and is not frozen yet. */
export interface HourBucket {
  /** For `sum`, and for what joins an hour whole: quantities that add up. */
  readonly amounts: Amounts;
  /** For `max` and `last`. */
  peak: Peak | null;
  /** For `unique`: each value, with the tags that stand beside it. */
  readonly values: Map<string, TagSet>;
  /** Late usage in it: what it added, by the hour it was used in. */
  readonly late: Map<number, Nano>;
  /** Time of the latest usage in it (for late usage, of its arrival): becomes the record's timestamp. */
  latest: number;
  readonly firstArrival: number;
  newestArrival: number;
}

/** One event as a bucket counts it. */
export interface Usage {
  readonly quantity: Nano;
  readonly time: number;
  readonly tagSet: TagSet;
}

export function emptyBucket(latest: number, arrival: number): HourBucket {
  return {
    amounts: new Map(),
    peak: null,
    values: new Map(),
    late: new Map(),
    latest,
    firstArrival: arrival,
    newestArrival: arrival,
  };
}

export function addTo(amounts: Amounts, set: TagSet, amount: Nano): void {
  const sum = (amounts.get(set) ?? 0n) + amount;
  if (sum === 0n) amounts.delete(set);
  else amounts.set(set, sum);
}

export function totalOf(amounts: ReadonlyMap<unknown, Nano>): Nano {
  let sum = 0n;
  for (const amount of amounts.values()) sum += amount;
  return sum;
}

/** What the hour comes to, in billionths. */
export function quantityOf(bucket: HourBucket): Nano {
  return totalOf(bucket.amounts) + (bucket.peak?.quantity ?? 0n) + BigInt(bucket.values.size) * UNIT;
}

/** What the hour comes to, per tag set. */
export function amountsOf({ amounts, peak, values }: HourBucket): Amounts {
  const all = new Map(amounts);
  if (peak !== null) addTo(all, peak.tagSet, peak.quantity);
  for (const set of values.values()) addTo(all, set, UNIT);
  return all;
}

/** Counts an event in a bucket, and returns by how much the hour's quantity has changed. */
export function countIn(bucket: HourBucket, rule: CountingRule, usage: Usage): Nano {
  switch (rule.aggregation) {
    case "sum":
      addTo(bucket.amounts, usage.tagSet, usage.quantity);
      return usage.quantity;
    case "max":
    case "last":
      return raise(bucket, rule.aggregation, usage);
    case "unique": {
      const [value, rest] = splitTag(usage.tagSet, rule.uniqueTag);
      if (value === null || bucket.values.has(value)) return 0n;
      bucket.values.set(value, rest);
      return UNIT;
    }
  }
}

function raise(bucket: HourBucket, aggregation: "max" | "last", usage: Usage): Nano {
  const { peak } = bucket;
  if (peak !== null && !outranks(aggregation, usage, peak)) return 0n;
  bucket.peak = { quantity: usage.quantity, time: usage.time, tagSet: usage.tagSet };
  return usage.quantity - (peak?.quantity ?? 0n);
}

/** A strict order, so that an hour comes to the same in whatever order its events arrive. */
function outranks(aggregation: "max" | "last", usage: Usage, peak: Peak): boolean {
  if (aggregation === "last" && usage.time !== peak.time) return usage.time > peak.time;
  if (usage.quantity !== peak.quantity) return usage.quantity > peak.quantity;
  return usage.tagSet < peak.tagSet;
}

/** A tag's value, and the set without it. */
export function splitTag(set: TagSet, key: string | null): readonly [value: string | null, rest: TagSet] {
  const tags = tagsOf(set);
  const value = tags.find(([name]) => name === key)?.[1] ?? null;
  const rest = tags.filter(([name]) => name !== key);
  return [value, rest.length === 0 ? "" : JSON.stringify(rest)];
}

/** Notes what usage of another hour has added. */
export function noteLate(bucket: { readonly late: Map<number, Nano> }, hour: number, amount: Nano): void {
  bucket.late.set(hour, (bucket.late.get(hour) ?? 0n) + amount);
}

/**
 * A quantity by the hours in which it was used: the hour's own usage comes first, then the newest, since what has come back
 * in records is the oldest. A part is below zero where more was taken away than is there: of usage that was sealed before.
 *
 * @param late what of it was used in other hours
 */
export function partsOf(
  quantity: Nano,
  hour: number,
  late: ReadonlyMap<number, Nano>,
): (readonly [hour: number, amount: Nano])[] {
  const others = [...late].toSorted(([a], [b]) => b - a);
  const own = quantity - totalOf(late);
  return [[hour, own] as const, ...others].filter(([, amount]) => amount !== 0n);
}

/** {@link partsOf}, of what is known to be in no part below zero, though late usage may be noted so. */
export function wholePartsOf(
  quantity: Nano,
  hour: number,
  late: ReadonlyMap<number, Nano>,
): (readonly [hour: number, amount: Nano])[] {
  let rest = quantity;
  const whole = new Map<number, Nano>();
  for (const [used, noted] of [...late].toSorted(([a], [b]) => a - b)) {
    const amount = noted < rest ? noted : rest;
    if (amount > 0n) whole.set(used, amount);
    rest -= whole.get(used) ?? 0n;
  }
  return partsOf(quantity, hour, whole);
}

/** Takes an amount away from what tag sets have, or, below zero, gives it to those that have less than nothing. */
export function takeFrom(amounts: Amounts, amount: Nano): void {
  const sign = amount < 0n ? -1n : 1n;
  const there = new Map([...amounts].map(([set, part]) => [set, sign * part]));
  const most = [...there.values()].reduce((sum, part) => (part > 0n ? sum + part : sum), 0n);
  const taken = sign * amount < most ? sign * amount : most;
  for (const [set, share] of apportion(taken, there, 1n)) addTo(amounts, set, -sign * share);
  addTo(amounts, "", -amount + sign * taken);
}

/** The hours that a bucket holds usage of. */
export const hoursOf = (hour: number, { late }: Pick<HourBucket, "late">): number[] => [hour, ...late.keys()];
