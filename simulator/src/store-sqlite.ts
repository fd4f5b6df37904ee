import type { Call, MeteringRecord } from "./model.ts";
import type {
  DocumentKind,
  DocumentTypes,
  ListOptions,
  Numbered,
  PageOptions,
  RecordFilter,
  Store,
} from "./store.ts";

const schema = `
  CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS records (
    sequence INTEGER PRIMARY KEY, bookKey TEXT NOT NULL UNIQUE, region TEXT NOT NULL, productCode TEXT NOT NULL,
    accountId TEXT NOT NULL, licenseArn TEXT, dimension TEXT NOT NULL, value TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS recordsOfProduct ON records (productCode, sequence);
  CREATE INDEX IF NOT EXISTS recordsOfAccount ON records (accountId, sequence);
  CREATE TABLE IF NOT EXISTS calls (sequence INTEGER PRIMARY KEY AUTOINCREMENT, value TEXT NOT NULL);
`;

/** Older calls make room for new ones: the books stay, the log is for looking at. */
const keptCalls = 10_000;

type Row = Record<string, SqlStorageValue> & { sequence: number; value: string };

/** Keeps everything in a Durable Object's SQLite, so that it survives restarts. */
export class SqliteStore implements Store {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(schema);
  }

  get<K extends DocumentKind>(kind: K, key: string): DocumentTypes[K] | undefined {
    const query = "SELECT value FROM documents WHERE kind = ? AND key = ?";
    const row = this.#sql.exec<{ value: string }>(query, kind, key).toArray()[0];
    return row && (JSON.parse(row.value) as DocumentTypes[K]);
  }

  put<K extends DocumentKind>(kind: K, key: string, value: DocumentTypes[K]): void {
    const query = "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value";
    this.#sql.exec(query, kind, key, JSON.stringify(value));
  }

  remove(kind: DocumentKind, key: string): void {
    this.#sql.exec("DELETE FROM documents WHERE kind = ? AND key = ?", kind, key);
  }

  list<K extends DocumentKind>(kind: K, { prefix = "", after = "", limit }: ListOptions) {
    // A range of the primary key; U+10FFFF is past every character that a key may go on with.
    const query =
      "SELECT key, value FROM documents WHERE kind = ? AND key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ?";
    const rows = this.#sql.exec<{ key: string; value: string }>(
      query,
      kind,
      prefix,
      `${prefix}\u{10ffff}`,
      after,
      limit,
    );
    return rows.toArray().map(({ key, value }) => ({ key, value: JSON.parse(value) as DocumentTypes[K] }));
  }

  findRecord(bookKey: string): MeteringRecord | undefined {
    const row = this.#sql
      .exec<{ value: string }>("SELECT value FROM records WHERE bookKey = ?", bookKey)
      .toArray()[0];
    return row && (JSON.parse(row.value) as MeteringRecord);
  }

  addRecord(bookKey: string, record: MeteringRecord): void {
    const { region, productCode, accountId, licenseArn, dimension } = record;
    this.#sql.exec(
      "INSERT INTO records (bookKey, region, productCode, accountId, licenseArn, dimension, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
      bookKey,
      region,
      productCode,
      accountId,
      licenseArn,
      dimension,
      JSON.stringify(record),
    );
  }

  records(filter: RecordFilter, page: PageOptions): Numbered<MeteringRecord>[] {
    // The names are RecordFilter's, never the caller's.
    const wanted = Object.entries(filter) as [keyof RecordFilter, string][];
    const where = wanted.map(([field]) => ` AND ${field} = ?`).join("");
    const values = wanted.map(([, value]) => value);
    return this.#page<MeteringRecord>(`FROM records WHERE sequence > ?${where}`, values, page);
  }

  addCall(call: Call): void {
    const insert = "INSERT INTO calls (value) VALUES (?) RETURNING sequence";
    const { sequence } = this.#sql.exec<{ sequence: number }>(insert, JSON.stringify(call)).one();
    this.#sql.exec("DELETE FROM calls WHERE sequence <= ?", sequence - keptCalls);
  }

  calls(page: PageOptions): Numbered<Call>[] {
    return this.#page<Call>("FROM calls WHERE sequence > ?", [], page);
  }

  counts() {
    const documents = "(SELECT count(*) FROM documents WHERE kind =";
    const newest = "SELECT coalesce(max(sequence), 0) FROM";
    const query = `SELECT ${documents} 'product') AS products, ${documents} 'agreement') AS agreements,
      (${newest} records) AS records, (${newest} calls) AS calls`;
    return this.#sql
      .exec<{ products: number; agreements: number; records: number; calls: number }>(query)
      .one();
  }

  clear(): void {
    this.#sql.exec("DELETE FROM documents; DELETE FROM records; DELETE FROM calls;");
    this.#sql.exec("DELETE FROM sqlite_sequence");
  }

  #page<T>(from: string, values: readonly string[], { after, limit }: PageOptions): Numbered<T>[] {
    const order = after === undefined ? "DESC" : "ASC";
    const query = `SELECT sequence, value ${from} ORDER BY sequence ${order} LIMIT ?`;
    const rows = this.#sql.exec<Row>(query, after ?? 0, ...values, limit).toArray();
    if (after === undefined) rows.reverse();
    return rows.map(({ sequence, value }) => ({ sequence, value: JSON.parse(value) as T }));
  }
}
