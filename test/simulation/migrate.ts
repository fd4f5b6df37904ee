import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SqliteD1 } from "./sqlite-d1.ts";

const MIGRATIONS = join(import.meta.dirname, "../../migrations");

const schema = readdirSync(MIGRATIONS)
  .filter((name) => name.endsWith(".sql"))
  .toSorted()
  .map((name) => readFileSync(join(MIGRATIONS, name), "utf8"))
  .join("\n")
  .replaceAll("--> statement-breakpoint", ";");

/** Gives a database the ledger's tables, by the migrations that a deployment applies. */
export function migrate(database: SqliteD1): void {
  database.execute(schema);
}
