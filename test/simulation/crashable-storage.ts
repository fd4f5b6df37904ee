import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { ShardStorage, Sql } from "../../src/meter/shard-storage.ts";
import { cursor, input, output } from "../unit/meter/sqlite-storage.ts";

/** A shard's storage on node:sqlite that loses, when its owner dies, what was not on disk yet. */
export class CrashableStorage {
  readonly #db = new DatabaseSync(":memory:");
  readonly #statements = new Map<string, StatementSync>();
  #owner = {};

  constructor() {
    this.#db.exec("BEGIN");
  }

  /** Opens the storage. What an earlier owner still tries to write is not written. */
  open(): ShardStorage {
    const owner = {};
    this.#owner = owner;
    const exec = (query: string, ...bindings: unknown[]) => {
      if (this.#owner !== owner) throw new Error("the shard was restarted");
      const rows = this.#prepare(query).all(...bindings.map(input));
      return cursor(rows.map(output));
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

  #prepare(query: string): StatementSync {
    let statement = this.#statements.get(query);
    if (statement === undefined) this.#statements.set(query, (statement = this.#db.prepare(query)));
    return statement;
  }

  close(): void {
    this.#db.close();
  }

  /** Brings what was written to disk. */
  sync(): void {
    this.#db.exec("COMMIT; BEGIN");
  }

  /** The owner is gone. What it had written since the last sync has come to disk, or has not. */
  crash(keepsUnsynced: boolean): void {
    this.#owner = {};
    this.#db.exec(keepsUnsynced ? "COMMIT; BEGIN" : "ROLLBACK; BEGIN");
  }
}
