/** Rows written, as Cloudflare counts them. */
export interface CountedRows {
  /** By the shards' SQLite. */
  shard: number;
  /** Alarms that were set; each is a row. */
  alarms: number;
  /** By D1. */
  ledger: number;
}

/**
 * Counts from now on what an isolate writes, on the platform's own classes, so that the product runs as it is.
 *
 * @param storage of any shard
 */
export function countRows(storage: DurableObjectStorage, database: D1Database): CountedRows {
  const rows: CountedRows = { shard: 0, alarms: 0, ledger: 0 };
  countShard(storage, rows);
  countLedger(database, rows);
  return rows;
}

function countShard(storage: DurableObjectStorage, rows: CountedRows): void {
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

function countLedger(database: D1Database, rows: CountedRows): void {
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
