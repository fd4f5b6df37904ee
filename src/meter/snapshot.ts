import type { Account } from "./account.ts";
import { decodeTerm, encodeTerm, type EncodedTerm } from "./allowance.ts";
import type { CountingRule } from "./dimension.ts";
import type { Amounts, HourBucket } from "./hour-bucket.ts";
import type { TagSet } from "./allocations.ts";

type EncodedAmounts = [tagSet: TagSet, amount: string][];

type EncodedBucket = [
  latest: number,
  firstArrival: number,
  newestArrival: number,
  amounts: EncodedAmounts,
  peak: [quantity: string, time: number, tagSet: TagSet] | null,
  values: [value: string, tagSet: TagSet][],
  late: [hour: number, amount: string][],
];

/**
 * An account as JSON: amounts are decimal strings of billionths, times epoch milliseconds. What a release has saved stays
 * readable: new fields come last, and may be absent.
 */
export type EncodedAccount = [
  agreement: string,
  dimension: string,
  rule: [aggregation: CountingRule["aggregation"], divisor: number, uniqueTag: string | null],
  accepted: string,
  sealed: string,
  carry: EncodedAmounts,
  late: [hour: number, amount: string][],
  open: [hour: number, bucket: EncodedBucket][],
  held: [hour: number, bucket: EncodedBucket][],
  frozen: number[],
  rolled: string,
  writtenOff: [hour: number, amount: string][],
  decided: [id: string, hour: number | null][],
  withheld: string,
  terms: EncodedTerm[],
  periods: [name: string, used: string, withheld: string][],
];

function encodeAmounts<Key>(amounts: ReadonlyMap<Key, bigint>): [Key, string][] {
  return [...amounts].map(([key, amount]) => [key, amount.toString()]);
}

function decodeAmounts<Key>(amounts: readonly (readonly [Key, string])[]): Map<Key, bigint> {
  return new Map(amounts.map(([key, amount]) => [key, BigInt(amount)]));
}

function encodeBucket(bucket: HourBucket): EncodedBucket {
  const { latest, firstArrival, newestArrival, amounts, peak, values, late } = bucket;
  return [
    latest,
    firstArrival,
    newestArrival,
    encodeAmounts(amounts),
    peak === null ? null : [peak.quantity.toString(), peak.time, peak.tagSet],
    [...values],
    encodeAmounts(late),
  ];
}

function decodeBucket(encoded: EncodedBucket): HourBucket {
  const [latest, firstArrival, newestArrival, amounts, peak, values, late] = encoded;
  return {
    latest,
    firstArrival,
    newestArrival,
    amounts: decodeAmounts(amounts) satisfies Amounts,
    peak: peak === null ? null : { quantity: BigInt(peak[0]), time: peak[1], tagSet: peak[2] },
    values: new Map(values),
    late: decodeAmounts(late),
  };
}

export function encodeAccount(account: Account): EncodedAccount {
  const { agreement, dimension, rule, accepted, sealed, carry, late, open, held, frozen } = account;
  const { rolled, writtenOff, decided, terms, withheld, periods } = account;
  return [
    agreement,
    dimension,
    [rule.aggregation, rule.divisor, rule.uniqueTag],
    accepted.toString(),
    sealed.toString(),
    encodeAmounts(carry),
    encodeAmounts(late),
    [...open].map(([hour, bucket]) => [hour, encodeBucket(bucket)]),
    [...held].map(([hour, bucket]) => [hour, encodeBucket(bucket)]),
    [...frozen],
    rolled.toString(),
    encodeAmounts(writtenOff),
    [...decided],
    withheld.toString(),
    terms.map(encodeTerm),
    [...periods].map(([name, { used, withheld }]) => [name, used.toString(), withheld.toString()]),
  ];
}

export function decodeAccount(encoded: EncodedAccount): Account {
  const [
    agreement,
    dimension,
    [aggregation, divisor, uniqueTag],
    accepted,
    sealed,
    carry,
    late,
    open,
    held,
    frozen,
    rolled,
    writtenOff,
    decided,
    withheld,
    terms,
    periods,
  ] = encoded;
  return {
    agreement,
    dimension,
    rule: { aggregation, divisor, uniqueTag },
    accepted: BigInt(accepted),
    sealed: BigInt(sealed),
    carry: decodeAmounts(carry),
    late: decodeAmounts(late),
    open: new Map(open.map(([hour, bucket]) => [hour, decodeBucket(bucket)])),
    held: new Map(held.map(([hour, bucket]) => [hour, decodeBucket(bucket)])),
    frozen: new Set(frozen),
    rolled: BigInt(rolled),
    writtenOff: decodeAmounts(writtenOff),
    decided: new Map(decided),
    terms: terms.map(decodeTerm),
    withheld: BigInt(withheld),
    periods: new Map(
      periods.map(([name, used, withheld]) => [name, { used: BigInt(used), withheld: BigInt(withheld) }]),
    ),
  };
}
