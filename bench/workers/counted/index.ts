import gateway, { MeterShard as Shard, Submitter } from "../../../src/index.ts";

export { Submitter };

/** Rows written, as Cloudflare counts them: by the shards' SQLite, their alarms, and D1. */
const rows = { shard: 0, alarms: 0, ledger: 0 };

let counting = false;

/** Counts on the platform's own classes, so that the product runs as it is. */
function countShard(storage: DurableObjectStorage): void {
  const sql = Object.getPrototypeOf(storage.sql) as Pick<SqlStorage, "exec">;
  const { exec } = sql;
  sql.exec = function (this: SqlStorage, ...statement: Parameters<SqlStorage["exec"]>) {
    const cursor = exec.apply(this, statement);
    rows.shard += cursor.rowsWritten;
    return cursor;
  } as SqlStorage["exec"];
  const alarms = Object.getPrototypeOf(storage) as Pick<DurableObjectStorage, "setAlarm">;
  const { setAlarm } = alarms;
  alarms.setAlarm = function (this: DurableObjectStorage, ...time) {
    rows.alarms += 1;
    return setAlarm.apply(this, time);
  };
}

function countLedger(database: D1Database): void {
  const statements = Object.getPrototypeOf(database.prepare("SELECT 1")) as Pick<D1PreparedStatement, "run">;
  const { run } = statements;
  statements.run = async function <T>(this: D1PreparedStatement) {
    const result = await (run.call(this) as Promise<D1Result<T>>);
    rows.ledger += result.meta.rows_written;
    return result;
  };
  const databases = Object.getPrototypeOf(database) as Pick<D1Database, "batch">;
  const { batch } = databases;
  databases.batch = async function <T>(this: D1Database, queries: D1PreparedStatement[]) {
    const results = await (batch.call(this, queries) as Promise<D1Result<T>[]>);
    for (const { meta } of results) rows.ledger += meta.rows_written;
    return results;
  };
}

export class MeterShard extends Shard {
  constructor(ctx: DurableObjectState, env: Env) {
    if (!counting) {
      counting = true;
      countShard(ctx.storage);
      countLedger(env.DB);
    }
    super(ctx, env);
  }
}

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/bench/rows") return Response.json(rows);
    return gateway.fetch(request, env, ctx);
  },
  async scheduled(controller, env) {
    await gateway.scheduled(controller, env);
  },
} satisfies ExportedHandler<Env>;
