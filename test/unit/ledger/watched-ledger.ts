import { openLedger, type Ledger } from "../../../src/ledger/database.ts";
import { migrate } from "../../simulation/migrate.ts";
import { NO_HAZARDS, Process } from "../../simulation/process.ts";
import { Random } from "../../simulation/random.ts";
import { SqliteD1 } from "../../simulation/sqlite-d1.ts";

type Value = string | number | null;

interface Statement {
  readonly sql: string;
  readonly values: readonly Value[];
  bind(...values: Value[]): Statement;
  all(): unknown;
  run(): unknown;
  raw(): unknown;
}

/** Tables that grow with customers or with time, also by the names that queries give them. */
const LARGE = new Set([
  "agreements",
  "notices",
  "records",
  "messages",
  "arrivals",
  "contacts",
  "alarms",
  "latest",
  "first",
]);

/** An empty ledger that knows which statements were run on it. */
export class WatchedLedger {
  readonly database = new SqliteD1();
  readonly ledger: Ledger;
  #run: Pick<Statement, "sql" | "values">[] = [];

  constructor() {
    migrate(this.database);
    const d1 = this.database.as(new Process(new Random(0), NO_HAZARDS, () => undefined));
    const note = (statement: Statement) => this.#run.push(statement);
    const watch = (statement: Statement): Statement => ({
      ...statement,
      bind: (...values) => watch(statement.bind(...values)),
      all: () => (note(statement), statement.all()),
      run: () => (note(statement), statement.run()),
      raw: () => (note(statement), statement.raw()),
    });
    this.ledger = openLedger({
      prepare: (sql: string) => watch(d1.prepare(sql) as unknown as Statement),
      batch: (statements: Statement[]) => {
        for (const statement of statements) note(statement);
        return d1.batch(statements as unknown as D1PreparedStatement[]);
      },
    } as unknown as D1Database);
  }

  /** Begins anew. */
  forget(): void {
    this.#run = [];
  }

  /** How many statements were run: D1 counts those of a batch one by one. */
  get count(): number {
    return this.#run.length;
  }

  /**
   * Where SQLite reads the whole of a table that grows, or of an index of it, to answer what was run.
   *
   * @param partial indexes that may be read as a whole
   */
  scans(partial: readonly string[]): string[] {
    return this.#plans().flatMap(({ sql, steps }) => {
      const scans = steps.filter((detail) => {
        const [, table = "", index = ""] =
          /^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?/.exec(detail) ?? [];
        return LARGE.has(table) && !partial.includes(index);
      });
      return scans.map((detail) => `${detail}: ${sql.replaceAll(/\s+/g, " ")}`);
    });
  }

  /** The indexes that were walked for what was run. */
  get indexes(): ReadonlySet<string> {
    const steps = this.#plans().flatMap((plan) => plan.steps);
    return new Set(steps.flatMap((step) => / INDEX (\w+)/.exec(step)?.[1] ?? []));
  }

  /** By which columns rows were looked up in an index for what was run: `one=? AND other=?`. */
  get searches(): string[] {
    const steps = this.#plans().flatMap((plan) => plan.steps);
    return steps.flatMap((step) => /^SEARCH .* INDEX \w+ \((.*)\)/.exec(step)?.[1] ?? []);
  }

  #plans() {
    return this.#run.map(({ sql, values }) => {
      const plan = this.database.query<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values);
      return { sql, steps: plan.map(({ detail }) => detail) };
    });
  }
}
