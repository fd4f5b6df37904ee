// Times are epoch milliseconds, except where AWS's wire format is kept as it is. docs/storage.md describes each table.

export * from "./schema/catalog.ts";
export * from "./schema/customers.ts";
export * from "./schema/records.ts";
export * from "./schema/watch.ts";
