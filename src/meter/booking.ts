import { bucketFor, count, seal, type Account, type SealedHour } from "./account.ts";
import { forgetPeriods } from "./allowance.ts";
import type { Accounts } from "./accounts.ts";
import { decide, type Decision } from "./decisions.ts";
import { hoursOf, type HourBucket } from "./hour-bucket.ts";
import { HOUR_MEMORY, hourDeadline } from "./hours.ts";
import type { JournalEntry, Sealing } from "./journal.ts";
import { lineAt, lineCount, type Line } from "./lines.ts";
import { applyVoiding, VOIDED } from "./voiding.ts";

/**
 * Counts a line of the journal.
 *
 * @returns the bucket that it was added to, if it was
 */
export function bookLine(account: Account, line: Line): HourBucket | null {
  if (line.id.startsWith(VOIDED)) return null;
  if (line.voiding !== null) {
    applyVoiding(account, line, line.voiding);
    return null;
  }
  const { quantity, time, tagSet, hour, arrival } = line;
  const bucket = bucketFor(account, line);
  count(account, bucket, { quantity: BigInt(quantity), time, tagSet, hour, arrival });
  return bucket;
}

function forgetFrozen(account: Account, at: number): void {
  for (const hour of account.frozen) if (hour < at - HOUR_MEMORY) account.frozen.delete(hour);
}

/** The hours that an account holds usage of which is not sealed. */
function heldHours({ open, held }: Account): Set<number> {
  const hours = new Set(held.keys());
  for (const [hour, bucket] of open) for (const used of hoursOf(hour, bucket)) hours.add(used);
  return hours;
}

/** Seals an hour of an account; see {@link seal}. */
export function bookSealing(
  accounts: Accounts,
  account: Account,
  hour: number,
  at: number,
): SealedHour | null {
  accounts.change(account.agreement, account.dimension, account.rule);
  forgetFrozen(account, at);
  if (account.periods.size > 0) forgetPeriods(account, heldHours(account), at);
  return seal(account, hour, at);
}

/** Whether an hour of an account has had no usage, and no record. */
export function isIdle(account: Account | null, hour: number): boolean {
  return account === null || (!account.open.has(hour) && !account.frozen.has(hour));
}

/** Seals an hour without usage: with a record of zero, which AWS then keeps for the hour. */
export function bookIdle(accounts: Accounts, { at, idle }: Sealing): SealedHour[] {
  if (idle === undefined) return [];
  const { hour } = idle;
  return idle.accounts.map(([agreement, dimension, rule]) => {
    const account = accounts.change(agreement, dimension, rule);
    forgetFrozen(account, at);
    account.frozen.add(hour);
    const nothing = { quantity: 0, divisor: rule.divisor, allocations: null, late: [] };
    return { agreement, dimension, hour, timestamp: hour, ...nothing, deadline: hourDeadline(hour) };
  });
}

/** Does what was decided; see {@link decide}. */
export function bookDecision(accounts: Accounts, decision: Decision, at: number): number | null {
  const { agreement, dimension } = decision;
  const rule = "rule" in decision ? decision.rule : accounts.get(agreement, dimension)?.rule;
  if (rule === undefined) return null;
  return decide(accounts.change(agreement, dimension, rule), decision, at);
}

/** Does again what an entry of the journal says, but for what the accounts know already. */
export function replayInto(accounts: Accounts, entry: JournalEntry): void {
  if ("sealing" in entry) {
    for (const [agreement, dimension, hour] of entry.sealing.hours) {
      const account = accounts.get(agreement, dimension);
      if (account === null || accounts.knows(agreement, dimension, entry.first)) continue;
      bookSealing(accounts, account, hour, entry.sealing.at);
    }
    const { idle } = entry.sealing;
    if (idle === undefined) return;
    const unknown = idle.accounts.filter(
      ([agreement, dimension]) => !accounts.knows(agreement, dimension, entry.first),
    );
    bookIdle(accounts, { ...entry.sealing, idle: { ...idle, accounts: unknown } });
  } else if ("decisions" in entry) {
    for (const decision of entry.decisions) {
      if (accounts.knows(decision.agreement, decision.dimension, entry.first)) continue;
      bookDecision(accounts, decision, entry.at);
    }
  } else {
    for (let index = 0; index < lineCount(entry.lines); index++) {
      const line = lineAt(entry.lines, index);
      if (accounts.knows(line.agreement, line.dimension, entry.first + index)) continue;
      bookLine(accounts.change(line.agreement, line.dimension, line.rule), line);
    }
  }
}
