/** What of Cloudflare's storage a shard uses, so that it can stand on any other SQLite, too. */
export interface ShardStorage {
  readonly sql: Sql;
  /** Runs the closure as one transaction: all of it is stored, or nothing when it throws. */
  transactionSync<T>(closure: () => T): T;
}

export interface Sql {
  exec<Row extends SqlRow>(query: string, ...bindings: unknown[]): Iterable<Row> & { one(): Row };
}

type SqlRow = Record<string, ArrayBuffer | string | number | null>;
