import type { Account, MeterSettings, SealedHour } from "./account.ts";
import type { SavedPage } from "./accounts.ts";
import type { History } from "./id-index.ts";
import { JournalStore } from "./journal-store.ts";
import { jsonRows } from "./json-rows.ts";
import type { Lines } from "./lines.ts";
import type { SavedMeter } from "./meter.ts";
import type { PackedRun } from "./packing.ts";
import { RunStore } from "./run-store.ts";
import type { ShardStorage, Sql } from "./shard-storage.ts";
import { decodeAccount, encodeAccount, type EncodedAccount } from "./snapshot.ts";

/** Sealed hours of one sealing that are handed over together. */
const MAX_HANDOVER = 500;

/** Rows that a page of accounts may take. */
const MAX_PARTS = 4096;

export interface Handover {
  /** Counts the hand-overs of this shard, upwards. */
  readonly sealing: number;
  readonly hours: readonly SealedHour[];
}

/**
 * The shard's tables (docs/storage.md describes each). Rows are what Cloudflare bills: a group of requests is one
 * journal row, and what is done with is dropped as a whole table.
 */
export class ShardStore {
  readonly journal: JournalStore;
  readonly runs: RunStore;
  readonly #storage: ShardStorage;
  readonly #sql: Sql;

  constructor(storage: ShardStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    );
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS accounts (part INTEGER PRIMARY KEY, up_to INTEGER NOT NULL, accounts TEXT NOT NULL)",
    );
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS outbox (sealing INTEGER PRIMARY KEY AUTOINCREMENT, hours TEXT NOT NULL)",
    );
    this.journal = new JournalStore(this.#sql);
    this.runs = new RunStore(this.#sql);
  }

  /** What was saved; the journal's segments are to be replayed on top. */
  load(): SavedMeter {
    return {
      pages: this.loadPages(),
      runs: this.runs.load(),
      firstLine: this.unpackedSegments[0] ?? 0,
    };
  }

  /** The accounts as they were saved. */
  loadPages(): SavedPage[] {
    const parts = [
      ...this.#sql.exec<{ part: number; up_to: number; accounts: string }>(
        "SELECT part, up_to, accounts FROM accounts ORDER BY part",
      ),
    ];
    return parts.map(({ part, up_to, accounts }) => ({
      page: Math.floor(part / MAX_PARTS),
      upTo: up_to,
      accounts: (JSON.parse(accounts) as EncodedAccount[]).map(decodeAccount),
    }));
  }

  /** The journal's segments that are in no run: what a restart replays. Oldest first. */
  get unpackedSegments(): number[] {
    return this.journal.segments.filter((segment) => !this.runs.has(segment));
  }

  /**
   * Lines beside memory.
   *
   * @param beWritten sees to it that a line is in the journal, which may still wait for its group's commit
   */
  history(beWritten: (line: number) => void): History {
    return {
      line: (line) => {
        beWritten(line);
        return this.journal.locate(line);
      },
      block: (run, block) => this.runs.block(run, block),
      all: () => {
        beWritten(Infinity);
        return this.#allLines();
      },
    };
  }

  /** The settings that usage was last counted by; null before the first. */
  get settings(): MeterSettings | null {
    return this.#meta("settings") as MeterSettings | null;
  }

  set settings(settings: MeterSettings) {
    this.#setMeta("settings", settings);
  }

  /** The last hour, epoch milliseconds, that was sealed without usage where there was none; null before the first. */
  get lastBeat(): number | null {
    return this.#meta("beat") as number | null;
  }

  set lastBeat(hour: number) {
    this.#setMeta("beat", hour);
  }

  /** Saves a page of accounts, which know all lines before `upTo`. */
  savePage({ page, upTo, accounts }: SavedPage): void {
    let part = page * MAX_PARTS;
    this.#storage.transactionSync(() => {
      for (const { json } of jsonRows(encoded(accounts))) {
        this.#sql.exec(
          "INSERT OR REPLACE INTO accounts (part, up_to, accounts) VALUES (?, ?, ?)",
          part++,
          upTo,
          json,
        );
      }
      this.#sql.exec("DELETE FROM accounts WHERE part >= ? AND part < ?", part, (page + 1) * MAX_PARTS);
    });
  }

  /** Writes the run of a journal segment, whose lines are replayed no more. */
  writeRun(run: PackedRun): void {
    this.#storage.transactionSync(() => {
      this.runs.write(run);
    });
  }

  /** Drops the runs whose lines all arrived before a time, with those lines, and returns their numbers. */
  dropRunsBefore(time: number): Set<number> {
    return this.#storage.transactionSync(() => {
      const dropped = this.runs.dropBefore(time);
      for (const segment of dropped) this.journal.drop(segment);
      return dropped;
    });
  }

  /** Does all of it or nothing. */
  atomically(write: () => void): void {
    this.#storage.transactionSync(write);
  }

  /** Puts sealed hours into the outbox; to be called together with writing their sealing to the journal. */
  handOver(hours: readonly SealedHour[]): void {
    for (const { json } of jsonRows(hours, { maxItems: MAX_HANDOVER }))
      this.#sql.exec("INSERT INTO outbox (hours) VALUES (?)", json);
  }

  /**
   * What has been sealed and is not known to be in the ledger yet, oldest first.
   *
   * @param after only hand-overs with a higher number
   */
  *outbox(after = 0): Generator<Handover> {
    let last = after;
    for (;;) {
      const [row] = [
        ...this.#sql.exec<{ sealing: number; hours: string }>(
          "SELECT sealing, hours FROM outbox WHERE sealing > ? ORDER BY sealing LIMIT 1",
          last,
        ),
      ];
      if (row === undefined) return;
      yield { sealing: row.sealing, hours: JSON.parse(row.hours) as SealedHour[] };
      last = row.sealing;
    }
  }

  /** Forgets a hand-over that the ledger has. */
  acknowledge(sealing: number): void {
    this.#sql.exec("DELETE FROM outbox WHERE sealing = ?", sealing);
  }

  #meta(key: string): unknown {
    const [row] = [...this.#sql.exec<{ value: string }>("SELECT value FROM meta WHERE key = ?", key)];
    return row === undefined ? null : JSON.parse(row.value);
  }

  #setMeta(key: string, value: unknown): void {
    this.#sql.exec("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, JSON.stringify(value));
  }

  *#allLines(): Generator<Lines> {
    for (const segment of this.journal.segments) {
      for (const entries of this.journal.rows(segment)) {
        for (const entry of entries) if ("lines" in entry) yield entry.lines;
      }
    }
  }
}

function* encoded(accounts: readonly Account[]): Generator<EncodedAccount> {
  for (const account of accounts) yield encodeAccount(account);
}
