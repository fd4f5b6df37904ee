import { LRUCache } from "lru-cache";
import type { PackedBlock, PackedRun } from "./packing.ts";
import type { Run } from "./run-ids.ts";
import type { Sql } from "./shard-storage.ts";

/** The row of a run's table that says of the whole run; the others are its blocks. */
const HEAD_ROW = -1;

/** About as many blocks as a run has, so that a request which repeats an earlier one reads each once. */
const MAX_BLOCKS_REMEMBERED = 8;

interface Head {
  readonly newest: number;
  readonly firsts: readonly number[];
}

/** The packed ids on disk: a table a run, so that what has left the dedupe window is dropped as a whole. */
export class RunStore {
  readonly #sql: Sql;
  /** When each run's newest line arrived. */
  readonly #newest = new Map<number, number>();
  readonly #blocks = new LRUCache<string, PackedBlock>({ max: MAX_BLOCKS_REMEMBERED });

  constructor(sql: Sql) {
    this.#sql = sql;
    const tables = [
      ...this.#sql.exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'ids_*'",
      ),
    ];
    const numbers = tables.map(({ name }) => Number(name.slice("ids_".length)));
    for (const number of numbers.toSorted((a, b) => a - b))
      this.#newest.set(number, this.#head(number).newest);
  }

  has(number: number): boolean {
    return this.#newest.has(number);
  }

  /** All runs, oldest first, one at a time. */
  *load(): Generator<Run> {
    for (const number of this.#newest.keys()) {
      const { prefixes } = this.#sql
        .exec<{ prefixes: ArrayBuffer }>(
          `SELECT fingerprints AS prefixes FROM ids_${number} WHERE block = ${HEAD_ROW}`,
        )
        .one();
      yield { number, firsts: this.#head(number).firsts, prefixes: new Uint32Array(prefixes) };
    }
  }

  write({ number, prefixes, firsts, newest, blocks }: PackedRun): void {
    this.#sql.exec(
      `CREATE TABLE ids_${number} (block INTEGER PRIMARY KEY, fingerprints BLOB NOT NULL, lines BLOB NOT NULL)`,
    );
    const insert = (row: number, fingerprints: ArrayBuffer, lines: ArrayBuffer | string): void => {
      this.#sql.exec(
        `INSERT INTO ids_${number} (block, fingerprints, lines) VALUES (?, ?, ?)`,
        row,
        fingerprints,
        lines,
      );
    };
    insert(HEAD_ROW, prefixes.slice().buffer, JSON.stringify({ newest, firsts } satisfies Head));
    for (const [block, { fingerprints, lines }] of blocks.entries())
      insert(block, fingerprints.slice().buffer, lines.slice().buffer);
    this.#newest.set(number, newest);
  }

  /** Drops the runs whose lines all arrived before a time, and returns their numbers. */
  dropBefore(time: number): Set<number> {
    const old = new Set([...this.#newest].filter(([, newest]) => newest < time).map(([number]) => number));
    for (const number of old) {
      this.#sql.exec(`DROP TABLE ids_${number}`);
      this.#newest.delete(number);
    }
    return old;
  }

  /** A block of a run. */
  block(run: number, block: number): PackedBlock {
    const key = `${run}:${block}`;
    let packed = this.#blocks.get(key);
    if (packed === undefined) {
      const { fingerprints, lines } = this.#sql
        .exec<{
          fingerprints: ArrayBuffer;
          lines: ArrayBuffer;
        }>(`SELECT fingerprints, lines FROM ids_${run} WHERE block = ?`, block)
        .one();
      packed = { fingerprints: new Float64Array(fingerprints), lines: new Uint32Array(lines) };
      this.#blocks.set(key, packed);
    }
    return packed;
  }

  #head(number: number): Head {
    const { head } = this.#sql
      .exec<{ head: string }>(`SELECT lines AS head FROM ids_${number} WHERE block = ${HEAD_ROW}`)
      .one();
    return JSON.parse(head) as Head;
  }
}
