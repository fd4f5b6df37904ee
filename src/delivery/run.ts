import { and, eq, isNull, sql } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import { records, submitters } from "../ledger/schema.ts";
import { expire } from "./expiry.ts";
import { rollOver, type Rolling } from "./rolling.ts";
import { submitDue, type Submission } from "./submit.ts";

/** What a run stands on. Its ledger counts the queries of the invocation that the run is the most of. */
export type DeliveryRun = Submission & Rolling;

/** When the next run is to be: at once when something due is left, later while a record is open. */
export type NextRun = "at_once" | "later" | "never";

/** What came of a run. */
export interface RunEnd {
  readonly next: NextRun;
  /** Queries that its invocation may still make. */
  readonly queriesLeft: number;
  /** What has failed, and is tried again by another run; nothing else has been kept waiting by it. */
  readonly faults: readonly unknown[];
}

/**
 * Does what is to be done for the records of a Region, however long nobody did it, as far as one invocation may: gives up
 * what AWS takes no more, brings back what rolls over, sends what is due. Dying anywhere leaves the rest for the next run.
 *
 * @throws when the ledger fails
 */
export async function runDelivery(run: DeliveryRun): Promise<RunEnd> {
  const { ledger, queriesLeft, region, now } = run;
  const isExpiring = await expire(ledger, region, now());
  // Whatever fails there must not keep the records of others from AWS.
  const { goesOn: isRolling, faults } = await rollOver(run).catch(asFault);
  const isSending = await submitDue(run);
  const isDue = isExpiring || isRolling || isSending;
  const next = isDue ? "at_once" : (await hasOpenRecords(ledger, region)) ? "later" : "never";
  return { next, queriesLeft: queriesLeft(), faults };
}

const asFault = (error: unknown) => ({ goesOn: false, faults: [error] });

/** Writes down that the cron trigger has fired. */
export async function noteTick(ledger: Ledger, region: string, now: number): Promise<void> {
  await ledger
    .insert(submitters)
    .values({ region, lastTickAt: now })
    .onConflictDoUpdate({ target: submitters.region, set: { lastTickAt: now } });
}

/** Whether any record of a Region is still to be sent, or to come back. */
async function hasOpenRecords(ledger: Ledger, region: string): Promise<boolean> {
  const [open, rolling] = await ledger.batch([
    ledger
      .select({ one: sql`1` })
      .from(records)
      .where(and(eq(records.region, region), isNull(records.settledAt)))
      .limit(1),
    ledger
      .select({ one: sql`1` })
      .from(records)
      .where(and(eq(records.region, region), eq(records.state, "rolling")))
      .limit(1),
  ]);
  return open.length + rolling.length > 0;
}
