import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { products } from "./catalog.ts";

/** What a customer (an AWS account that bought) has bought: one agreement, billed on its own. */
export const agreements = sqliteTable(
  "agreements",
  {
    id: text().primaryKey(),
    productId: text("product_id")
      .notNull()
      .references(() => products.id),
    accountId: text("account_id"),
    licenseArn: text("license_arn"),
    /** AWS's legacy id of the customer; absent for products with concurrent agreements. */
    customerIdentifier: text("customer_identifier"),
    /** The seller's own id for the customer. */
    customer: text(),
    /** The meter shard that counts it, for ever: ids and carry live there. */
    shard: integer().notNull(),
    registeredAt: integer("registered_at").notNull(),
    /** Until when AWS takes its usage; null while no end is known. */
    usageUntil: integer("usage_until"),
  },
  (table) => [
    uniqueIndex("agreements_customer").on(table.productId, table.customer),
    index("agreements_account").on(table.productId, table.accountId),
    uniqueIndex("agreements_license").on(table.productId, table.licenseArn),
    index("agreements_customer_identifier").on(table.productId, table.customerIdentifier),
  ],
);
