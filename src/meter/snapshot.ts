import type { Account } from "./account.ts";

type Amounts = [tagSet: string, amount: string][];

/** An account as JSON: amounts are decimal strings of billionths, times epoch milliseconds. */
export type EncodedAccount = [
  agreement: string,
  dimension: string,
  accepted: string,
  sealed: string,
  carry: Amounts,
  open: [hour: number, latest: number, firstArrival: number, newestArrival: number, amounts: Amounts][],
  frozen: number[],
];

const encodeAmounts = (amounts: ReadonlyMap<string, bigint>): Amounts =>
  [...amounts].map(([set, amount]) => [set, amount.toString()]);

const decodeAmounts = (amounts: Amounts): Map<string, bigint> =>
  new Map(amounts.map(([set, amount]) => [set, BigInt(amount)]));

export function encodeAccount(account: Account): EncodedAccount {
  return [
    account.agreement,
    account.dimension,
    account.accepted.toString(),
    account.sealed.toString(),
    encodeAmounts(account.carry),
    [...account.open].map(([hour, { latest, firstArrival, newestArrival, amounts }]) => [
      hour,
      latest,
      firstArrival,
      newestArrival,
      encodeAmounts(amounts),
    ]),
    [...account.frozen],
  ];
}

export function decodeAccount([
  agreement,
  dimension,
  accepted,
  sealed,
  carry,
  open,
  frozen,
]: EncodedAccount): Account {
  return {
    agreement,
    dimension,
    accepted: BigInt(accepted),
    sealed: BigInt(sealed),
    carry: decodeAmounts(carry),
    open: new Map(
      open.map(([hour, latest, firstArrival, newestArrival, amounts]) => [
        hour,
        { latest, firstArrival, newestArrival, amounts: decodeAmounts(amounts) },
      ]),
    ),
    frozen: new Set(frozen),
  };
}
