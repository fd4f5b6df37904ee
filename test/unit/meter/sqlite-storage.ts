import { DatabaseSync, type SQLInputValue } from "node:sqlite";
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
    const exec = (query: string, ...bindings: unknown[]) => {
      if (handle.dead) throw new Error("the shard was restarted");
      const rows = this.#db
        .prepare(query)
        .all(...bindings.map(input))
        .map(output);
      return cursor(rows);
    };
    return {
      sql: { exec } as unknown as Sql,
      transactionSync: (closure) => {
        this.#db.exec("SAVEPOINT closure");
        try {
          const result = closure();
          this.#db.exec("RELEASE closure");
          return result;
        } catch (error) {
          this.#db.exec("ROLLBACK TO closure; RELEASE closure");
          throw error;
        }
      },
    };
  }

  /** Reads what is on disk. */
  query<Row>(query: string): Row[] {
    return this.#db.prepare(query).all() as Row[];
  }
}

export function input(value: unknown): SQLInputValue {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : (value as SQLInputValue);
}

/** Workerd gives a blob as an ArrayBuffer. */
export function output(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      value instanceof Uint8Array ? value.slice().buffer : value,
    ]),
  );
}

export function cursor(rows: readonly Record<string, unknown>[]) {
  return {
    [Symbol.iterator]: () => rows[Symbol.iterator](),
    one: () => {
      const [row] = rows;
      if (row === undefined || rows.length > 1) throw new Error(`expected one row, found ${rows.length}`);
      return row;
    },
  };
}
