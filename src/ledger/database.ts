import type { SQLWrapper } from "drizzle-orm";
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import { SQLiteAsyncDialect } from "drizzle-orm/sqlite-core";
import * as schema from "./schema.ts";

/** The D1 ledger: what is known of products, customers, records and calls. */
export type Ledger = DrizzleD1Database<typeof schema> & { readonly $client: D1Database };

/** Opening takes the schema apart, and every request needs it. */
const opened = new WeakMap<D1Database, Ledger>();

/** @param database the Worker's D1 binding */
export function openLedger(database: D1Database): Ledger {
  let ledger = opened.get(database);
  if (ledger === undefined) opened.set(database, (ledger = drizzle(database, { schema })));
  return ledger;
}

const dialect = new SQLiteAsyncDialect();

/**
 * Runs statements as one transaction: all of them take effect, or none. For statements that are written by hand;
 * drizzle's own `batch` takes only those that it has built.
 *
 * @returns each statement's rows, by the names that it gives its columns
 */
export async function inOneTransaction(
  ledger: Ledger,
  statements: readonly SQLWrapper[],
): Promise<Record<string, unknown>[][]> {
  const prepared = statements.map((statement) => {
    const { sql, params } = dialect.sqlToQuery(statement.getSQL());
    return ledger.$client.prepare(sql).bind(...params);
  });
  const results = await ledger.$client.batch<Record<string, unknown>>(prepared);
  return results.map(({ results: rows }) => rows);
}
