import { nextOpenHour, openBucket, type Account, type LateUsage } from "./account.ts";
import { decodeTerm, undraw, type EncodedTerm } from "./allowance.ts";
import { tagSetOf, type Allocation } from "./allocations.ts";
import type { CountingRule } from "./dimension.ts";
import { addTo, amountsOf, noteLate, quantityOf, wholePartsOf } from "./hour-bucket.ts";
import { HOUR, hourOf } from "./hours.ts";
import { nanoOf, UNIT } from "./quantity.ts";

/** A metering record that AWS surely does not have and takes no more. */
export interface RolledRecord {
  readonly id: string;
  readonly agreement: string;
  readonly dimension: string;
  readonly rule: CountingRule;
  /** Epoch milliseconds. */
  readonly hour: number;
  /** Billed units. */
  readonly quantity: number;
  readonly allocations: readonly Allocation[];
  readonly late: readonly LateUsage[];
}

/** What a person decided about late usage that is held. */
export interface HeldDecision {
  /** Of the decision: taken twice, it is one. */
  readonly id: string;
  readonly kind: "release" | "write_off";
  readonly agreement: string;
  readonly dimension: string;
  /** Epoch milliseconds of the hour that the usage was used in. */
  readonly hour: number;
}

/** All that is known from now on of what a customer's contract includes of a dimension. */
export interface AllowanceDecision {
  readonly id: string;
  readonly kind: "allow";
  readonly agreement: string;
  readonly dimension: string;
  readonly rule: CountingRule;
  /** Oldest first. */
  readonly terms: readonly EncodedTerm[];
}

/** What happens to usage beside counting and sealing. */
export type Decision = HeldDecision | (RolledRecord & { readonly kind: "roll_over" }) | AllowanceDecision;

/** How long a decision is known not to be taken again; whoever repeats it does so within minutes. */
const DECISION_MEMORY = 100 * 24 * HOUR;

/**
 * Does what was decided, once.
 *
 * @param at epoch milliseconds
 * @returns the hour that bills the usage now; null when it is billed nowhere, or there is nothing to decide about
 */
export function decide(account: Account, decision: Decision, at: number): number | null {
  if (decision.kind === "allow") {
    // Setting it again changes nothing, so there is nothing to remember, however often the contract is read.
    account.terms = decision.terms.map(decodeTerm);
    return null;
  }
  const known = account.decided.get(decision.id);
  if (known !== undefined) return known;
  const into = apply(account, decision, at);
  for (const [id, hour] of account.decided)
    if ((hour ?? at) < at - DECISION_MEMORY) account.decided.delete(id);
  account.decided.set(decision.id, into);
  return into;
}

function apply(account: Account, decision: Exclude<Decision, AllowanceDecision>, at: number): number | null {
  if (decision.kind === "roll_over") return takeBack(account, decision, at);
  const held = account.held.get(decision.hour);
  if (held === undefined) return null;
  account.held.delete(decision.hour);
  if (decision.kind === "write_off") {
    account.writtenOff.set(decision.hour, (account.writtenOff.get(decision.hour) ?? 0n) + quantityOf(held));
    return null;
  }
  const { into, bucket } = currentHour(account, at);
  for (const [set, amount] of amountsOf(held)) addTo(bucket.amounts, set, amount);
  noteLate(bucket, decision.hour, quantityOf(held));
  return into;
}

/** A record's whole quantity joins the current hour and adds up with it: it was an hour of its own. */
function takeBack(account: Account, record: RolledRecord, at: number): number {
  const unit = UNIT * BigInt(record.rule.divisor);
  const quantity = BigInt(record.quantity) * unit;
  account.sealed -= quantity;
  account.rolled += quantity;
  const { into, bucket } = currentHour(account, at);
  let untagged = quantity;
  for (const allocation of record.allocations) {
    const amount = BigInt(allocation.quantity) * unit;
    addTo(bucket.amounts, tagSetOf(Object.fromEntries(allocation.tags)), amount);
    untagged -= amount;
  }
  addTo(bucket.amounts, "", untagged);
  const late = new Map(record.late.map((late) => [late.hour, nanoOf(late.quantity)]));
  for (const [hour, amount] of wholePartsOf(quantity, record.hour, late)) {
    noteLate(bucket, hour, amount);
    undraw(account, hour, amount);
  }
  return into;
}

function currentHour(account: Account, at: number) {
  const into = nextOpenHour(account, hourOf(at));
  return { into, bucket: openBucket(account, into, Math.max(into, at), at) };
}
