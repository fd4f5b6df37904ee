import { sql } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import { SEND_MARGIN } from "./deadlines.ts";

/** Records that one statement gives up, and statements of a run: an invocation has other queries to make. */
const CHUNK = 1000;
const MAX_CHUNKS = 10;

/**
 * Takes the records whose time is over out of the submitter's hands. What AWS may have waits for a person as uncertain.
 * What it surely does not have rolls over, if its dimension carries late usage forward; but not for a customer of whom
 * AWS takes none, or whose agreement ends: that usage would roll on for ever. That of an agreement which has not become
 * active yet waits for it so.
 *
 * @returns whether more may be over
 */
export async function expire(ledger: Ledger, region: string, now: number): Promise<boolean> {
  const due = now + SEND_MARGIN;
  for (let chunk = 0; chunk < MAX_CHUNKS; chunk++) {
    const expired = await ledger.all<{ id: string }>(sql`
      UPDATE records SET settled_at = ${now}, (state, reason) = (
        SELECT iif(fate IN ('rolling', 'rolled_over'), fate, 'parked'),
               iif(fate IN ('rolling', 'rolled_over'), NULL, fate)
        FROM (SELECT CASE
          WHEN records.quantity = 0 THEN 'rolled_over'
          WHEN records.may_be_held THEN 'uncertain'
          WHEN EXISTS (SELECT 1 FROM agreements WHERE agreements.id = records.agreement_id
                       AND activated_at IS NULL AND usage_until IS NULL) THEN 'rolling'
          WHEN records.last_answer = 'CustomerNotSubscribed' THEN 'not_subscribed'
          WHEN (SELECT usage_until FROM agreements WHERE agreements.id = records.agreement_id) IS NOT NULL THEN 'expired'
          WHEN (SELECT late FROM dimensions WHERE dimensions.product_id = records.product_id
                AND dimensions.name = records.dimension) = 'carry_forward' THEN 'rolling'
          ELSE 'expired' END AS fate))
      WHERE id IN (SELECT id FROM records WHERE region = ${region} AND settled_at IS NULL AND priority IN (0, 1)
                   AND deadline <= ${due} LIMIT ${CHUNK})
      RETURNING id`);
    if (expired.length < CHUNK) return false;
  }
  return true;
}
