import { sql, type SQL } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import type { Ledger } from "../ledger/database.ts";

/** Where the usage of an agreement is counted. */
export interface MeteredAgreement {
  readonly id: string;
  readonly shard: number;
  /** When it ended, and until when AWS takes its usage, epoch milliseconds; null while no end is known. */
  readonly endedAt: number | null;
  readonly usageUntil: number | null;
  /** When it began, or the customer came back to it last, as far as is known. Epoch milliseconds. */
  readonly since: number;
}

/** An agreement that a name stands for, or has stood for. */
interface Match extends MeteredAgreement {
  /** For usage of until when the name stands for it, epoch milliseconds; null while no end of that is known. */
  readonly until: number | null;
  /** In which of its ways the name names it; see `resolveNames`. */
  readonly rank: number;
  readonly name: string;
  readonly registeredAt: number;
}

export type ResolvedName =
  | { readonly kind: "found"; readonly agreement: MeteredAgreement }
  | { readonly kind: "unknown" }
  /** The customer has several agreements, and the name says not which. */
  | { readonly kind: "ambiguous"; readonly count: number };

/** Of one rank, those first that the name stood for first. */
export type Matches = readonly Match[];

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
        match(OWN_ID, sql`agreements.customer = names.value`),
        match(OWN_ID, sql`agreements.former_customer = names.value`, FORMERLY),
        match(2, sql`agreements.license_arn = names.value`),
        match(3, sql`agreements.account_id = names.value`),
        match(4, sql`agreements.customer_identifier = names.value`),
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

const OWN_ID = 1;

/** The id has gone over at an end, which a later notice may put earlier; the agreement may go on after it, without the id. */
const FORMERLY = sql`min(former_until, coalesce(ended_at, former_until))`;

const endOf = ({ until }: Match): number => until ?? Number.MAX_SAFE_INTEGER;

/**
 * The agreement whose usage of a time a name stands for: of several, the one that it stood for first. So an event that is posted
 * again after the customer's next agreement has begun meets its id where it was counted, and usage of before an end is
 * billed to what it was used under. When it stood for none any more, it is the last that had ended, which says so.
 *
 * Only an own id is of one agreement at a time. Another name is ambiguous where a second one was there by then.
 *
 * @param time when it was used, epoch milliseconds
 */
export function agreementFor(matches: Matches, time: number): ResolvedName {
  const candidates = matches.filter((match) => time < endOf(match));
  const agreement = candidates[0] ?? matches.findLast(({ endedAt }) => endedAt !== null && endedAt <= time);
  if (agreement === undefined) return { kind: "unknown" };
  const isContested = candidates
    .slice(1)
    .some(({ registeredAt }) => agreement.until === null || registeredAt <= time);
  return isContested && agreement.rank !== OWN_ID
    ? { kind: "ambiguous", count: candidates.length }
    : { kind: "found", agreement };
}
