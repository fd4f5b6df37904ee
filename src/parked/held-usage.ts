import { and, eq, isNull, sql } from "drizzle-orm";
import type { Agreement } from "../ledger/agreements.ts";
import type { Ledger } from "../ledger/database.ts";
import { hourInId } from "../ledger/record-id.ts";
import { actions, agreements } from "../ledger/schema.ts";
import type { HeldDecision } from "../meter/decisions.ts";
import type { HeldUsage } from "../meter/held.ts";
import { shardName } from "../meter/shard-name.ts";
import { formatQuantity } from "../meter/quantity.ts";

/** What of a shard is needed to decide about held usage. */
export interface HeldShard {
  held(agreements: readonly string[]): Promise<readonly HeldUsage[]>;
  decide(decisions: readonly HeldDecision[]): Promise<readonly (number | null)[]>;
}

export type ShardNamed = (name: string) => HeldShard;

/**
 * Names what is held for an hour since its first event came: `agreement:hour:since:dimension`. What comes after that was
 * released has another name, so that an action that is repeated does not take hold of it.
 */
export function heldId({ agreement, hour, since, dimension }: HeldUsage): string {
  return [agreement, hourInId(hour), since.toString(36), dimension].join(":");
}

/** Held usage, and whose it is. */
export interface Held {
  readonly usage: HeldUsage;
  readonly agreement: Agreement;
}

/** Held usage by its id; null when there is none. */
export async function findHeld(ledger: Ledger, shards: ShardNamed, id: string): Promise<Held | null> {
  const [agreement = ""] = id.split(":");
  const row = await ledger.query.agreements.findFirst({ where: eq(agreements.id, agreement) });
  if (row === undefined) return null;
  const shard = shardName(row.productId, row.shard);
  const usage = (await shards(shard).held([agreement])).find((held) => heldId(held) === id);
  return usage === undefined ? null : { usage, agreement: row };
}

export interface HeldDecisionRequest {
  /** Of the new entry in the audit trail. */
  readonly id: string;
  readonly heldId: string;
  readonly kind: HeldDecision["kind"];
  readonly note: string | null;
  readonly now: number;
}

/**
 * Writes a decision about held usage down, then has the shard do it, then says that it is done. Dying in between leaves
 * it to {@link finishHeldDecisions}; the shard does it once.
 */
export async function decideHeld(
  ledger: Ledger,
  shards: ShardNamed,
  { usage, agreement: { id: agreement, productId } }: Held,
  { id, heldId: held, kind, note, now }: HeldDecisionRequest,
): Promise<void> {
  const { dimension, hour, quantity } = usage;
  // Two that decide at once are one decision.
  await ledger.run(sql`
    INSERT INTO actions (id, action, product_id, agreement_id, dimension, hour, record_id, quantity, note, decided_at)
    SELECT ${id}, ${kind}, ${productId}, ${agreement}, ${dimension}, ${hour}, ${held}, ${formatQuantity(quantity)}, ${note}, ${now}
    WHERE NOT EXISTS (SELECT 1 FROM actions WHERE record_id = ${held})`);
  await finishHeldDecisions(ledger, shards, now);
}

/** Has the shards do what was decided about held usage and is not known to be done. */
export async function finishHeldDecisions(ledger: Ledger, shards: ShardNamed, now: number): Promise<void> {
  const undone = await ledger
    .select({ action: actions, shard: agreements.shard })
    .from(actions)
    .innerJoin(agreements, eq(agreements.id, actions.agreementId))
    .where(isNull(actions.doneAt))
    .limit(100);
  for (const { action, shard } of undone) {
    const { id, productId, agreementId, dimension, hour, recordId } = action;
    const kind = action.action === "release" ? "release" : "write_off";
    const [billedHour = null] = await shards(shardName(productId, shard)).decide([
      { id: recordId ?? id, kind, agreement: agreementId, dimension, hour },
    ]);
    await ledger
      .update(actions)
      .set({ doneAt: now, billedHour })
      .where(and(eq(actions.id, id), isNull(actions.doneAt)));
  }
}
