import { sql } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import type { LateUsage } from "../meter/account.ts";
import type { CountingRule } from "../meter/dimension.ts";
import type { RolledRecord } from "../meter/decisions.ts";
import type { UsageRecord } from "../marketplace/index.ts";

/** Records that one step brings back to their shards. */
const CHUNK = 200;

/** Has a shard take records back into its open hours, and says which hour; doing it again changes nothing. */
export type TakeBack = (
  shard: { readonly productId: string; readonly shard: number },
  records: readonly RolledRecord[],
) => Promise<readonly (number | null)[]>;

interface RollingRow extends CountingRule {
  readonly id: string;
  readonly productId: string;
  readonly shard: number;
  readonly agreement: string;
  readonly hour: number;
  readonly quantity: number;
  readonly usageRecord: string;
  readonly lateUsage: string | null;
  readonly dimension: string;
}

/**
 * Brings what rolls over back to the shards that have sealed it. The ledger says first that a record rolls, then the
 * shard takes its quantity, then the ledger says where it went. Dying between two of these makes the shard hear of it
 * again, and the shard knows what it has taken.
 */
export async function rollOver(ledger: Ledger, region: string, takeBack: TakeBack): Promise<void> {
  for (;;) {
    const rows = await ledger.all<RollingRow>(sql`
      SELECT records.id AS id, records.product_id AS productId, agreements.shard AS shard,
             records.agreement_id AS agreement, records.dimension AS dimension, records.hour AS hour,
             records.quantity AS quantity, records.usage_record AS usageRecord, records.late_usage AS lateUsage,
             dimensions.aggregation AS aggregation, dimensions.divisor AS divisor, dimensions.unique_tag AS uniqueTag
      FROM records
      JOIN agreements ON agreements.id = records.agreement_id
      JOIN dimensions ON dimensions.product_id = records.product_id AND dimensions.name = records.dimension
      WHERE records.state = 'rolling' AND records.region = ${region}
      LIMIT ${CHUNK}`);
    if (rows.length === 0) return;
    const byShard = Map.groupBy(rows, ({ productId, shard }) => JSON.stringify([productId, shard]));
    for (const [first, ...others] of byShard.values()) {
      if (first === undefined) continue;
      const rolled = [first, ...others].map(rolledRecordOf);
      const hours = await takeBack(first, rolled);
      const taken = rolled.map(({ id }, index) => ({ id, hour: hours[index] ?? null }));
      await ledger.run(sql`
        UPDATE records SET state = 'rolled_over', rolled_into = taken.value ->> 'hour'
        FROM json_each(${JSON.stringify(taken)}) AS taken
        WHERE records.id = taken.value ->> 'id' AND records.state = 'rolling'`);
    }
  }
}

function rolledRecordOf(row: RollingRow): RolledRecord {
  const { id, agreement, dimension, hour, quantity, aggregation, divisor, uniqueTag } = row;
  const { UsageAllocations = [] } = JSON.parse(row.usageRecord) as UsageRecord;
  return {
    id,
    agreement,
    dimension,
    rule: { aggregation, divisor, uniqueTag },
    hour,
    quantity,
    allocations: UsageAllocations.map(({ AllocatedUsageQuantity, Tags = [] }) => ({
      quantity: AllocatedUsageQuantity,
      tags: Tags.map(({ Key, Value }) => [Key, Value] as const),
    })),
    late: row.lateUsage === null ? [] : (JSON.parse(row.lateUsage) as LateUsage[]),
  };
}
