import { tagsOf, type TagSet } from "./allocations.ts";
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
  /** Of the quantities that add up: what has come back in records that AWS did not take. */
  returned: Nano;
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
    returned: 0n,
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
 * The late usage of a bucket of which so much is not billed: the hour's own usage goes first, then the newest, since
 * what has come back in records is the oldest.
 */
export function lateBeyond(bucket: HourBucket, withheld: Nano): ReadonlyMap<number, Nano> {
  if (withheld === 0n) return bucket.late;
  const late = new Map(bucket.late);
  let cut = withheld - (quantityOf(bucket) - totalOf(late));
  for (const hour of [...late.keys()].toSorted((a, b) => b - a)) {
    if (cut <= 0n) break;
    const amount = late.get(hour) ?? 0n;
    if (amount > cut) late.set(hour, amount - cut);
    else late.delete(hour);
    cut -= amount;
  }
  return late;
}
