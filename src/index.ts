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
    await Promise.all(regions.map((region) => env.SUBMITTER.getByName(region).submit(region)));
  },
} satisfies ExportedHandler<Env>;
