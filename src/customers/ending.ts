import { and, asc, gt, isNull, lte, sql, type SQL } from "drizzle-orm";
import type { Conservation } from "../ledger/conservation.ts";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import { agreements, type UnbilledUsage } from "../ledger/schema.ts";
import { formatQuantity } from "../meter/quantity.ts";
import { byShard } from "../meter/shard-name.ts";
import { messageId, writeMessages } from "../webhooks/messages.ts";
import type { Agreement } from "../ledger/agreements.ts";
import { presentAgreement } from "./agreement-view.ts";
import { faultsOf } from "../each-of.ts";
import { setRecords } from "./set-records.ts";
import type { Part } from "./slice.ts";
import { shardOf, type CustomersShard, type Surroundings } from "./surroundings.ts";

/** Agreements that one slice seals once more: a call of each of their shards, and three queries. */
const MAX_ENDING = 2000;

/** Agreements that one slice closes: each of their shards, which may be as many, takes two calls, and two queries a hundred. */
const MAX_CLOSED = 450;

/** Agreements that one statement closes: the message of each may be some kB, and D1 takes 2 MB a parameter. */
const AT_A_TIME = 100;

/** Shards that are called at a time. */
const SHARDS_AT_ONCE = 5;

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
  return faultsOf(
    [...byShard(members)],
    ([name, ones]) =>
      work(
        shards(name),
        ones.map(({ id }) => id),
        ones,
      ),
    { atOnce: SHARDS_AT_ONCE },
  );
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
    const rows = await shard.conservation(ids);
    for (let from = 0; from < members.length; from += AT_A_TIME)
      await close(ledger, members.slice(from, from + AT_A_TIME), { rows, at: now() });
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
