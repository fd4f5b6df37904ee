import type { Account } from "./account.ts";
import { draw } from "./allowance.ts";
import {
  addTo,
  amountsOf,
  countIn,
  emptyBucket,
  noteLate,
  quantityOf,
  splitTag,
  takeFrom,
  totalOf,
  type Amounts,
  type HourBucket,
} from "./hour-bucket.ts";
import { hourOf } from "./hours.ts";
import { lineAt, lineCount, type Line, type Lines, type Voiding } from "./lines.ts";
import { jsonNano } from "./quantity.ts";

/** No producer's id holds a NUL: behind one, the index keeps which ids have been voided. */
export const VOIDED = "\u0000";

/**
 * The events beside this one that its bucket has counted and nobody has voided.
 *
 * @param all lines in which they are
 */
export function* othersOf(
  all: Iterable<Lines>,
  { agreement, dimension, id, hour, time }: Line,
  isVoided: (line: Line) => boolean,
): Generator<Line> {
  for (const lines of all) {
    const agreementIndex = lines.agreements.indexOf(agreement);
    if (agreementIndex === -1) continue;
    for (let index = 0; index < lineCount(lines); index++) {
      if (lines.agreement[index] !== agreementIndex) continue;
      const line = lineAt(lines, index);
      if (line.dimension !== dimension || line.hour !== hour || line.id === id) continue;
      if (hour === null && hourOf(line.time) !== hourOf(time)) continue;
      if (line.voiding !== null || line.id.startsWith(VOIDED)) continue;
      if (!isVoided(line)) yield line;
    }
  }
}

/** The bucket that counted an event, while it is open. */
export function bucketOf(
  account: Account,
  { hour, time }: Pick<Line, "hour" | "time">,
): HourBucket | undefined {
  return hour === null ? account.held.get(hourOf(time)) : account.open.get(hour);
}

/**
 * Works out what voiding an event takes away: its quantity from a sum, and from other aggregations the difference
 * that the hour makes without it.
 *
 * @param others the other events that the same bucket has counted and that are not voided; asked only when they matter
 */
export function voidingOf(account: Account, target: Line, others: () => Iterable<Line>): Voiding {
  const bucket = bucketOf(account, target);
  const open = bucket !== undefined;
  const { aggregation, uniqueTag } = account.rule;
  if (aggregation === "sum") {
    return { target: target.id, open, minus: [[target.tagSet, target.quantity]] };
  }
  if (bucket !== undefined && !decides(account, bucket, target))
    return { target: target.id, open, minus: [] };

  const without = emptyBucket(0, 0);
  for (const line of others()) countIn(without, account.rule, usageOf(line));
  if (open && aggregation !== "unique") {
    const { peak } = without;
    return {
      target: target.id,
      open,
      minus: [],
      peak: peak === null ? null : [jsonNano(peak.quantity), peak.time, peak.tagSet],
    };
  }
  if (open) {
    const [value] = splitTag(target.tagSet, uniqueTag);
    return {
      target: target.id,
      open,
      minus: [],
      ...(value !== null && !without.values.has(value) && { value }),
    };
  }
  const withIt = emptyBucket(0, 0);
  for (const line of others()) countIn(withIt, account.rule, usageOf(line));
  countIn(withIt, account.rule, usageOf(target));
  const minus = amountsOf(withIt);
  for (const [set, amount] of amountsOf(without)) addTo(minus, set, -amount);
  return { target: target.id, open, minus: [...minus].map(([set, amount]) => [set, jsonNano(amount)]) };
}

const usageOf = ({ quantity, time, tagSet }: Line) => ({ quantity: BigInt(quantity), time, tagSet });

/** Whether an open hour's quantity may rest on this event. */
function decides({ rule }: Account, { peak }: HourBucket, { time, quantity }: Line): boolean {
  return (
    rule.aggregation === "unique" ||
    (peak !== null && peak.time === time && peak.quantity === BigInt(quantity))
  );
}

/**
 * Takes away what a voiding says: from the bucket that had counted it; or, once that is sealed, from what is withheld, as far
 * as its period has used less now, and as a credit from the carry.
 */
export function applyVoiding(
  account: Account,
  { hour, time }: Pick<Line, "hour" | "time">,
  voiding: Voiding,
): void {
  const bucket = voiding.open ? bucketOf(account, { hour, time }) : undefined;
  if (bucket === undefined) {
    const minus: Amounts = new Map(voiding.minus.map(([set, amount]) => [set, BigInt(amount)]));
    const amount = totalOf(minus);
    account.accepted -= amount;
    // What was given up has never been billed: there is nothing to give credit for.
    const givenUp = hour === null ? account.writtenOff.get(hourOf(time)) : undefined;
    if (givenUp !== undefined) account.writtenOff.set(hourOf(time), givenUp - amount);
    else {
      takeFrom(minus, -draw(account, hourOf(time), -amount));
      for (const [set, part] of minus) addTo(account.carry, set, -part);
    }
    return;
  }
  const before = quantityOf(bucket);
  for (const [set, amount] of voiding.minus) addTo(bucket.amounts, set, -BigInt(amount));
  if (voiding.value !== undefined) bucket.values.delete(voiding.value);
  if (voiding.peak !== undefined) {
    const { peak } = voiding;
    bucket.peak = peak === null ? null : { quantity: BigInt(peak[0]), time: peak[1], tagSet: peak[2] };
  }
  const change = quantityOf(bucket) - before;
  account.accepted += change;
  if (hour !== null && hourOf(time) !== hour && change !== 0n) noteLate(bucket, hourOf(time), change);
}
