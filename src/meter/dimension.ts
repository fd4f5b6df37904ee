/** How the usage of one hour becomes one quantity. */
export const aggregations = ["sum", "max", "last", "unique"] as const;

/**
 * - `sum`: all quantities together
 * - `max`: the greatest quantity
 * - `last`: the quantity with the latest event time
 * - `unique`: how many different values a tag has
 */
export type Aggregation = (typeof aggregations)[number];

export const latePolicies = ["carry_forward", "hold", "reject"] as const;

/**
 * What becomes of usage for an hour whose record is frozen:
 *
 * - `carry_forward`: it joins the next open hour
 * - `hold`: it is counted and waits for a person
 * - `reject`: it is refused
 */
export type LatePolicy = (typeof latePolicies)[number];

/** How a dimension is counted. Fixed once it has been: another rule would change what has been counted means. */
export interface CountingRule {
  readonly aggregation: Aggregation;
  /** Posted units that make one billed unit: post bytes, bill GB. 1 to 10^15. */
  readonly divisor: number;
  /** The tag whose different values are counted, for `unique`. */
  readonly uniqueTag: string | null;
}

/** The counting rule of what has one, and nothing else of it. */
export function ruleOf({ aggregation, divisor, uniqueTag }: CountingRule): CountingRule {
  return { aggregation, divisor, uniqueTag };
}
