import type { EntitlementValue, Step } from "../../ledger/schema.ts";
import type { Entitlement } from "../../marketplace/index.ts";
import { SECOND } from "../../meter/hours.ts";
import { UNIT } from "../../meter/quantity.ts";

/** One of a customer's entitlements that is in force. Several of one dimension add up. */
export interface EntitlementInForce extends EntitlementValue {
  /** AWS's API name of the contract's dimension. */
  readonly dimension: string;
}

/** What is in force of what AWS has said. */
export function inForce(said: readonly Entitlement[], now: number): EntitlementInForce[] {
  return said.flatMap(({ Dimension, Value = {}, ExpirationDate }) => {
    const value = Value.IntegerValue ?? Value.DoubleValue ?? Value.BooleanValue ?? Value.StringValue ?? null;
    if (Dimension === undefined || value === null) return [];
    const expiresAt = ExpirationDate === undefined ? null : Math.round(ExpirationDate * SECOND);
    return expiresAt !== null && expiresAt <= now ? [] : [{ dimension: Dimension, value, expiresAt }];
  });
}

/** One of each dimension: where AWS has several, their numbers add up, until the first of them ends. */
export function totalsByDimension(parts: readonly EntitlementInForce[]): EntitlementInForce[] {
  const byDimension = new Map<string, EntitlementInForce>();
  for (const { dimension, value, expiresAt } of parts) {
    const before = byDimension.get(dimension);
    const sum = typeof before?.value === "number" && typeof value === "number" ? before.value + value : value;
    const ends = [before?.expiresAt, expiresAt].filter((end) => typeof end === "number");
    byDimension.set(dimension, {
      dimension,
      value: sum,
      expiresAt: ends.length === 0 ? null : Math.min(...ends),
    });
  }
  return [...byDimension.values()].toSorted((a, b) => (a.dimension < b.dimension ? -1 : 1));
}

/**
 * How much parts of one dimension include together, step by step as they end.
 *
 * @param divisor posted units that one unit of the contract is
 */
export function stepsOf(parts: readonly EntitlementInForce[], divisor: number): Step[] {
  const ends = [...new Set(parts.map(({ expiresAt }) => expiresAt ?? Infinity))].toSorted((a, b) => a - b);
  const steps: Step[] = [];
  for (const end of ends) {
    const values = parts.filter(({ expiresAt }) => (expiresAt ?? Infinity) >= end).map(({ value }) => value);
    const quantity = (wholeUnits(values) * BigInt(divisor) * UNIT).toString();
    // What includes the same as what follows is no step.
    if (steps.at(-1)?.quantity === quantity) steps.pop();
    steps.push({ until: end === Infinity ? null : end, quantity });
  }
  return steps;
}

/** Contracts are sold in whole units; what is no number includes none. */
function wholeUnits(values: readonly EntitlementValue["value"][]): bigint {
  const sum = values.reduce<number>((sum, value) => (typeof value === "number" ? sum + value : sum), 0);
  return sum > 0 ? BigInt(Math.floor(sum)) : 0n;
}
