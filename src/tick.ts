import { listRegions, listShards } from "./catalog/products.ts";
import { eachOf } from "./each-of.ts";
import { partSequences } from "./customers/tick-parts.ts";
import { openLedger, type Ledger } from "./ledger/database.ts";
import { MINUTE } from "./meter/hours.ts";
import { finishHeldDecisions } from "./parked/held-usage.ts";
import { keepWatch, watchOptions } from "./watch/keep-watch.ts";

/** Each shard is woken once in so many minutes, at a minute of its own. */
const WAKE_MINUTES = 60;

/**
 * One firing of the cron trigger. May come late, twice or not at all: it does whatever is due, and meets others in the
 * submitter and in the customers' keepers. Those are objects also since D1 allows an invocation 1,000 queries: here remain
 * a few hundred at the most. One part's failure is no other's; but the tick as a whole must be seen to have failed.
 */
export async function tick(env: Env, now: number): Promise<void> {
  const ledger = openLedger(env.DB);
  const [regions, waking] = await Promise.all([listRegions(ledger), shardsToWake(ledger, now)]);
  const parts = await Promise.allSettled([
    ...regions.map((region) => env.SUBMITTER.getByName(region).tick()),
    ...waking.map((name) => env.METER_SHARD.getByName(name).wake()),
    ...partSequences.map((names) => eachOf(names, (name) => env.CUSTOMER_KEEPER.getByName(name).keep())),
    finishHeldDecisions(ledger, (name) => env.METER_SHARD.getByName(name), now),
    keepWatch(watchOptions(env, ledger)),
  ]);
  for (const part of parts) if (part.status === "rejected") throw part.reason;
}

/** Alarms can be lost for good; a shard that nobody calls would then sleep on its usage. */
async function shardsToWake(ledger: Ledger, now: number): Promise<string[]> {
  const minute = Math.floor(now / MINUTE) % WAKE_MINUTES;
  const names = await listShards(ledger);
  return names.filter((name) => minuteOf(name) === minute);
}

/** Spreads names over the hour. */
function minuteOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003;
  return hash % WAKE_MINUTES;
}
