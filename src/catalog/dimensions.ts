import type { Dimension } from "./products.ts";

/** Each is a statement of the transaction that adds it, and a request has only so many of D1. */
export const MAX_DIMENSIONS = 200;

/** A dimension as an operator gives it: only its name is required. */
export type PostedDimension = Pick<Dimension, "name"> & {
  readonly [Setting in Exclude<keyof Dimension, "name">]?: Dimension[Setting] | undefined;
};

/** A dimension that is new: what was not said has its default. */
export function withDefaults(posted: PostedDimension): Dimension {
  const { name, aggregation = "sum", divisor = 1, uniqueTag = null, late = "carry_forward" } = posted;
  return { name, aggregation, divisor, uniqueTag, late };
}

/** What is wrong with the `uniqueTag` of a dimension; null when nothing is. */
export function problemOfUniqueTag({ aggregation, uniqueTag }: Dimension): string | null {
  if (aggregation === "unique" && uniqueTag === null) {
    return 'The aggregation "unique" needs a uniqueTag: the tag whose distinct values are counted.';
  }
  if (aggregation !== "unique" && uniqueTag !== null) {
    return `A uniqueTag goes with the aggregation "unique" only, and this dimension's is "${aggregation}"; leave one out.`;
  }
  return null;
}
