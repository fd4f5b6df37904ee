import type { Agreement } from "../../src/ledger/agreements.ts";
import type { HeldDecision } from "../../src/meter/decisions.ts";
import { shardName } from "../../src/meter/shard-name.ts";
import { decideHeld, findHeld, finishHeldDecisions, heldId } from "../../src/parked/held-usage.ts";
import { decideRecord, listParked } from "../../src/parked/parked-records.ts";
import { offeredActions } from "../../src/parked/rules.ts";
import type { Watch } from "./promises.ts";
import type { World } from "./world.ts";

/** A person decides about something that is parked, and about what an agreement has held. */
export async function operate(world: World, watch: Watch, agreement: Agreement): Promise<void> {
  const { random, ledger } = world;
  const now = world.now();
  const [parked] = await listParked(ledger, { limit: 1 });
  if (parked !== undefined && parked.reason !== null) {
    const { action } = random.pick(offeredActions({ ...parked, reason: parked.reason }, now));
    // What AWS has, a person sees in its report.
    const isTrue =
      parked.reason !== "uncertain" || (action === "mark_delivered") === watch.isAtAws(parked.id);
    if (isTrue && action !== "release") {
      const decision = { record: parked, action, note: "seen", notHeldByAws: true, quantity: "0", now };
      await decideRecord(ledger, { id: random.hex(), ...decision });
    }
  }
  await decideAboutHeld(world, agreement, now);
}

async function decideAboutHeld(world: World, agreement: Agreement, now: number): Promise<void> {
  const { random } = world;
  const process = world.process();
  const ledger = world.ledgerOf(process);
  const shards = (name: string) => ({
    held: (agreements: readonly string[]) =>
      world.withShard(name, (shard) => Promise.resolve(shard.held(agreements))),
    decide: (decisions: readonly HeldDecision[]) =>
      process.reach("a shard", () => world.withShard(name, (shard) => shard.decide(decisions))),
  });
  try {
    await process.run(async () => {
      await finishHeldDecisions(ledger, shards, now);
      const [usage] = await shards(shardName(agreement.productId, agreement.shard)).held([agreement.id]);
      if (usage === undefined) return;
      const id = heldId(usage);
      const found = await findHeld(ledger, shards, id);
      const kind = random.pick(["release", "write_off"] as const);
      const decision = { id: random.hex(), heldId: id, kind, note: "seen", now };
      if (found !== null) await decideHeld(ledger, shards, found, decision);
    });
  } catch {
    // What was written down and not done, the next one does.
  }
}
