import { eq, sql, type SQL } from "drizzle-orm";
import type { Product } from "../../catalog/products.ts";
import type { Ledger } from "../../ledger/database.ts";
import { allowances, type AllowancePeriod } from "../../ledger/schema.ts";
import type { AllowanceDecision } from "../../meter/decisions.ts";
import type { CountingRule } from "../../meter/dimension.ts";
import { HOUR } from "../../meter/hours.ts";
import { UNIT } from "../../meter/quantity.ts";
import { shardName } from "../../meter/shard-name.ts";
import type { Agreement } from "../agreements.ts";
import type { HeldEntitlement } from "./entitlements.ts";
import { eachOf } from "../each-of.ts";
import type { Surroundings } from "../surroundings.ts";

const DAY = 24 * HOUR;

/** How long after an activation AWS may still not know what the contract includes. */
const CATCHING_UP = 6 * HOUR;

/** Allowances that one slice tells the shards of. */
const MAX_TOLD = 500;

/** How much of a metered dimension a contract includes. Times are epoch milliseconds. */
export interface Allowed {
  readonly dimension: string;
  /** Posted units in each period, in billionths, as digits. */
  readonly quantity: string;
  readonly per: AllowancePeriod;
  readonly since: number;
  /** When the term ends that began at `since`; null while no end is known. */
  readonly until: number | null;
  /** This is of before the customer left; what is included since the return is not known yet. */
  readonly awaited: boolean;
}

interface Contract {
  readonly agreement: Agreement;
  readonly product: Product;
  readonly held: readonly HeldEntitlement[];
}

/**
 * Whether an answer that is empty may say only that AWS has not caught up with an agreement that is new, or that the
 * customer has come back to: what was billed although it is included stays billed. Of one that does not become active
 * AWS's answer to its usage is to tell.
 *
 * @param now epoch milliseconds
 */
export function isAwaited({ agreement, product, held }: Contract, now: number): boolean {
  const { activatedAt, registeredAt, returnedAt } = agreement;
  if (!product.contract || held.length > 0) return false;
  if (activatedAt === null) return now < Math.max(registeredAt, returnedAt ?? 0) + DAY;
  return now < Math.max(activatedAt, returnedAt ?? 0) + CATCHING_UP;
}

/**
 * What a contract includes of each dimension. While it is awaited, the hours stay open until it is known.
 *
 * @param now epoch milliseconds
 */
export async function allowancesOf(
  ledger: Ledger,
  { agreement, product, held }: Contract,
  now: number,
): Promise<Allowed[]> {
  const known = await ledger.select().from(allowances).where(eq(allowances.agreementId, agreement.id));
  const isNew = known.length === 0 || agreement.returnedAt !== null;
  if (isNew && isAwaited({ agreement, product, held }, now))
    return known.map((row) => ({ ...row, awaited: true }));
  const before = new Map(known.map((row) => [row.dimension, row]));
  return product.dimensions.flatMap(({ name: dimension, divisor, included }) => {
    const was = before.get(dimension);
    // What is included no more is said once, since the shard knows it otherwise.
    if (included === null) return was === undefined ? [] : [{ ...was, quantity: "0", awaited: false }];
    const { by, per } = included;
    const entitlement = held.find((one) => one.dimension === by && (one.expiresAt ?? Infinity) > now);
    if (entitlement === undefined && was !== undefined && hasLatelyEnded(was, now))
      return [{ ...was, awaited: false }];
    const quantity = (wholeUnits(entitlement?.value) * BigInt(divisor) * UNIT).toString();
    const term = termOf(agreement, was, entitlement?.expiresAt ?? null, now);
    return [{ dimension, quantity, per, ...term, awaited: false }];
  });
}

/** Hours of before a term's end are sealed after it, as long as AWS takes them, and draw on what it has included. */
const hasLatelyEnded = ({ until }: Allowed, now: number): boolean =>
  until !== null && until <= now && now < until + DAY;

/** Contracts are sold in whole units; what is no number includes none. */
const wholeUnits = (value: HeldEntitlement["value"] | undefined): bigint =>
  typeof value === "number" && value > 0 ? BigInt(Math.floor(value)) : 0n;

/**
 * When the contract's term began: another one has the whole quantity anew. It does so when the one before is over and the
 * contract goes on, or when the contract's end is another and the agreement has begun again since: a notice says that it
 * was renewed, or the customer has come back after an end. AWS's notice and its entitlements tell of one renewal in either
 * order, days apart; by the end that both come to it is known to be one, and would be included twice otherwise. An
 * amendment that leaves the end begins no term.
 */
export function termOf(
  agreement: Dated,
  was: Pick<Allowed, "since" | "until"> | undefined,
  expiresAt: number | null,
  now: number,
): Pick<Allowed, "since" | "until"> {
  if (was === undefined) return { since: firstTerm(agreement), until: expiresAt };
  const isOther = expiresAt === null || expiresAt !== was.until;
  const begunAgain = newestTerm(agreement, now);
  if (isOther && begunAgain > was.since) return { since: begunAgain, until: expiresAt };
  const goesOn = expiresAt === null || expiresAt > now;
  if (was.until !== null && was.until <= now && goesOn) return { since: was.until, until: expiresAt };
  return { since: was.since, until: was.until ?? expiresAt };
}

type Dated = Pick<Agreement, "startsAt" | "termStartsAt" | "activatedAt" | "registeredAt" | "returnedAt">;

const firstTerm = ({ termStartsAt, activatedAt, registeredAt, returnedAt }: Dated): number =>
  Math.max(termStartsAt ?? activatedAt ?? registeredAt, returnedAt ?? 0);

/**
 * When the agreement began again by now, the last time; 0 when it did not. Who comes back has another agreement of AWS's a
 * moment before the return: together they are one beginning, the later of the two.
 */
function newestTerm({ startsAt, termStartsAt, returnedAt }: Dated, now: number): number {
  const renewedAt = termStartsAt === startsAt ? null : termStartsAt;
  const times = [renewedAt, returnedAt].map((time) => (time !== null && time <= now ? time : 0));
  return Math.max(...times);
}

/** When the next entitlement or term ends, so that the contract is to be read again; Infinity when none does. */
export function nextTerm(held: readonly HeldEntitlement[], allowed: readonly Allowed[], now: number): number {
  const ends = [...held.map(({ expiresAt }) => expiresAt), ...allowed.map(({ until }) => until)];
  const times = ends.flatMap((end) => (end === null ? [] : [end, end + DAY]));
  return Math.min(...times.filter((time) => time > now));
}

/** The statements that keep allowances; those that are other than before are to be told to the shard. */
export function saveAllowances(agreementId: string, allowed: readonly Allowed[]): SQL[] {
  if (allowed.length === 0) return [];
  return [
    sql`
      INSERT INTO allowances (agreement_id, dimension, quantity, per, since, until, awaited)
      SELECT ${agreementId}, value ->> 'dimension', value ->> 'quantity', value ->> 'per', value ->> 'since',
             value ->> 'until', value ->> 'awaited'
      FROM json_each(${JSON.stringify(allowed)}) WHERE true
      ON CONFLICT DO UPDATE SET quantity = excluded.quantity, per = excluded.per, since = excluded.since,
                                until = excluded.until, awaited = excluded.awaited,
        told_at = iif(quantity = excluded.quantity AND per = excluded.per AND since = excluded.since
                      AND awaited = excluded.awaited, told_at, NULL)
      WHERE quantity <> excluded.quantity OR per <> excluded.per OR since <> excluded.since
      OR until IS NOT excluded.until OR awaited <> excluded.awaited`,
  ];
}

/**
 * Has the hours of a customer who has come back wait, since what is known is included by the contract of before; unless
 * the agreement has become something else meanwhile.
 */
export const awaitAllowances = ({ id, lifeVersion }: Pick<Agreement, "id" | "lifeVersion">): SQL => sql`
  UPDATE allowances SET awaited = 1, told_at = NULL WHERE agreement_id = ${id} AND NOT awaited
  AND EXISTS (SELECT 1 FROM agreements WHERE id = ${id} AND life_version = ${lifeVersion})`;

interface UntoldRow extends CountingRule {
  readonly agreement: string;
  readonly product: string;
  readonly shard: number;
  readonly dimension: string;
  readonly quantity: string;
  readonly per: AllowancePeriod;
  readonly since: number;
  readonly awaited: 0 | 1;
}

/**
 * Tells the shards of the allowances that they do not know; one that cannot be told is no other's matter.
 *
 * @returns whether more may be untold
 */
export async function tellAllowances({ ledger, shards, now }: Surroundings): Promise<boolean> {
  const untold = await ledger.all<UntoldRow>(sql`
    SELECT allowances.agreement_id AS agreement, agreements.product_id AS product, agreements.shard AS shard,
           allowances.dimension AS dimension, allowances.quantity AS quantity, allowances.per AS per,
           allowances.since AS since, allowances.awaited AS awaited, dimensions.aggregation AS aggregation, dimensions.divisor AS divisor,
           dimensions.unique_tag AS uniqueTag
    FROM allowances INDEXED BY allowances_untold
    JOIN agreements ON agreements.id = allowances.agreement_id
    JOIN dimensions ON dimensions.product_id = agreements.product_id AND dimensions.name = allowances.dimension
    WHERE allowances.told_at IS NULL LIMIT ${MAX_TOLD}`);
  const byShard = Map.groupBy(untold, ({ product, shard }) => shardName(product, shard));
  await eachOf([...byShard], async ([name, rows]) => {
    await shards(name).decide(rows.map(decisionOf));
    await markTold(ledger, rows, now());
  });
  return untold.length === MAX_TOLD;
}

/**
 * One that has changed meanwhile is still to be told, though another tick has done so: the shard may have heard that
 * before this.
 */
async function markTold(ledger: Ledger, rows: readonly UntoldRow[], now: number): Promise<void> {
  const isSame = sql`allowances.quantity = told.value ->> 'quantity' AND allowances.per = told.value ->> 'per'
                     AND allowances.since = told.value ->> 'since' AND allowances.awaited = told.value ->> 'awaited'`;
  await ledger.run(sql`
    UPDATE allowances SET told_at = iif(${isSame}, ${now}, NULL) FROM json_each(${JSON.stringify(rows)}) AS told
    WHERE allowances.agreement_id = told.value ->> 'agreement' AND allowances.dimension = told.value ->> 'dimension'`);
}

const decisionOf = (row: UntoldRow): AllowanceDecision => ({
  id: `allow:${row.agreement}:${row.dimension}`,
  kind: "allow",
  agreement: row.agreement,
  dimension: row.dimension,
  rule: { aggregation: row.aggregation, divisor: row.divisor, uniqueTag: row.uniqueTag },
  terms:
    row.awaited === 1
      ? []
      : [{ since: row.since, until: null, quantity: row.quantity, per: row.per, began: row.since }],
});
