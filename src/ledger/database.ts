import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import * as schema from "./schema.ts";

/** The D1 ledger: what is known of products, customers, records and calls. */
export type Ledger = DrizzleD1Database<typeof schema>;

/** Opening takes the schema apart, and every request needs it. */
const opened = new WeakMap<D1Database, Ledger>();

/** @param database the Worker's D1 binding */
export function openLedger(database: D1Database): Ledger {
  let ledger = opened.get(database);
  if (ledger === undefined) opened.set(database, (ledger = drizzle(database, { schema })));
  return ledger;
}
