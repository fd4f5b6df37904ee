import type { RequestFault } from "./errors.ts";
import type { Tag, UsageAllocation } from "./model.ts";

/** Why a request may not leave: the place, and the rule as a clause: "must be …". */
export type Fault = RequestFault & { readonly rule: string };

/** Looks at one value. Null when it keeps the rule. */
type Check = (field: string, value: unknown) => Fault | null;

/** AWS's 32-bit integer, the most that one quantity can be. */
export const maxQuantity = 2_147_483_647;
export const maxAllocations = 2500;
export const maxTags = 5;

export function fault(field: string, rule: string, record: number | null = null): Fault {
  return { record, field, rule };
}

/** The first fault of several checks that are made only as far as needed. */
export function firstFault(...checks: readonly (() => Fault | null)[]): Fault | null {
  for (const check of checks) {
    const found = check();
    if (found !== null) return found;
  }
  return null;
}

/** Allows a field to be absent. */
export function optional(check: Check): Check {
  return (field, value) => (value === undefined ? null : check(field, value));
}

/** A string of `min` to `max` characters (code points, as in AWS's models) in which `pattern`, if any, holds. */
export function text(
  min: number,
  max: number,
  pattern?: { readonly is: RegExp; readonly words: string },
): Check {
  return (field, value) => {
    if (typeof value !== "string") return fault(field, "must be a string");
    // No string has more code points than code units, so a long one is counted only when it matters.
    const length = value.length > max ? Array.from(value).length : value.length;
    if (length < min || length > max) {
      return fault(field, `must have ${min} to ${max} characters; it has ${length}`);
    }
    return pattern === undefined || pattern.is.test(value) ? null : fault(field, `must ${pattern.words}`);
  };
}

/** An integer of `min` to `max`. */
export function integer(min: number, max: number): Check {
  return (field, value) => {
    const fits = typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
    return fits ? null : fault(field, `must be an integer from ${min} to ${max}`);
  };
}

/** The year 5138 in seconds, 1973 in milliseconds. */
const largestSeconds = 100_000_000_000;

/** Seconds since 1970. Milliseconds, the usual mistake, are recognised by their size. */
export const timestamp: Check = (field, value) => {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
    return fault(field, "must be a number of seconds since 1970");
  }
  return value < largestSeconds
    ? null
    : fault(field, "must be in seconds since 1970; it looks like milliseconds");
};

/**
 * The characters that AWS names for tags. Its pattern (`+ -=`) reads as a range that would admit more; which of the
 * two AWS applies is unknown, so only what both allow is sent.
 */
const tagText = {
  is: /^[a-zA-Z0-9+ \-=._:/@]+$/,
  words: "consist of letters, digits, spaces and + - = . _ : / @",
};
const tagKey = text(1, 100, tagText);
const tagValue = text(1, 256, tagText);
const allocated = integer(0, maxQuantity);

function checkTags(field: string, tags: readonly Tag[]): Fault | null {
  if (tags.length < 1 || tags.length > maxTags) {
    return fault(field, `must hold 1 to ${maxTags} tags; leave it out for usage without tags`);
  }
  for (const [index, { Key, Value }] of tags.entries()) {
    const found = tagKey(`${field}[${index}].Key`, Key) ?? tagValue(`${field}[${index}].Value`, Value);
    if (found !== null) return found;
  }
  const keys = new Set(tags.map(({ Key }) => Key));
  return keys.size === tags.length ? null : fault(field, "must not name one key twice");
}

/** Tag sets are equal whatever their order. */
function tagSet(tags: readonly Tag[] = []): string {
  return JSON.stringify(
    tags.map(({ Key, Value }) => [Key, Value]).toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
  );
}

function checkEachAllocation(field: string, allocations: readonly UsageAllocation[]): Fault | null {
  const seen = new Map<string, number>();
  for (const [index, { AllocatedUsageQuantity, Tags }] of allocations.entries()) {
    const place = `${field}[${index}]`;
    const found =
      allocated(`${place}.AllocatedUsageQuantity`, AllocatedUsageQuantity) ??
      (Tags === undefined ? null : checkTags(`${place}.Tags`, Tags));
    if (found !== null) return found;
    const set = tagSet(Tags);
    const earlier = seen.get(set);
    if (earlier !== undefined)
      return fault(`${place}.Tags`, `must differ from those of ${field}[${earlier}]`);
    seen.set(set, index);
  }
  return null;
}

/**
 * The allocations of one record (AWS API reference, UsageRecord and UsageAllocation; seller guide, "Vendor-metered
 * tagging"): 1 to 2500, tag sets all different, adding up to the quantity, and at most five distinct keys, because AWS
 * words that limit per allocation in one place and per record in another.
 */
export function checkAllocations(
  field: string,
  allocations: readonly UsageAllocation[],
  quantity: number,
): Fault | null {
  if (allocations.length < 1 || allocations.length > maxAllocations) {
    return fault(field, `must hold 1 to ${maxAllocations} allocations; it holds ${allocations.length}`);
  }
  const found = checkEachAllocation(field, allocations);
  if (found !== null) return found;
  const keys = new Set(allocations.flatMap(({ Tags = [] }) => Tags.map(({ Key }) => Key)));
  if (keys.size > maxTags) {
    return fault(field, `must use at most ${maxTags} tag keys; they use ${keys.size}`);
  }
  const sum = allocations.reduce((total, { AllocatedUsageQuantity }) => total + AllocatedUsageQuantity, 0);
  return sum === quantity
    ? null
    : fault(field, `must add up to the quantity ${quantity}; they add up to ${sum}`);
}
