import { apportion } from "./allocations.ts";
import { addTo, totalOf, type Amounts } from "./hour-bucket.ts";
import { HOUR, HOUR_MEMORY, monthStart } from "./hours.ts";
import type { Nano } from "./quantity.ts";

/** What a customer's contract includes of a dimension. */
export interface Allowance {
  /** Included in each period: posted units, in billionths. */
  readonly quantity: Nano;
  readonly per: "hour" | "month" | "term";
  /** Start of the contract's term, epoch milliseconds. */
  readonly since: number;
}

/** An allowance as JSON: the quantity by its digits. */
export type EncodedAllowance = Omit<Allowance, "quantity"> & { readonly quantity: string };

/** What an account knows of its allowance. */
export interface Withholding {
  /** Null until the contract has been read. */
  allowance: Allowance | null;
  /** What is known is of before the customer left: what the contract includes since the return is not known yet. */
  isAwaited: boolean;
  /** That of the term before, which hours of before still draw on; null while there was none. */
  former: Allowance | null;
  /** Usage that contracts have included: counted, in no record, and never billed. */
  withheld: Nano;
  /** Of it, by the start of its period: what may still count against an allowance. */
  readonly withheldIn: Map<number, Nano>;
}

/** No hour of a month is sealed so long after the month's start. */
const MONTH_MEMORY = 62 * 24 * HOUR;

export const encodeAllowance = ({ quantity, per, since }: Allowance): EncodedAllowance => ({
  quantity: quantity.toString(),
  per,
  since,
});

export const decodeAllowance = ({ quantity, per, since }: EncodedAllowance): Allowance => ({
  quantity: BigInt(quantity),
  per,
  since,
});

/** The period whose allowance an hour draws on, by its start. */
export function periodOf({ per, since }: Allowance, hour: number): number {
  switch (per) {
    case "hour":
      return hour;
    case "month":
      return monthStart(hour);
    case "term":
      return since;
  }
}

/**
 * Sets what the contract includes from now on, null while that is not known. Another term leaves the one before to the
 * hours of before.
 */
export function allow(account: Withholding, allowance: Allowance | null): void {
  account.isAwaited = allowance === null;
  if (allowance === null) return;
  const { allowance: before } = account;
  account.allowance = allowance;
  if (before === null || before.per !== "term" || allowance.per !== "term") account.former = null;
  else if (allowance.since > before.since) account.former = before;
}

/** The allowance that an hour draws on: an hour in which a term begins is of that term. */
function allowanceOf({ allowance, former }: Withholding, hour: number): Allowance | null {
  const isFormer = former !== null && allowance?.per === "term" && hour + HOUR <= allowance.since;
  return isFormer ? former : allowance;
}

/**
 * Takes from the carry what the allowance of an hour's period has left for the hour's usage. What the carry had before
 * was above an allowance when its hour was sealed, and stays to be billed.
 *
 * @param fresh usage of the hour that has been in no record, now in the carry
 * @returns how much was taken
 */
export function withhold(
  account: Withholding & { readonly carry: Amounts },
  hour: number,
  fresh: Nano,
): Nano {
  const { carry, withheldIn } = account;
  const allowance = allowanceOf(account, hour);
  if (allowance === null) return 0n;
  const period = periodOf(allowance, hour);
  const before = withheldIn.get(period) ?? 0n;
  // Credit in the carry has made up for a part of the fresh usage already.
  const amount = least(allowance.quantity - before, fresh, totalOf(carry));
  if (amount <= 0n) return 0n;
  for (const [set, share] of apportion(amount, carry, 1n)) addTo(carry, set, -share);
  account.withheld += amount;
  withheldIn.set(period, before + amount);
  return amount;
}

const least = (...amounts: readonly [Nano, ...Nano[]]): Nano => amounts.reduce((a, b) => (b < a ? b : a));

/**
 * Forgets what was withheld in periods that no hour is sealed into any more. Of terms the current one stays, and the
 * newest other, should that be set again.
 *
 * @param at epoch milliseconds
 */
export function forgetPeriods({ allowance, withheldIn }: Withholding, at: number): void {
  if (allowance === null) return;
  const others = [...withheldIn.keys()].filter((period) => period !== allowance.since);
  const oldest = {
    hour: at - HOUR_MEMORY,
    month: at - MONTH_MEMORY,
    term: Math.max(...others),
  }[allowance.per];
  for (const period of others) if (period < oldest) withheldIn.delete(period);
}
