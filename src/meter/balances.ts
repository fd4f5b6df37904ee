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
  /** Included in the customer's contract: not billed. */
  readonly withheld: Nano;
}

/** Where the accepted usage of an account is: `accepted = sealed + carry + open + held + writtenOff + withheld`. */
export function balanceOf(account: Account): AccountBalance {
  const { agreement, dimension, rule, accepted, sealed, rolled, carry, open, held } = account;
  return {
    agreement,
    dimension,
    divisor: rule.divisor,
    accepted,
    sealed,
    rolled,
    writtenOff: totalOf(account.writtenOff),
    withheld: account.withheld,
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

/** The balances of accounts of one dimension together, as those of an agreement without a name. */
export function addBalances(balances: readonly AccountBalance[]): AccountBalance[] {
  const sums = new Map<string, AccountBalance>();
  for (const balance of balances) {
    const sum = sums.get(balance.dimension);
    sums.set(balance.dimension, {
      ...balance,
      agreement: "",
      accepted: balance.accepted + (sum?.accepted ?? 0n),
      open: balance.open + (sum?.open ?? 0n),
      carry: balance.carry + (sum?.carry ?? 0n),
      held: balance.held + (sum?.held ?? 0n),
      sealed: balance.sealed + (sum?.sealed ?? 0n),
      rolled: balance.rolled + (sum?.rolled ?? 0n),
      writtenOff: balance.writtenOff + (sum?.writtenOff ?? 0n),
      withheld: balance.withheld + (sum?.withheld ?? 0n),
    });
  }
  return [...sums.values()];
}
