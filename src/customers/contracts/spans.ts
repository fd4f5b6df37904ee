import type { Step } from "../../ledger/schema.ts";
import type { EncodedTerm } from "../../meter/allowance.ts";
import { HOUR } from "../../meter/hours.ts";

/** Lists of terms and steps, oldest first, each from a time until another. Times are epoch milliseconds. */

/** No hour draws on a term that ended so long ago. */
const TERM_MEMORY = 62 * 24 * HOUR;

/** The beginning of the first hour from a time on. */
export const nextHour = (time: number): number => Math.ceil(time / HOUR) * HOUR;

/** The earlier of two ends; null is none. */
export const earlier = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);

/** The term, or the part of one, that is in force or was the last time. */
export const currentOf = (terms: readonly EncodedTerm[], now: number): EncodedTerm | undefined =>
  terms.findLast(({ since }) => since <= now) ?? terms[0];

/** The end of the whole term that a part is of. */
export const endOf = (terms: readonly EncodedTerm[], { began }: EncodedTerm): number | null =>
  terms.findLast((term) => term.began === began)?.until ?? null;

/** What is left of terms that end at a time. */
export const cut = (terms: readonly EncodedTerm[], at: number): EncodedTerm[] =>
  terms.filter(({ since }) => since < at).map((term) => ({ ...term, until: earlier(term.until, at) }));

/** The steps until a time, the last of them to that time. */
export function upTo(steps: readonly Step[], until: number | null): Step[] {
  if (until === null) return [...steps];
  const last = steps.findIndex((step) => step.until === null || step.until >= until);
  return steps.slice(0, last + 1).map((step) => ({ ...step, until: earlier(step.until, until) }));
}

/** The steps behind a time. */
export const behind = (steps: readonly Step[], time: number): Step[] =>
  steps.filter(({ until }) => until === null || until > time);

/** A term that includes what steps say, from a time on. */
export function lay(
  steps: readonly Step[],
  { since: from, began, per }: Pick<EncodedTerm, "since" | "began" | "per">,
): EncodedTerm[] {
  const terms: EncodedTerm[] = [];
  let since = from;
  for (const { until, quantity } of steps) {
    terms.push({ since, until, quantity, per, began });
    since = until ?? since;
  }
  return terms;
}

/** Without what no hour draws on any more; of the two newest terms everything stays. */
export function forget(terms: readonly EncodedTerm[], now: number): EncodedTerm[] {
  const newest = new Set([...new Set(terms.map(({ began }) => began))].slice(-2));
  return terms.filter(({ until, began }) => newest.has(began) || until === null || until > now - TERM_MEMORY);
}

/** Whether there is a time from now on at which steps include less than others. That there is an end, where none was known, is no less. */
export function isLess(steps: readonly Step[], than: readonly Step[], now: number): boolean {
  const end = steps.at(-1)?.until ?? null;
  const gotEnd = end !== null && than.at(-1)?.until === null;
  const times = [now, ...[...steps, ...than].flatMap(({ until }) => until ?? [])];
  return times.some((time) => {
    if (time < now || (gotEnd && time >= end)) return false;
    return quantityAt(steps, time) < quantityAt(than, time);
  });
}

function quantityAt(steps: readonly Step[], time: number): bigint {
  const step = steps.find(({ until }) => until === null || until > time);
  return BigInt(step?.quantity ?? 0);
}
