import gateway, { CustomerKeeper, MeterShard as Shard, Submitter } from "../../../src/index.ts";
import { countRows, type CountedRows } from "../../../test/worker/support/counted-rows.ts";

export { CustomerKeeper, Submitter };

let rows: CountedRows | null = null;

export class MeterShard extends Shard {
  constructor(ctx: DurableObjectState, env: Env) {
    rows ??= countRows(ctx.storage, env.DB);
    super(ctx, env);
  }
}

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/bench/rows")
      return Response.json(rows ?? { shard: 0, alarms: 0, ledger: 0 });
    return gateway.fetch(request, env, ctx);
  },
  async scheduled(controller, env) {
    await gateway.scheduled(controller, env);
  },
} satisfies ExportedHandler<Env>;
