import { LRUCache } from "lru-cache";
import type { Located } from "./id-index.ts";
import type { JournalEntry } from "./journal.ts";
import { jsonRows } from "./json-rows.ts";
import { lineCount } from "./lines.ts";
import type { Sql } from "./shard-storage.ts";

/** A row is read as a whole to compare one id in it, so it is far below what SQLite takes. */
const ROW_UNITS = 250_000;

/** Rows read lately, for producers that send the same again. */
const MAX_ROWS_REMEMBERED = 4;

/**
 * The journal on disk, in segments: a table each, so that a segment is dropped as a whole. A row holds the entries
 * of one group commit and is numbered by its first line.
 */
export class JournalStore {
  readonly #sql: Sql;
  /** The number of each segment's first line, which is in its table's name; oldest first. */
  #segments: number[];
  readonly #read = new LRUCache<number, readonly JournalEntry[]>({ max: MAX_ROWS_REMEMBERED });

  constructor(sql: Sql) {
    this.#sql = sql;
    const tables = [
      ...sql.exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'journal_*'",
      ),
    ];
    this.#segments = tables
      .map(({ name }) => Number(name.slice("journal_".length)))
      .toSorted((a, b) => a - b);
    if (this.#segments.length === 0) this.begin(0);
  }

  /** The first line of each segment, oldest first. */
  get segments(): readonly number[] {
    return this.#segments;
  }

  /** Begins a segment with this line. */
  begin(line: number): void {
    this.#sql.exec(`CREATE TABLE journal_${line} (line INTEGER PRIMARY KEY, entries TEXT NOT NULL)`);
    this.#segments.push(line);
  }

  /** Drops a segment. */
  drop(segment: number): void {
    this.#sql.exec(`DROP TABLE journal_${segment}`);
    this.#segments = this.#segments.filter((start) => start !== segment);
  }

  /** Writes a group of entries: one row, unless they are more than a row can hold. */
  append(entries: readonly JournalEntry[]): void {
    for (const { first, json } of jsonRows(entries, { maxUnits: ROW_UNITS })) {
      this.#sql.exec(
        `INSERT INTO journal_${this.#segments.at(-1)} (line, entries) VALUES (?, ?)`,
        first.first,
        json,
      );
    }
  }

  /** The entries of a segment, in order, a row at a time. */
  *rows(segment: number): Generator<readonly JournalEntry[]> {
    let after = -1;
    for (;;) {
      // A row a query: more are not to be in memory at once, and the caller may let others in between.
      const [row] = [
        ...this.#sql.exec<{ line: number; entries: string }>(
          `SELECT line, entries FROM journal_${segment} WHERE line > ? ORDER BY line LIMIT 1`,
          after,
        ),
      ];
      if (row === undefined) return;
      yield JSON.parse(row.entries) as JournalEntry[];
      after = row.line;
    }
  }

  /** A line by its number. */
  locate(line: number): Located {
    const segment = this.#segments.findLast((start) => start <= line);
    const [row] = [
      ...this.#sql.exec<{ line: number }>(
        `SELECT line FROM journal_${segment} WHERE line <= ? ORDER BY line DESC LIMIT 1`,
        line,
      ),
    ];
    if (segment === undefined || row === undefined) throw new Error(`the journal has no line ${line}`);
    for (const entry of this.#entriesOf(segment, row.line)) {
      if ("lines" in entry && line < entry.first + lineCount(entry.lines))
        return { lines: entry.lines, index: line - entry.first };
    }
    throw new Error(`the journal has no line ${line}`);
  }

  #entriesOf(segment: number, row: number): readonly JournalEntry[] {
    let entries = this.#read.get(row);
    if (entries === undefined) {
      const { entries: json } = this.#sql
        .exec<{ entries: string }>(`SELECT entries FROM journal_${segment} WHERE line = ?`, row)
        .one();
      entries = JSON.parse(json) as JournalEntry[];
      this.#read.set(row, entries);
    }
    return entries;
  }
}
