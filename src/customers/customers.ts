import { asc, sql, type SQL } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import { agreements } from "../ledger/schema.ts";
import type { Agreement } from "./agreements.ts";
import { licenseIdOf } from "./notices/notices.ts";

/** Whoever holds agreements: an AWS account, or, where AWS has told none, its legacy id of the customer. */
export interface Customer {
  readonly id: string;
  /** In the order of their ids. */
  readonly agreements: readonly Agreement[];
}

/** As the index `agreements_holder` has it. */
const HOLDER = sql`coalesce(account_id, customer_identifier)`;

export interface CustomerQuery {
  readonly limit: number;
  readonly after?: string | undefined;
  /** The beginning of the seller's own id or of an e-mail address; or the whole of any id that AWS has given. */
  readonly search?: string | undefined;
}

/** Customers in the order of their ids. */
export async function listCustomers(ledger: Ledger, query: CustomerQuery): Promise<Customer[]> {
  const { limit, after = "", search } = query;
  const isFound = search === undefined ? sql`true` : sql`id IN (${agreementsFoundBy(search)})`;
  const holders = await ledger.all<{ id: string }>(sql`
    SELECT DISTINCT ${HOLDER} AS id FROM agreements
    WHERE ${HOLDER} > ${after} AND ${isFound} ORDER BY ${HOLDER} LIMIT ${limit}`);
  return withAgreements(
    ledger,
    holders.map(({ id }) => id),
  );
}

/** A customer by the id that {@link listCustomers} shows; null when there is none. */
export async function findCustomer(ledger: Ledger, id: string): Promise<Customer | null> {
  const [customer] = await withAgreements(ledger, [id]);
  return customer === undefined || customer.agreements.length === 0 ? null : customer;
}

async function withAgreements(ledger: Ledger, ids: readonly string[]): Promise<Customer[]> {
  const rows = await ledger
    .select()
    .from(agreements)
    .where(sql`${HOLDER} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`)
    .orderBy(asc(agreements.id));
  const byHolder = Map.groupBy(rows, (row) => row.accountId ?? row.customerIdentifier ?? "");
  return ids.map((id) => ({ id, agreements: byHolder.get(id) ?? [] }));
}

/** Each way to find an agreement walks an index of its own. */
function agreementsFoundBy(search: string): SQL {
  const of = (column: string, value: string) =>
    sql`SELECT id FROM agreements WHERE ${sql.raw(column)} = ${value}`;
  const ofAnyProduct = (condition: SQL) =>
    sql`SELECT id FROM agreements WHERE product_id IN (SELECT id FROM products) AND ${condition}`;
  const begins = (column: string, text: string) =>
    sql`${sql.raw(column)} >= ${text} AND ${sql.raw(column)} < ${`${text}\u{10ffff}`}`;
  const byAwsNames = [
    of("license_id", licenseIdOf(search)),
    of("aws_agreement_id", search),
    ofAnyProduct(sql`account_id = ${search}`),
    ofAnyProduct(sql`customer_identifier = ${search}`),
  ];
  const bySellersNames = [
    of("id", search),
    ofAnyProduct(begins("customer", search)),
    sql`SELECT agreement_id AS id FROM contacts WHERE ${begins("lower(email)", search.toLowerCase())}`,
  ];
  // D1 takes compounds of at most five.
  const anyOf = (ways: readonly SQL[]) => sql`SELECT id FROM (${sql.join([...ways], sql` UNION `)})`;
  return sql`${anyOf(byAwsNames)} UNION ${anyOf(bySellersNames)}`;
}
