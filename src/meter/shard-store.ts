import type { SealedHour, SettleTimes } from "./account.ts";
import type { CountedId } from "./id-index.ts";
import type { JournalEntry } from "./journal.ts";
import type { MeterState } from "./meter.ts";
import { decodeAccount, encodeAccount, type EncodedAccount } from "./snapshot.ts";

/** SQLite in a Durable Object takes values of at most 2 MB; a blob stays below. */
const MAX_BLOB_BYTES = 1_800_000;

/** Sealed hours of one sealing that are handed over together. */
const MAX_HANDOVER = 500;

export interface Handover {
  /** Counts the hand-overs of this shard, upwards. */
  readonly sealing: number;
  readonly hours: readonly SealedHour[];
}

/** What a sealing changes, all of it at once or not at all. */
export interface Checkpoint {
  readonly sealed: readonly SealedHour[];
  readonly state: MeterState;
  readonly ids: readonly CountedId[];
  /** Ids that arrived before this time are out of the dedupe window. Epoch milliseconds. */
  readonly forgetBefore: number;
}

export interface StoredShard {
  readonly state: MeterState;
  readonly ids: readonly CountedId[];
  /** What came after the state, in order. */
  readonly journal: readonly JournalEntry[];
}

const encoder = new TextEncoder();

/** Reads JSON that this file wrote: one blob, or the parts that one was cut into, in order. */
function read(...parts: ArrayBuffer[]): unknown {
  const decoder = new TextDecoder();
  const text = parts.map((part) => decoder.decode(part, { stream: true })).join("");
  return JSON.parse(text);
}

/**
 * The shard's tables (docs/storage.md describes each). Rows are what Cloudflare bills: a group of requests is one
 * journal row, and a journal is dropped as a whole table once a snapshot has taken its place.
 */
export class ShardStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`,
    );
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS snapshot (part INTEGER PRIMARY KEY, bytes BLOB NOT NULL)`);
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS ids (block INTEGER PRIMARY KEY, newest INTEGER NOT NULL, ids BLOB NOT NULL)`,
    );
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS outbox (sealing INTEGER PRIMARY KEY AUTOINCREMENT, hours BLOB NOT NULL)`,
    );
    this.#createJournal(this.#segment);
  }

  load(): StoredShard {
    const parts = [...this.#sql.exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM snapshot ORDER BY part")];
    const state = parts.length === 0 ? [] : (read(...parts.map(({ bytes }) => bytes)) as EncodedAccount[]);
    const ids = [...this.#sql.exec<{ ids: ArrayBuffer }>("SELECT ids FROM ids ORDER BY block")];
    const journal = [
      ...this.#sql.exec<{ entries: ArrayBuffer }>(
        `SELECT entries FROM journal_${this.#segment} ORDER BY seq`,
      ),
    ];
    return {
      state: { accounts: state.map(decodeAccount) },
      ids: ids.flatMap((block) => read(block.ids) as CountedId[]),
      journal: journal.flatMap(({ entries }) => read(entries) as JournalEntry[]),
    };
  }

  get times(): SettleTimes | null {
    const stored = this.#meta("times");
    return stored === null ? null : (JSON.parse(stored) as SettleTimes);
  }

  set times(times: SettleTimes) {
    this.#setMeta("times", JSON.stringify(times));
  }

  /** Writes a group of entries: one row, unless they are more than a row can hold. */
  append(entries: readonly JournalEntry[]): void {
    for (const blob of blobs(entries)) {
      this.#sql.exec(`INSERT INTO journal_${this.#segment} (entries) VALUES (?)`, blob);
    }
  }

  /** Puts a sealing's records into the outbox and starts a new journal on top of the state, as one transaction. */
  checkpoint({ sealed, state, ids, forgetBefore }: Checkpoint): void {
    this.#storage.transactionSync(() => {
      for (const blob of blobs(sealed, MAX_HANDOVER))
        this.#sql.exec("INSERT INTO outbox (hours) VALUES (?)", blob);
      const snapshot = encoder.encode(JSON.stringify(state.accounts.map(encodeAccount)));
      const parts = Math.ceil(snapshot.byteLength / MAX_BLOB_BYTES);
      for (let part = 0; part < parts; part++) {
        const bytes = snapshot.subarray(part * MAX_BLOB_BYTES, (part + 1) * MAX_BLOB_BYTES);
        this.#sql.exec("INSERT OR REPLACE INTO snapshot (part, bytes) VALUES (?, ?)", part, bytes);
      }
      this.#sql.exec("DELETE FROM snapshot WHERE part >= ?", parts);
      const newest = ids.at(-1)?.[2] ?? 0;
      for (const blob of blobs(ids))
        this.#sql.exec("INSERT INTO ids (newest, ids) VALUES (?, ?)", newest, blob);
      this.#sql.exec("DELETE FROM ids WHERE newest < ?", forgetBefore);

      const segment = this.#segment;
      this.#createJournal(segment + 1);
      this.#setMeta("segment", String(segment + 1));
      this.#sql.exec(`DROP TABLE journal_${segment}`);
    });
  }

  /** What has been sealed and is not known to be in the ledger yet, oldest first. */
  outbox(): Handover[] {
    const rows = this.#sql.exec<{ sealing: number; hours: ArrayBuffer }>(
      "SELECT sealing, hours FROM outbox ORDER BY sealing",
    );
    return [...rows].map(({ sealing, hours }) => ({ sealing, hours: read(hours) as SealedHour[] }));
  }

  /** Whether anything sealed is not known to be in the ledger. */
  get hasOutbox(): boolean {
    return [...this.#sql.exec("SELECT 1 FROM outbox LIMIT 1")].length > 0;
  }

  /** Forgets a hand-over that the ledger has. */
  acknowledge(sealing: number): void {
    this.#sql.exec("DELETE FROM outbox WHERE sealing = ?", sealing);
  }

  /** The number of the newest hand-over made so far, 0 before the first. */
  get lastSealing(): number {
    const row = [
      ...this.#sql.exec<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'"),
    ][0];
    return row?.seq ?? 0;
  }

  get #segment(): number {
    return Number(this.#meta("segment") ?? "1");
  }

  #createJournal(segment: number): void {
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS journal_${segment} (seq INTEGER PRIMARY KEY, entries BLOB NOT NULL)`,
    );
  }

  #meta(key: string): string | null {
    const row = [...this.#sql.exec<{ value: string }>("SELECT value FROM meta WHERE key = ?", key)][0];
    return row?.value ?? null;
  }

  #setMeta(key: string, value: string): void {
    this.#sql.exec("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value);
  }
}

/** JSON arrays of the items, each small enough for a row. */
function blobs(items: readonly unknown[], maxItems = Infinity): Uint8Array[] {
  const result: Uint8Array[] = [];
  let parts: string[] = [];
  let bytes = 0;
  const close = (): void => {
    if (parts.length > 0) result.push(encoder.encode(`[${parts.join(",")}]`));
    parts = [];
    bytes = 0;
  };
  for (const item of items) {
    const json = JSON.stringify(item);
    const size = encoder.encode(json).byteLength + 1;
    if (bytes + size > MAX_BLOB_BYTES || parts.length >= maxItems) close();
    parts.push(json);
    bytes += size;
  }
  close();
  return result;
}
