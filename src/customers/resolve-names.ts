import { sql } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import type { Ledger } from "../ledger/database.ts";

/** Where the usage of an agreement is counted. */
export interface MeteredAgreement {
  readonly id: string;
  readonly shard: number;
  /** When it ended, and until when AWS takes its usage, epoch milliseconds; null while no end is known. */
  readonly endedAt: number | null;
  readonly usageUntil: number | null;
}

interface Match extends MeteredAgreement {
  readonly rank: number;
  readonly name: string;
}

export type ResolvedName =
  | { readonly kind: "found"; readonly agreement: MeteredAgreement }
  /** The customer has several agreements, and the name says not which. */
  | { readonly kind: "ambiguous"; readonly count: number };

/** Names found lately. A name that moves to another agreement is followed within 10 seconds. */
const recent = new LRUCache<string, ResolvedName>({ max: 50_000, ttl: 10_000 });

/** Forgets what names stood for, after a change of them. */
export function forgetNames(): void {
  recent.clear();
}

/**
 * Finds the agreements that names stand for. A name is the seller's own id for the customer, a LicenseArn, an AWS
 * account id or a legacy CustomerIdentifier, tried in this order. Names that stand for nothing are left out.
 */
export async function resolveNames(
  ledger: Ledger,
  productId: string,
  names: ReadonlySet<string>,
): Promise<Map<string, ResolvedName>> {
  const resolved = new Map<string, ResolvedName>();
  const unknown: string[] = [];
  for (const name of names) {
    const known = recent.get(cacheKey(productId, name));
    if (known === undefined) unknown.push(name);
    else resolved.set(name, known);
  }
  if (unknown.length === 0) return resolved;
  for (const [name, found] of await lookUp(ledger, productId, unknown)) {
    recent.set(cacheKey(productId, name), found);
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
): Promise<Map<string, ResolvedName>> {
  const wanted = JSON.stringify(names);
  const match = (rank: number, column: string) => sql`
    SELECT ${sql.raw(String(rank))} AS rank, names.value AS name, agreements.id AS id, agreements.shard AS shard,
           agreements.ended_at AS endedAt, agreements.usage_until AS usageUntil
    FROM json_each(${wanted}) AS names
    JOIN agreements ON agreements.product_id = ${productId} AND agreements.${sql.raw(column)} = names.value`;
  const rows = await ledger.all<Match>(
    sql.join(
      [
        match(1, "customer"),
        match(2, "license_arn"),
        match(3, "account_id"),
        match(4, "customer_identifier"),
      ],
      sql` UNION ALL `,
    ),
  );
  const byName = Map.groupBy(rows, ({ name }) => name);
  return new Map([...byName].map(([name, matches]) => [name, pick(matches)]));
}

/**
 * Of the agreements that a name stands for: those of the first rank; and of these the one that has not ended, or, when
 * all have, the last that did. A customer who has come back has both.
 */
function pick(matches: readonly Match[]): ResolvedName {
  const rank = Math.min(...matches.map((match) => match.rank));
  const ofRank = matches.filter((match) => match.rank === rank);
  const live = ofRank.filter(({ endedAt }) => endedAt === null);
  if (live.length > 1) return { kind: "ambiguous", count: live.length };
  const [first] = live.length === 1 ? live : ofRank.toSorted(byEnd);
  if (first === undefined) throw new Error("a group of matches is never empty");
  const { id, shard, endedAt, usageUntil } = first;
  return { kind: "found", agreement: { id, shard, endedAt, usageUntil } };
}

const byEnd = (a: Match, b: Match): number => (b.endedAt ?? 0) - (a.endedAt ?? 0);
