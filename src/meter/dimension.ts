/**
 * How the usage of a dimension becomes the quantity of an hour's record:
 *
 * - `sum`: everything that was posted, added up
 * - `max`: the highest quantity that was posted for the hour
 * - `last`: the quantity with the latest time in the hour
 * - `unique`: how many distinct values of one tag the hour's usage has
 */
export const aggregations = ["sum", "max", "last", "unique"] as const;
export type Aggregation = (typeof aggregations)[number];

/**
 * What becomes of usage for an hour whose record is frozen, as long as AWS would take usage of that time:
 *
 * - `carry_forward`: it joins the hour in which it arrives, and the answer says so
 * - `hold`: it is kept aside and not billed until a person decides
 * - `reject`: it is refused, and counted nowhere
 */
export const latePolicies = ["carry_forward", "hold", "reject"] as const;
export type LatePolicy = (typeof latePolicies)[number];
