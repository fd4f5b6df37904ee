import { sql } from "drizzle-orm";
import type { Ledger } from "../../ledger/database.ts";
import type { AllowancePeriod, Gap } from "../../ledger/schema.ts";
import type { EncodedTerm } from "../../meter/allowance.ts";
import type { AllowanceDecision } from "../../meter/decisions.ts";
import type { CountingRule } from "../../meter/dimension.ts";
import { byShard } from "../../meter/shard-name.ts";
import { eachOf } from "../../each-of.ts";
import type { Surroundings } from "../surroundings.ts";
import { toldTerms } from "./terms.ts";

/** Allowances that one slice tells the shards of. */
const MAX_TOLD = 500;

/** Shards that are told at a time. */
const SHARDS_AT_ONCE = 5;

interface UntoldRow extends CountingRule {
  readonly agreement: string;
  readonly dimension: string;
  readonly version: number;
  readonly terms: string;
  readonly gap: string;
  readonly productId: string;
  readonly shard: number;
  readonly endedAt: number | null;
  readonly per: AllowancePeriod | null;
}

/**
 * Tells the shards of the allowances that they do not know. One that cannot be told is no other's matter: the shards take
 * turns, so that what waits for one leaves room for the others.
 *
 * @returns whether more may be untold
 */
export async function tellAllowances({ ledger, shards, now }: Surroundings): Promise<boolean> {
  const untold = await ledger.all<UntoldRow>(sql`
    SELECT untold.*, dimensions.included_per AS per, dimensions.aggregation AS aggregation,
           dimensions.divisor AS divisor, dimensions.unique_tag AS uniqueTag
    FROM (
      SELECT allowances.agreement_id AS agreement, allowances.dimension AS dimension, allowances.version AS version,
             allowances.terms AS terms, allowances.gap AS gap,
             agreements.product_id AS productId, agreements.shard AS shard, agreements.ended_at AS endedAt,
             row_number() OVER (PARTITION BY agreements.product_id, agreements.shard ORDER BY agreement_id) AS turn
      FROM allowances INDEXED BY allowances_untold JOIN agreements ON agreements.id = allowances.agreement_id
      WHERE allowances.told_at IS NULL ORDER BY turn LIMIT ${MAX_TOLD}) AS untold
    JOIN dimensions ON dimensions.product_id = untold.productId AND dimensions.name = untold.dimension`);
  const tell = async ([name, rows]: [string, UntoldRow[]]): Promise<void> => {
    await shards(name).decide(rows.map(decisionOf));
    await markTold(ledger, rows, now());
  };
  await eachOf([...byShard(untold)], tell, { atOnce: SHARDS_AT_ONCE });
  return untold.length === MAX_TOLD;
}

/**
 * One that has changed meanwhile is still to be told, though another tick has done so: the shard may have heard that
 * before this.
 */
async function markTold(ledger: Ledger, rows: readonly UntoldRow[], now: number): Promise<void> {
  const told = rows.map(({ agreement, dimension, version }) => ({ agreement, dimension, version }));
  await ledger.run(sql`
    UPDATE allowances SET told_at = iif(allowances.version = told.value ->> 'version', ${now}, NULL)
    FROM json_each(${JSON.stringify(told)}) AS told
    WHERE allowances.agreement_id = told.value ->> 'agreement' AND allowances.dimension = told.value ->> 'dimension'`);
}

function decisionOf(row: UntoldRow): AllowanceDecision {
  const { agreement, dimension, aggregation, divisor, uniqueTag, per, endedAt } = row;
  const terms = JSON.parse(row.terms) as EncodedTerm[];
  const gap = JSON.parse(row.gap) as Gap;
  return {
    id: `allow:${agreement}:${dimension}`,
    kind: "allow",
    agreement,
    dimension,
    rule: { aggregation, divisor, uniqueTag },
    terms: toldTerms({ terms, gap }, { per, isEnded: endedAt !== null }),
  };
}
