import { and, asc, eq, gt, isNull, lte, sql, type SQL } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import { agreements, type UnbilledUsage } from "../ledger/schema.ts";
import { HOUR, MINUTE } from "../meter/hours.ts";
import { formatQuantity } from "../meter/quantity.ts";
import { messageId, writeMessages } from "../webhooks/messages.ts";
import { findAgreement, type Agreement } from "./agreements.ts";
import { presentAgreement } from "./agreement-view.ts";
import { eachOf } from "./each-of.ts";
import { applyNotices, setRecords } from "./apply-notices.ts";
import { lifeOf } from "./life.ts";
import { ownNotice, noticesOf } from "./notices/notices.ts";
import { shardOf, type Surroundings } from "./surroundings.ts";

/** Agreements that one tick closes. */
const MAX_CLOSED = 20;

/** Agreements that one tick seals once more. */
const MAX_ENDING = 100;

/** A person's word about an agreement. Times are epoch milliseconds. */
export interface Word {
  readonly at: number;
  readonly now: number;
}

/** What a person's word has come to. */
export type Said =
  | { readonly ok: true; readonly agreement: Agreement }
  /** `contradicted`: a notice that is known and says otherwise happened later. */
  | { readonly ok: false; readonly reason: "unknown" | "contradicted" };

/**
 * Writes down that an agreement ends: AWS takes its usage for one hour more. Its open records go before all others, and
 * have that hour as their deadline. An earlier end that is known stays, and AWS's own notice counts more.
 */
export function endAgreement(ledger: Ledger, id: string, word: Word): Promise<Said> {
  return say(ledger, id, "agreement_ended", word);
}

/** Writes down that an agreement is active, or is so again: for one whose notice was lost. */
export function activateAgreement(ledger: Ledger, id: string, word: Word): Promise<Said> {
  return say(ledger, id, "activated", word);
}

async function say(
  ledger: Ledger,
  id: string,
  kind: "agreement_ended" | "activated",
  { at, now }: Word,
): Promise<Said> {
  if ((await findAgreement(ledger, id)) === null) return { ok: false, reason: "unknown" };
  const notice = {
    id: `operator:${kind}:${id}:${at}`,
    source: "operator",
    kind,
    occurredAt: at,
    awsAgreementId: null,
    licenseArn: null,
    facts: {},
  } as const;
  const { usageUntil } = lifeOf([...(await noticesOf(ledger, id)), { ...notice, licenseId: null }]);
  // It would change nothing, and whoever says it would not know.
  if ((usageUntil === null) !== (kind === "activated")) return { ok: false, reason: "contradicted" };
  await ownNotice(ledger, id, notice, now);
  const agreement = await applyNotices(ledger, id, now);
  return agreement === null ? { ok: false, reason: "unknown" } : { ok: true, agreement };
}

/** Has the hours of an agreement that ends, or has ended, sealed and handed over. */
export async function sealEnding(surroundings: Surroundings, agreement: Agreement): Promise<void> {
  const { usageUntil, id } = agreement;
  if (usageUntil === null) return;
  await shardOf(surroundings, agreement).endAgreement(id);
}

/**
 * Seals what has come for agreements in their final hour since the last tick, and what a fault has left; and sees to it
 * that their records go first, also those that were on their way when the end was heard.
 */
export async function keepSealing(surroundings: Surroundings): Promise<void> {
  const { ledger, now } = surroundings;
  const isEnding = and(isNull(agreements.closedAt), gt(agreements.usageUntil, now()));
  await eachOf(await inTurn(ledger, isEnding, { limit: MAX_ENDING, now: now() }), async (agreement) => {
    await sealEnding(surroundings, agreement);
    await setRecords(ledger, agreement, { hasNews: false, now: now() });
  });
}

/** Agreements whose refused usage was told lately; the ledger knows the others. */
const told = new LRUCache<string, true>({ max: 10_000 });

/** Agreements that one request tells the seller of: each costs two queries, and D1 allows an invocation 1,000. */
const MAX_TOLD = 100;

/**
 * Tells the seller that usage of agreements was refused since they have ended: of each once in a day (UTC). Of those that
 * are too many at once the next request tells.
 */
export async function tellRefused(ledger: Ledger, ids: readonly string[], now: number): Promise<void> {
  const day = now - (now % (24 * HOUR));
  const untold = ids.filter((id) => !told.has(`${day} ${id}`));
  for (const id of untold.slice(0, MAX_TOLD)) {
    const agreement = await findAgreement(ledger, id);
    if (agreement === null) continue;
    const type = "usage.refused";
    const data = presentAgreement(agreement, now);
    const message = { id: messageId(now, `${id}_refused`), type, agreementId: id, data } as const;
    const isNew = sql`NOT EXISTS (
      SELECT 1 FROM messages WHERE agreement_id = ${id} AND type = ${type} AND created_at >= ${day})`;
    await ledger.run(writeMessages([message], now, isNew));
    told.set(`${day} ${id}`, true);
  }
}

/** Closes the agreements whose final hour is over: counts what could not be billed, and tells the seller. */
export async function closeEnded(surroundings: Surroundings): Promise<void> {
  const { ledger, now } = surroundings;
  const isOver = and(isNull(agreements.closedAt), lte(agreements.usageUntil, now()));
  const over = await inTurn(ledger, isOver, { limit: MAX_CLOSED, now: now() });
  await eachOf(over, (agreement) => close(surroundings, agreement));
}

/**
 * Some agreements of those that something is to be done for: the most urgent of each shard first, so that those of one
 * that fails leave room for the others. When there are more than can be served at a time, each minute serves others.
 */
async function inTurn(
  ledger: Ledger,
  where: SQL | undefined,
  { limit, now }: { readonly limit: number; readonly now: number },
): Promise<Agreement[]> {
  const pages = Math.ceil((await ledger.$count(agreements, where)) / limit);
  if (pages === 0) return [];
  const turn = sql`row_number() OVER (
    PARTITION BY ${agreements.productId}, ${agreements.shard} ORDER BY ${agreements.usageUntil})`;
  return ledger
    .select()
    .from(agreements)
    .where(where)
    .orderBy(turn, asc(agreements.usageUntil))
    .limit(limit)
    .offset((Math.floor(now / MINUTE) % pages) * limit);
}

async function close(surroundings: Surroundings, agreement: Agreement): Promise<void> {
  const { ledger, now } = surroundings;
  const { id, usageUntil } = agreement;
  // What a fault has kept from being sealed in time is for a person to see, too.
  await sealEnding(surroundings, agreement);
  const rows = await shardOf(surroundings, agreement).conservation([id]);
  const unbilled: UnbilledUsage[] = rows.flatMap(({ dimension, pending, parked, open, carry }) => {
    const rest = pending + parked + open + carry;
    return rest > 0n ? [{ dimension, quantity: formatQuantity(rest) }] : [];
  });
  const at = now();
  const closed = { ...agreement, closedAt: at, unbilled };
  await inOneTransaction(ledger, [
    ledger
      .update(agreements)
      .set({ closedAt: at, unbilled, entitlementsDueAt: null, entitlementsFailingSince: null })
      // Not if the customer has come back meanwhile.
      .where(
        and(eq(agreements.id, id), isNull(agreements.closedAt), eq(agreements.usageUntil, usageUntil ?? 0)),
      ),
    writeMessages(
      [
        {
          id: messageId(at, `${id}_ended`),
          type: "agreement.ended",
          agreementId: id,
          data: presentAgreement(closed, at),
        },
      ],
      at,
      sql`changes() > 0`,
    ),
  ]);
}
