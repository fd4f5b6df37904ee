import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { ShardStorage, Sql } from "../../../src/meter/shard-storage.ts";

/** A shard's storage on node:sqlite, where a test in plain Node can kill whoever writes to it. */
export class SqliteStorage {
  readonly #db = new DatabaseSync(":memory:");
  #handle: { dead: boolean } = { dead: true };

  /** Opens the storage; whoever had it open before is dead, as a shard that has been restarted. */
  open(): ShardStorage {
    this.#handle.dead = true;
    const handle = { dead: false };
    this.#handle = handle;
    return storageOn(this.#db, () => !handle.dead);
  }

  /** Reads what is on disk. */
  query<Row>(query: string): Row[] {
    return this.#db.prepare(query).all() as Row[];
  }
}

/** A shard's storage on a database, for as long as its owner is alive. */
export function storageOn(db: DatabaseSync, isAlive: () => boolean): ShardStorage {
  const statements = new Map<string, StatementSync>();
  const prepare = (query: string): StatementSync => {
    let statement = statements.get(query);
    if (statement === undefined) statements.set(query, (statement = db.prepare(query)));
    return statement;
  };
  const exec = (query: string, ...bindings: unknown[]) => {
    if (!isAlive()) throw new Error("the shard was restarted");
    return cursor(
      prepare(query)
        .all(...bindings.map(input))
        .map(output),
    );
  };
  return {
    sql: { exec } as unknown as Sql,
    transactionSync: (closure) => {
      db.exec("SAVEPOINT closure");
      try {
        const result = closure();
        db.exec("RELEASE closure");
        return result;
      } catch (error) {
        db.exec("ROLLBACK TO closure; RELEASE closure");
        throw error;
      }
    },
  };
}

function input(value: unknown): SQLInputValue {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : (value as SQLInputValue);
}

/** Workerd gives a blob as an ArrayBuffer. */
function output(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      value instanceof Uint8Array ? value.slice().buffer : value,
    ]),
  );
}

function cursor(rows: readonly Record<string, unknown>[]) {
  return {
    [Symbol.iterator]: () => rows[Symbol.iterator](),
    one: () => {
      const [row] = rows;
      if (row === undefined || rows.length > 1) throw new Error(`expected one row, found ${rows.length}`);
      return row;
    },
  };
}
