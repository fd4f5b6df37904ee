import { sql } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import { findAgreements } from "../ledger/agreements.ts";
import type { Ledger } from "../ledger/database.ts";
import { HOUR } from "../meter/hours.ts";
import { messageId, writeMessages } from "../webhooks/messages.ts";
import { presentAgreement } from "./agreement-view.ts";

/** Agreements whose refused usage was told lately; the ledger knows the others. */
const told = new LRUCache<string, true>({ max: 10_000 });

/** Agreements that one statement writes messages of: a message may be some kB, and D1 takes 2 MB a parameter. */
const AT_A_TIME = 100;

/** Tells the seller that usage of agreements was refused since they have ended: of each once in a day (UTC). */
export async function tellRefused(ledger: Ledger, ids: readonly string[], now: number): Promise<void> {
  const day = now - (now % (24 * HOUR));
  const untold = ids.filter((id) => !told.has(`${day} ${id}`));
  for (let from = 0; from < untold.length; from += AT_A_TIME) {
    const type = "usage.refused";
    const ended = await findAgreements(ledger, untold.slice(from, from + AT_A_TIME));
    const messages = ended.map(
      (agreement) =>
        ({
          id: messageId(now, `${agreement.id}_refused`),
          type,
          agreementId: agreement.id,
          data: presentAgreement(agreement, now),
        }) as const,
    );
    const isNew = sql`NOT EXISTS (
      SELECT 1 FROM messages
      WHERE agreement_id = value ->> 'agreementId' AND type = ${type} AND created_at >= ${day})`;
    await ledger.run(writeMessages(messages, now, isNew));
    for (const { id } of ended) told.set(`${day} ${id}`, true);
  }
}
