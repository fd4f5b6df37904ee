import { DatabaseSync } from "node:sqlite";
import type { ShardStorage } from "../../src/meter/shard-storage.ts";
import { storageOn } from "../unit/meter/sqlite-storage.ts";

/** A shard's storage on node:sqlite that loses, when its owner dies, what was not on disk yet. */
export class CrashableStorage {
  readonly #db = new DatabaseSync(":memory:");
  #owner = {};

  constructor() {
    this.#db.exec("BEGIN");
  }

  /** Opens the storage. What an earlier owner still tries to write is not written. */
  open(): ShardStorage {
    const owner = {};
    this.#owner = owner;
    return storageOn(this.#db, () => this.#owner === owner);
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
