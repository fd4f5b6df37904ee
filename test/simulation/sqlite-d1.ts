import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { Process } from "./process.ts";

/** A D1 database on node:sqlite. What the processes of the gateway see of it may fail; the database itself does not. */
export class SqliteD1 {
  readonly #db = new DatabaseSync(":memory:");
  readonly #statements = new Map<string, StatementSync>();

  /** Runs a migration's text. */
  execute(script: string): void {
    this.#db.exec(script);
  }

  close(): void {
    this.#db.close();
  }

  /** Reads for a check, beside all processes. */
  query<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** The database as a process has it. */
  as(process: Process): D1Database {
    const result = (sql: string, values: readonly SQLInputValue[]) => ({
      success: true,
      meta: {},
      results: this.query(sql, ...values),
    });
    const statement = (sql: string, values: readonly SQLInputValue[]): unknown => ({
      sql,
      values,
      bind: (...bound: SQLInputValue[]) => statement(sql, bound),
      all: () => process.reach("ledger", () => result(sql, values)),
      run: () => process.reach("ledger", () => result(sql, values)),
      raw: () =>
        process.reach("ledger", () =>
          this.query<Record<string, unknown>>(sql, ...values).map((row) => Object.values(row)),
        ),
    });
    return {
      prepare: (sql: string) => statement(sql, []),
      batch: (statements: readonly { sql: string; values: SQLInputValue[] }[]) =>
        process.reach("ledger", () =>
          this.#inTransaction(() => statements.map(({ sql, values }) => result(sql, values))),
        ),
    } as unknown as D1Database;
  }

  #inTransaction<T>(work: () => T): T {
    this.#db.exec("BEGIN");
    try {
      const done = work();
      this.#db.exec("COMMIT");
      return done;
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }
}
