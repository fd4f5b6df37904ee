import { and, asc, gt, isNull, lte, sql, type SQL } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import type { Conservation } from "../ledger/conservation.ts";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import { agreements, type UnbilledUsage } from "../ledger/schema.ts";
import { HOUR } from "../meter/hours.ts";
import { formatQuantity } from "../meter/quantity.ts";
import { shardName } from "../meter/shard-name.ts";
import { messageId, writeMessages } from "../webhooks/messages.ts";
import { findAgreement, type Agreement } from "../ledger/agreements.ts";
import { presentAgreement } from "./agreement-view.ts";
import { faultsOf } from "./each-of.ts";
import { applyNotices } from "./apply-notices.ts";
import { lifeOf } from "./life.ts";
import { ownNotice, noticesOf } from "./notices/notices.ts";
import { setRecords } from "./set-records.ts";
import type { Part } from "./slice.ts";
import { shardOf, type CustomersShard, type Surroundings } from "./surroundings.ts";

/** Agreements that one slice seals once more: a call of each of their shards, and three queries. */
const MAX_ENDING = 2000;

/** Agreements that one slice closes: two calls of each of their shards, and two queries. */
const MAX_CLOSED = 500;

/** Shards that are called at a time. */
const AT_ONCE = 5;

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
  const known = await findAgreement(ledger, id);
  if (known === null) return { ok: false, reason: "unknown" };
  const notice = {
    id: `operator:${kind}:${id}:${at}`,
    source: "operator",
    kind,
    occurredAt: at,
    awsAgreementId: null,
    licenseArn: null,
    facts: {},
  } as const;
  const { usageUntil } = lifeOf([...(await noticesOf(ledger, known)), { ...notice, licenseId: null }]);
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
  await shardOf(surroundings, agreement).endAgreements([id]);
}

/**
 * Seals what has come for agreements in their final hour since the last tick, and what a fault has left; and sees to it
 * that their records go first, also those that were on their way when the end was heard.
 */
export const keepSealing: Part = async (surroundings, from) => {
  const { ledger, now } = surroundings;
  const ending = await ledger
    .select({
      id: agreements.id,
      productId: agreements.productId,
      shard: agreements.shard,
      startsAt: agreements.startsAt,
      activatedAt: agreements.activatedAt,
      endedAt: agreements.endedAt,
      usageUntil: agreements.usageUntil,
      lifeVersion: agreements.lifeVersion,
    })
    .from(agreements)
    .where(and(isNull(agreements.closedAt), gt(agreements.usageUntil, now()), isAfter(from)))
    .orderBy(asc(agreements.usageUntil), asc(agreements.id))
    .limit(MAX_ENDING);
  const faults = await eachShard(surroundings, ending, (shard, ids) => shard.endAgreements(ids));
  await setRecords(ledger, ending, { hasNews: false, now: now() });
  return { next: nextOf(ending, MAX_ENDING), faults };
};

/** Those behind a slice, where the most urgent come first. */
function isAfter(from: string): SQL | undefined {
  if (from === "") return undefined;
  const [until, id] = from.split(" ");
  return sql`(${agreements.usageUntil}, ${agreements.id}) > (${Number(until)}, ${id})`;
}

function nextOf(rows: readonly Pick<Agreement, "id" | "usageUntil">[], limit: number): string | null {
  const last = rows.at(limit - 1);
  return last === undefined ? null : `${last.usageUntil} ${last.id}`;
}

/** Calls each shard of some agreements, with their ids; one that fails is no other's matter. */
function eachShard<A extends Pick<Agreement, "id" | "productId" | "shard">>(
  { shards }: Surroundings,
  members: readonly A[],
  work: (shard: CustomersShard, ids: readonly string[], members: readonly A[]) => Promise<void>,
): Promise<unknown[]> {
  const byShard = Map.groupBy(members, ({ productId, shard }) => shardName(productId, shard));
  return faultsOf(
    [...byShard],
    ([name, ones]) =>
      work(
        shards(name),
        ones.map(({ id }) => id),
        ones,
      ),
    { atOnce: AT_ONCE },
  );
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
export const closeEnded: Part = async (surroundings, from) => {
  const { ledger, now } = surroundings;
  const over = await ledger
    .select()
    .from(agreements)
    .where(and(isNull(agreements.closedAt), lte(agreements.usageUntil, now()), isAfter(from)))
    .orderBy(asc(agreements.usageUntil), asc(agreements.id))
    .limit(MAX_CLOSED);
  const faults = await eachShard(surroundings, over, async (shard, ids, members) => {
    // What a fault has kept from being sealed in time is for a person to see, too.
    await shard.endAgreements(ids);
    await close(ledger, members, { rows: await shard.conservation(ids), at: now() });
  });
  return { next: nextOf(over, MAX_CLOSED), faults };
};

interface Closing {
  /** Where the usage of the agreements is. */
  readonly rows: readonly Conservation[];
  /** Epoch milliseconds. */
  readonly at: number;
}

async function close(ledger: Ledger, over: readonly Agreement[], { rows, at }: Closing): Promise<void> {
  const byAgreement = Map.groupBy(rows, ({ agreement }) => agreement);
  const closed = over.map((agreement) => ({
    ...agreement,
    closedAt: at,
    unbilled: unbilledOf(byAgreement.get(agreement.id) ?? []),
  }));
  const wanted = JSON.stringify(closed.map(({ id, usageUntil, unbilled }) => ({ id, usageUntil, unbilled })));
  await inOneTransaction(ledger, [
    // Not if the customer has come back meanwhile.
    sql`
      UPDATE agreements SET closed_at = ${at}, unbilled = closing.value ->> 'unbilled',
                            entitlements_due_at = NULL, entitlements_failing_since = NULL
      FROM json_each(${wanted}) AS closing
      WHERE agreements.id = closing.value ->> 'id' AND agreements.closed_at IS NULL
      AND agreements.usage_until = closing.value ->> 'usageUntil'`,
    writeMessages(
      closed.map((agreement) => ({
        id: messageId(at, `${agreement.id}_ended`),
        type: "agreement.ended",
        agreementId: agreement.id,
        data: presentAgreement(agreement, at),
      })),
      at,
      sql`EXISTS (SELECT 1 FROM agreements WHERE agreements.id = value ->> 'agreementId' AND closed_at = ${at})`,
    ),
  ]);
}

function unbilledOf(rows: readonly Conservation[]): UnbilledUsage[] {
  return rows.flatMap(({ dimension, pending, parked, open, carry }) => {
    const rest = pending + parked + open + carry;
    return rest > 0n ? [{ dimension, quantity: formatQuantity(rest) }] : [];
  });
}
