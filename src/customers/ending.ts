import { eq, sql } from "drizzle-orm";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import { agreements } from "../ledger/schema.ts";
import { HOUR } from "../meter/hours.ts";
import type { Agreement } from "./agreements.ts";

/** How long AWS takes usage of an agreement that has ended (AWS Marketplace seller guide, SaaS subscriptions). */
const FINAL_WINDOW = HOUR;

/**
 * Writes down that an agreement ends: AWS takes its usage for one hour more. Its open records go before all others, and
 * have that hour as their deadline. An earlier end that is known stays.
 *
 * @param at when it ended, epoch milliseconds
 * @returns the agreement as it is now; null when there is none
 */
export async function endAgreement(ledger: Ledger, id: string, at: number): Promise<Agreement | null> {
  const until = at + FINAL_WINDOW;
  // An id of a record begins with its agreement, and ";" is the character after ":".
  await inOneTransaction(ledger, [
    sql`UPDATE agreements SET usage_until = min(coalesce(usage_until, ${until}), ${until}) WHERE id = ${id}`,
    sql`
      UPDATE records SET priority = 0, deadline = min(deadline, ${until})
      WHERE id > ${`${id}:`} AND id < ${`${id};`} AND settled_at IS NULL`,
  ]);
  return (await ledger.query.agreements.findFirst({ where: eq(agreements.id, id) })) ?? null;
}
