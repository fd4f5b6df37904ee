import { sql } from "drizzle-orm";
import { faultsOf } from "../each-of.ts";
import type { CountedLedger } from "../ledger/counted-ledger.ts";
import type { Ledger } from "../ledger/database.ts";
import type { LateUsage } from "../meter/account.ts";
import type { CountingRule } from "../meter/dimension.ts";
import type { RolledRecord } from "../meter/decisions.ts";
import type { UsageRecord } from "../marketplace/index.ts";
import { SECOND } from "../meter/hours.ts";
import { byShard } from "../meter/shard-name.ts";

/** Records that one step brings back to their shards: by a query for each of these, which may be as many, and one more. */
const CHUNK = 200;

/** A run takes no other step when it has made so many queries by that: it has records to send, too. */
const ENOUGH = 200;

/** How long a run brings records back: what is to be sent must not wait for shards that hang. */
const ROLLING_TIME = 20 * SECOND;

/** Shards that are called at a time. */
const SHARDS_AT_ONCE = 5;

/** Has the shard of a name take records back into its open hours, and says which hour; doing it again changes nothing. */
export type TakeBack = (
  shard: string,
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

export interface Rolling extends CountedLedger {
  readonly region: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly takeBack: TakeBack;
}

/** What came of a run's rolling over. */
export interface Rolled {
  /** Whether more is to be brought back at once; not after a failure, which would be met again. */
  readonly goesOn: boolean;
  readonly faults: readonly unknown[];
}

/**
 * Brings what rolls over back to the shards that have sealed it. The ledger says first that a record rolls, then the
 * shard takes its quantity, then the ledger says where it went. Dying between two of these makes the shard hear of it
 * again, and the shard knows what it has taken. One that fails is asked again by the next run, and is no other's matter.
 */
export async function rollOver({ ledger, queriesLeft, region, now, takeBack }: Rolling): Promise<Rolled> {
  const faults: unknown[] = [];
  const failing = new Set<string>();
  const enough = queriesLeft() - ENOUGH;
  const until = now() + ROLLING_TIME;
  do {
    const rows = await rollingRows(ledger, region, failing);
    if (rows.length === 0) return { goesOn: false, faults };
    const bringBack = async ([shard, ones]: [string, RollingRow[]]): Promise<void> => {
      if (now() >= until) return;
      failing.add(shard);
      const rolled = ones.map(rolledRecordOf);
      await markRolledOver(ledger, rolled, await takeBack(shard, rolled));
      failing.delete(shard);
    };
    faults.push(...(await faultsOf([...byShard(rows)], bringBack, { atOnce: SHARDS_AT_ONCE })));
  } while (queriesLeft() > enough && now() < until);
  return { goesOn: faults.length === 0, faults };
}

/** Some records that roll, of shards that have not failed. */
function rollingRows(ledger: Ledger, region: string, failing: ReadonlySet<string>): Promise<RollingRow[]> {
  return ledger.all<RollingRow>(sql`
    SELECT records.id AS id, records.product_id AS productId, agreements.shard AS shard,
           records.agreement_id AS agreement, records.dimension AS dimension, records.hour AS hour,
           records.quantity AS quantity, records.usage_record AS usageRecord, records.late_usage AS lateUsage,
           dimensions.aggregation AS aggregation, dimensions.divisor AS divisor, dimensions.unique_tag AS uniqueTag
    FROM records
    JOIN agreements ON agreements.id = records.agreement_id
    JOIN dimensions ON dimensions.product_id = records.product_id AND dimensions.name = records.dimension
    WHERE records.state = 'rolling' AND records.region = ${region}
    AND records.product_id || ':' || agreements.shard NOT IN (SELECT value FROM json_each(${JSON.stringify([...failing])}))
    LIMIT ${CHUNK}`);
}

async function markRolledOver(
  ledger: Ledger,
  rolled: readonly RolledRecord[],
  hours: readonly (number | null)[],
): Promise<void> {
  const taken = rolled.map(({ id }, index) => ({ id, hour: hours[index] ?? null }));
  await ledger.run(sql`
    UPDATE records SET state = 'rolled_over', rolled_into = taken.value ->> 'hour'
    FROM json_each(${JSON.stringify(taken)}) AS taken
    WHERE records.id = taken.value ->> 'id' AND records.state = 'rolling'`);
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
