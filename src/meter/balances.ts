import type { Account } from "./account.ts";
import { quantityOf, totalOf, type HourBucket } from "./hour-bucket.ts";
import type { Nano } from "./quantity.ts";

/** One line of the conservation, in billionths of a posted unit. */
export interface AccountBalance {
  readonly agreement: string;
  readonly dimension: string;
  /** Posted units that one billed unit is. */
  readonly divisor: number;
  readonly accepted: Nano;
  readonly open: Nano;
  readonly carry: Nano;
  readonly held: Nano;
  /** In records that have not come back. */
  readonly sealed: Nano;
  /** In records that have come back. */
  readonly rolled: Nano;
  /** Held usage that was given up. */
  readonly writtenOff: Nano;
}

/** Where the accepted usage of an account is: `accepted = sealed + carry + open + held + writtenOff`. */
export function balanceOf(account: Account): AccountBalance {
  const { agreement, dimension, rule, accepted, sealed, rolled, carry, open, held, writtenOff } = account;
  return {
    agreement,
    dimension,
    divisor: rule.divisor,
    accepted,
    sealed,
    rolled,
    writtenOff: totalOf(writtenOff),
    carry: totalOf(carry),
    open: sumOf(open),
    held: sumOf(held),
  };
}

function sumOf(buckets: ReadonlyMap<number, HourBucket>): Nano {
  let sum = 0n;
  for (const bucket of buckets.values()) sum += quantityOf(bucket);
  return sum;
}
