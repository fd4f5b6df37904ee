import { app } from "./app.ts";
import { tick } from "./tick.ts";

export { CustomerKeeper } from "./customers/customer-keeper.ts";
export { MeterShard } from "./meter/meter-shard.ts";
export { Submitter } from "./delivery/submitter.ts";

export default {
  fetch: app.fetch,

  /** Every minute; see {@link tick}. */
  async scheduled(_controller, env) {
    await tick(env, Date.now());
  },
} satisfies ExportedHandler<Env>;
