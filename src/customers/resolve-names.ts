import { sql, type SQL } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import type { Ledger } from "../ledger/database.ts";
import { endOf, RANK, type Match, type Matches } from "./agreement-for.ts";

/** Names found lately. A name that moves to another agreement is followed within 10 seconds. */
const recent = new LRUCache<string, Matches>({ max: 50_000, ttl: 10_000 });

/** Forgets what names stood for, after a change of them. */
export function forgetNames(): void {
  recent.clear();
}

/**
 * Finds the agreements that names stand for. A name is the seller's own id for the customer, now or until the agreement
 * ended; a LicenseArn; an AWS account id; or a legacy CustomerIdentifier, tried in this order. Names that stand for
 * nothing are left out.
 */
export async function resolveNames(
  ledger: Ledger,
  productId: string,
  names: ReadonlySet<string>,
): Promise<Map<string, Matches>> {
  const resolved = new Map<string, Matches>();
  const unknown: string[] = [];
  for (const name of names) {
    const known = recent.get(cacheKey(productId, name));
    if (known === undefined) unknown.push(name);
    else resolved.set(name, known);
  }
  if (unknown.length === 0) return resolved;
  for (const [name, found] of await lookUp(ledger, productId, unknown)) {
    // What is refused for an end is refused for good: that is not to rest on what was so ten seconds ago.
    if (found.every(({ endedAt }) => endedAt === null)) recent.set(cacheKey(productId, name), found);
    resolved.set(name, found);
  }
  return resolved;
}

/** A product's id has no line break, so no two pairs have one key. */
const cacheKey = (productId: string, name: string): string => `${productId}\n${name}`;

async function lookUp(
  ledger: Ledger,
  productId: string,
  names: readonly string[],
): Promise<Map<string, Matches>> {
  const wanted = JSON.stringify(names);
  const match = (rank: number, isNamed: SQL, until = sql`ended_at`) => sql`
    SELECT ${sql.raw(String(rank))} AS rank, names.value AS name, agreements.id AS id, shard,
           registered_at AS registeredAt, ended_at AS endedAt, usage_until AS usageUntil, ${until} AS until,
           max(coalesce(starts_at, activated_at, registered_at), coalesce(returned_at, 0)) AS since
    FROM json_each(${wanted}) AS names
    -- CROSS: each name walks an index. SQLite would rather read all agreements of the product for each name.
    CROSS JOIN agreements ON agreements.product_id = ${productId} AND ${isNamed}`;
  const rows = await ledger.all<Match>(
    sql.join(
      [
        match(RANK.ownId, sql`agreements.customer = names.value`),
        match(RANK.ownId, sql`agreements.former_customer = names.value`, FORMERLY),
        match(RANK.licenseArn, sql`agreements.license_arn = names.value`),
        match(RANK.account, sql`agreements.account_id = names.value`),
        match(RANK.customerIdentifier, sql`agreements.customer_identifier = names.value`),
      ],
      sql` UNION ALL `,
    ),
  );
  const ordered = rows.toSorted((a, b) => a.rank - b.rank || endOf(a) - endOf(b));
  const byName = Map.groupBy(ordered, ({ name }) => name);
  return new Map(
    [...byName].map(([name, matches]) => [name, matches.filter(({ rank }) => rank === matches[0]?.rank)]),
  );
}

/** The id has gone over at an end, which a later notice may put earlier; the agreement may go on after it, without the id. */
const FORMERLY = sql`min(former_until, coalesce(ended_at, former_until))`;
