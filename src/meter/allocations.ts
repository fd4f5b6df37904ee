import type { Nano } from "./quantity.ts";

/**
 * One distinct set of tags in canonical form: a JSON array of [key, value] pairs ordered by key, `""` for usage
 * without tags. Equal sets have equal keys, so that AWS never sees a tag set twice in a record.
 */
export type TagSet = string;

export type Tags = Readonly<Record<string, string>>;

/** One AWS `UsageAllocation`: whole units of the record's quantity that belong to a tag set. */
export interface Allocation {
  readonly quantity: number;
  readonly tags: readonly (readonly [key: string, value: string])[];
}

/** AWS takes at most 2500 allocations a record (AWS API reference, UsageRecord). */
const MAX_ALLOCATIONS = 2500;

/** A call must stay under 1 MB (AWS API reference, BatchMeterUsage), so a record's allocations stay under this. */
const MAX_ALLOCATION_BYTES = 900_000;

/** What AWS's attribute names and punctuation add to a tag set of five tags on the wire. */
const WIRE_OVERHEAD_BYTES = 110;

/** The canonical form of a tag set. */
export function tagSetOf(tags: Tags | null | undefined): TagSet {
  if (tags === undefined || tags === null) return "";
  const pairs = Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? "" : JSON.stringify(pairs);
}

/** The tags of a set, ordered by key. */
export function tagsOf(set: TagSet): Allocation["tags"] {
  return set === "" ? [] : (JSON.parse(set) as [string, string][]);
}

/**
 * Splits a record's whole quantity over its tag sets by largest remainder: the shares are whole, never negative,
 * and add up to the quantity exactly. What a set is owed beyond its share, or has been given ahead of it, is for
 * the caller to carry, so that over the hours each set gets what it used.
 *
 * @param quantity whole units to split; at most the sum of the amounts
 * @param amounts what each tag set has used and not been billed, in billionths; may be below zero
 * @param unit billionths that one whole unit is
 */
export function apportion(
  quantity: bigint,
  amounts: ReadonlyMap<TagSet, Nano>,
  unit: Nano,
): Map<TagSet, bigint> {
  const shares = new Map<TagSet, bigint>();
  let left = quantity;
  for (const [set, amount] of amounts) {
    const whole = amount > 0n ? amount / unit : 0n;
    const share = whole < left ? whole : left;
    shares.set(set, share);
    left -= share;
  }
  if (left === 0n) return shares;

  const remainder = (set: TagSet): Nano => (amounts.get(set) ?? 0n) - (shares.get(set) ?? 0n) * unit;
  const byRemainder = [...shares.keys()].toSorted((a, b) => {
    const difference = remainder(b) - remainder(a);
    if (difference !== 0n) return difference > 0n ? 1 : -1;
    return a < b ? -1 : 1;
  });
  // Every whole part is taken, so less than one unit a set is left.
  for (const set of byRemainder.slice(0, Number(left))) shares.set(set, (shares.get(set) ?? 0n) + 1n);
  return shares;
}

/**
 * The allocations of a record: the shares above zero, the largest first. What does not fit AWS's limits is
 * reported without tags, so that the sum stays the record's quantity.
 *
 * @returns null when no usage in the record was tagged
 */
export function allocationsOf(shares: ReadonlyMap<TagSet, bigint>): Allocation[] | null {
  const tagged = [...shares]
    .filter(([set, share]) => set !== "" && share > 0n)
    .toSorted(([a, x], [b, y]) => (x === y ? (a < b ? -1 : 1) : x > y ? -1 : 1));
  if (tagged.length === 0) return null;

  const allocations: Allocation[] = [];
  let bytes = 0;
  let untagged = shares.get("") ?? 0n;
  for (const [set, share] of tagged) {
    // AWS's tag characters are ASCII, so a character is a byte.
    bytes += set.length + WIRE_OVERHEAD_BYTES;
    if (allocations.length < MAX_ALLOCATIONS - 1 && bytes <= MAX_ALLOCATION_BYTES) {
      allocations.push({ quantity: Number(share), tags: tagsOf(set) });
    } else {
      untagged += share;
    }
  }
  if (untagged > 0n) allocations.push({ quantity: Number(untagged), tags: [] });
  return allocations;
}
