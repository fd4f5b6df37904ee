import { app } from "./app.ts";
import { listRegions } from "./catalog/products.ts";
import { openLedger } from "./ledger/database.ts";

export { MeterShard } from "./meter/meter-shard.ts";
export { Submitter } from "./delivery/submitter.ts";

export default {
  fetch: app.fetch,

  /** Every minute. May come late, twice or not at all: a tick sends whatever is due, and meets others in the submitter. */
  async scheduled(_controller, env) {
    const regions = await listRegions(openLedger(env.DB));
    const ticks = await Promise.allSettled(
      regions.map((region) => env.SUBMITTER.getByName(region).tick(region)),
    );
    // One Region's failure is no other's; but the tick as a whole must be seen to have failed.
    for (const tick of ticks) if (tick.status === "rejected") throw tick.reason;
  },
} satisfies ExportedHandler<Env>;
