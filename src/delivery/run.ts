import { and, eq, isNull, sql } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import { records, submitters } from "../ledger/schema.ts";
import { expire } from "./expiry.ts";
import { rollOver, type TakeBack } from "./rolling.ts";
import { submitDue, type Submission } from "./submit.ts";

export interface DeliveryRun extends Submission {
  readonly takeBack: TakeBack;
}

/**
 * Does everything that is to be done for the records of a Region, however long nobody did it: gives up what AWS takes no
 * more, brings back what rolls over, sends what is due. Dying anywhere leaves the rest for the next run.
 */
export async function runDelivery(run: DeliveryRun): Promise<void> {
  const { ledger, region, now, takeBack } = run;
  await expire(ledger, region, now());
  try {
    await rollOver(ledger, region, takeBack);
  } finally {
    // A shard that fails must not keep the records of others from AWS.
    await submitDue(run);
  }
}

/** Writes down that the cron trigger has fired. */
export async function noteTick(ledger: Ledger, region: string, now: number): Promise<void> {
  await ledger
    .insert(submitters)
    .values({ region, lastTickAt: now })
    .onConflictDoUpdate({ target: submitters.region, set: { lastTickAt: now } });
}

/** Whether any record of a Region is still to be sent, or to come back. */
export async function hasOpenRecords(ledger: Ledger, region: string): Promise<boolean> {
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
