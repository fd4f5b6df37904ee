import { and, asc, gt, sql, type SQL } from "drizzle-orm";
import { page } from "../http/router.ts";
import type { Ledger } from "../ledger/database.ts";
import { agreements } from "../ledger/schema.ts";
import type { Agreement } from "../ledger/agreements.ts";
import { licenseIdOf } from "./notices/notices.ts";

/** Whoever holds agreements: an AWS account, or, where AWS has told none, its legacy id of the customer. */
export interface Customer {
  readonly id: string;
  /** The first of them, in the order of their ids. */
  readonly agreements: readonly Agreement[];
  /** After which agreement there are more; null when there are none. */
  readonly next: string | null;
}

/** Agreements that the beginning of a name finds: it may be the beginning of all names. */
const MAX_BEGINNING = 1000;

/** Agreements of each customer that a list shows. */
const FIRST = 20;

/** As the index `agreements_holder` has it. */
const HOLDER = sql`coalesce(account_id, customer_identifier)`;

export interface CustomerQuery {
  readonly limit: number;
  readonly after?: string | undefined;
  /** The beginning of the seller's own id or of an e-mail address; or the whole of any id that AWS has given. */
  readonly search?: string | undefined;
}

/** Customers in the order of their ids, each with the first of its agreements. */
export async function listCustomers(ledger: Ledger, query: CustomerQuery): Promise<Customer[]> {
  const { limit, after = "", search } = query;
  // With a plus SQLite leaves the order to be made from what is found, instead of looking for that in the whole index.
  const where =
    search === undefined
      ? sql`${HOLDER} > ${after}`
      : sql`+${HOLDER} > ${after} AND id IN (${agreementsFoundBy(search)})`;
  const holders = await ledger.all<{ id: string }>(sql`
    SELECT DISTINCT ${HOLDER} AS id FROM agreements WHERE ${where} ORDER BY 1 LIMIT ${limit}`);
  return withAgreements(
    ledger,
    holders.map(({ id }) => id),
  );
}

/** Agreements of a customer, in the order of their ids; null when there is no such customer. */
export async function agreementsOf(
  ledger: Ledger,
  customer: string,
  { limit, after = "" }: { readonly limit: number; readonly after?: string | undefined },
): Promise<Agreement[] | null> {
  const isTheirs = sql`${HOLDER} = ${customer}`;
  const rows = await ledger
    .select()
    .from(agreements)
    .where(and(isTheirs, gt(agreements.id, after)))
    .orderBy(asc(agreements.id))
    .limit(limit);
  const isUnknown = rows.length === 0 && (after === "" || (await ledger.$count(agreements, isTheirs)) === 0);
  return isUnknown ? null : rows;
}

/** The ids of all agreements of a customer; none of one whom nobody knows. */
export async function agreementIdsOf(ledger: Ledger, customer: string): Promise<string[]> {
  const rows = await ledger
    .select({ id: agreements.id })
    .from(agreements)
    .where(sql`${HOLDER} = ${customer}`);
  return rows.map(({ id }) => id);
}

async function withAgreements(ledger: Ledger, ids: readonly string[]): Promise<Customer[]> {
  // Of each customer a range of the index: one may have thousands.
  const first = sql`
    SELECT first.id FROM json_each(${JSON.stringify(ids)}) AS wanted
    CROSS JOIN agreements AS first ON first.id IN (
      SELECT id FROM agreements WHERE ${HOLDER} = wanted.value ORDER BY id LIMIT ${FIRST + 1})`;
  const rows = await ledger
    .select()
    .from(agreements)
    .where(sql`${agreements.id} IN (${first})`)
    .orderBy(asc(agreements.id));
  const byHolder = Map.groupBy(rows, (row) => row.accountId ?? row.customerIdentifier ?? "");
  return ids.map((id) => {
    const { rows: shown, next } = page(byHolder.get(id) ?? [], FIRST);
    return { id, agreements: shown, next };
  });
}

/** Each way to find an agreement walks an index of its own. */
function agreementsFoundBy(search: string): SQL {
  const of = (column: string, value: string) =>
    sql`SELECT id FROM agreements WHERE ${sql.raw(column)} = ${value}`;
  const ofAnyProduct = (condition: SQL) =>
    sql`SELECT id FROM agreements WHERE product_id IN (SELECT id FROM products) AND ${condition}`;
  const begins = (column: string, text: string) =>
    sql`${sql.raw(column)} >= ${text} AND ${sql.raw(column)} < ${`${text}\u{10ffff}`}`;
  const firstOf = (ways: SQL) => sql`SELECT id FROM (${ways} LIMIT ${MAX_BEGINNING})`;
  const byAwsNames = [
    of("license_id", licenseIdOf(search)),
    of("aws_agreement_id", search),
    ofAnyProduct(sql`account_id = ${search}`),
    ofAnyProduct(sql`customer_identifier = ${search}`),
  ];
  const bySellersNames = [
    of("id", search),
    firstOf(ofAnyProduct(begins("customer", search))),
    firstOf(
      sql`SELECT agreement_id AS id FROM contacts WHERE ${begins("lower(email)", search.toLowerCase())}`,
    ),
  ];
  // D1 takes compounds of at most five.
  const anyOf = (ways: readonly SQL[]) => sql`SELECT id FROM (${sql.join([...ways], sql` UNION `)})`;
  return sql`${anyOf(byAwsNames)} UNION ${anyOf(bySellersNames)}`;
}
