import { sql } from "drizzle-orm";
import type { Ledger } from "./database.ts";

/** What a meter shard has to say to a person. */
export interface ShardReport {
  /** How many (agreement, dimension) hold late usage. */
  readonly heldAccounts: number;
  /** What the self-check of the books has found; null when they agree. */
  readonly difference: string | null;
  /** Why sealed hours do not reach the ledger; null when they do. */
  readonly handoverError: string | null;
}

/** Writes a shard's report down, unless it says what is there already, or nothing at all for the first time. */
export async function saveShardReport(
  ledger: Ledger,
  shard: string,
  { heldAccounts, difference, handoverError }: ShardReport,
  now: number,
): Promise<void> {
  const saysNothing = heldAccounts === 0 && difference === null && handoverError === null;
  await ledger.run(sql`
    INSERT INTO shard_reports (shard, reported_at, held_accounts, difference, handover_error)
    SELECT ${shard}, ${now}, ${heldAccounts}, ${difference}, ${handoverError}
    WHERE ${saysNothing ? 0 : 1} OR EXISTS (SELECT 1 FROM shard_reports WHERE shard = ${shard})
    ON CONFLICT DO UPDATE SET reported_at = excluded.reported_at, held_accounts = excluded.held_accounts,
      difference = excluded.difference, handover_error = excluded.handover_error
    WHERE held_accounts <> excluded.held_accounts OR difference IS NOT excluded.difference
      OR handover_error IS NOT excluded.handover_error`);
}
