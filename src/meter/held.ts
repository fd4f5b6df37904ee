import type { Account } from "./account.ts";
import { quantityOf } from "./hour-bucket.ts";
import type { Nano } from "./quantity.ts";

/** Late usage that is counted and waits for a person. */
export interface HeldUsage {
  readonly agreement: string;
  readonly dimension: string;
  /** Epoch milliseconds of the hour that it was used in. */
  readonly hour: number;
  /** When the first of it came, epoch milliseconds. */
  readonly since: number;
  readonly quantity: Nano;
}

export function heldUsageOf({ agreement, dimension, held }: Account): HeldUsage[] {
  return [...held].map(([hour, bucket]) => ({
    agreement,
    dimension,
    hour,
    since: bucket.firstArrival,
    quantity: quantityOf(bucket),
  }));
}
