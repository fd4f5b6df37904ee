import type { Dimension } from "./products.ts";

/** Each is a statement of the transaction that adds it, and a request has only so many of D1. */
export const MAX_DIMENSIONS = 200;

/** A dimension as an operator gives it: only its name is required. */
export type PostedDimension = Pick<Dimension, "name"> & {
  readonly [Setting in Exclude<keyof Dimension, "name">]?: Dimension[Setting] | undefined;
};

/** A dimension that is new: what was not said has its default. */
export function withDefaults(posted: PostedDimension): Dimension {
  const { name, aggregation = "sum", divisor = 1, uniqueTag = null } = posted;
  const { late = "carry_forward", included = null } = posted;
  return { name, aggregation, divisor, uniqueTag, late, included };
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

export type DimensionRefusal =
  /** What has been counted would get another meaning. */
  | { readonly ok: false; readonly reason: "counted_otherwise"; readonly dimension: Dimension }
  | { readonly ok: false; readonly reason: "too_many_dimensions"; readonly count: number }
  /** A new dimension that cannot be; `index` is its position among those that were posted. */
  | {
      readonly ok: false;
      readonly reason: "invalid_unique_tag";
      readonly index: number;
      readonly detail: string;
    };

export type DimensionChanges =
  | { readonly ok: true; readonly added: readonly Dimension[]; readonly changed: readonly Dimension[] }
  | DimensionRefusal;

/**
 * What posted dimensions change about those that are there. Of one that is there, what is not said stays as it is,
 * and only what becomes of late usage, and what a contract includes from now on, may be another.
 */
export function changesOf(there: readonly Dimension[], posted: readonly PostedDimension[]): DimensionChanges {
  const byName = new Map(there.map((dimension) => [dimension.name, dimension]));
  const added: Dimension[] = [];
  const changed: Dimension[] = [];
  for (const [index, wanted] of posted.entries()) {
    const known = byName.get(wanted.name);
    if (known === undefined) {
      const dimension = withDefaults(wanted);
      const detail = problemOfUniqueTag(dimension);
      if (detail !== null) return { ok: false, reason: "invalid_unique_tag", index, detail };
      added.push(dimension);
    } else if (!countsAlike(known, wanted)) {
      return { ok: false, reason: "counted_otherwise", dimension: known };
    } else {
      const { late = known.late, included = known.included } = wanted;
      const isOther = included?.by !== known.included?.by || included?.per !== known.included?.per;
      if (late !== known.late || isOther) changed.push({ ...known, late, included });
    }
  }
  const count = there.length + added.length;
  if (added.length > 0 && count > MAX_DIMENSIONS) return { ok: false, reason: "too_many_dimensions", count };
  return { ok: true, added, changed };
}

function countsAlike(known: Dimension, wanted: PostedDimension): boolean {
  const { aggregation = known.aggregation, divisor = known.divisor, uniqueTag = known.uniqueTag } = wanted;
  return aggregation === known.aggregation && divisor === known.divisor && uniqueTag === known.uniqueTag;
}
