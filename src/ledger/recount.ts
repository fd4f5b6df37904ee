import { sql } from "drizzle-orm";
import type { AccountBalance } from "../meter/balances.ts";
import { formatQuantity, UNIT, type Nano } from "../meter/quantity.ts";
import { accountKey, selectCounters, selectHandedOver, type CounterRow } from "./conservation.ts";
import { inOneTransaction, type Ledger } from "./database.ts";
import { isRecordOf } from "./record-id.ts";

const PLACES = ["pending", "delivered", "parked", "rolled", "writtenOff"] as const;

/** The ledger's side of some agreements, once by its counters and once from each of their records. */
export interface Recount {
  /** Hand-overs up to this number are in it. */
  readonly handedOver: number;
  readonly counters: ReadonlyMap<string, CounterRow>;
  readonly records: ReadonlyMap<string, CounterRow>;
}

/** Adds up all records of some agreements: slow, for the self-check. */
export async function recountRecords(
  ledger: Ledger,
  shard: string,
  agreements: readonly string[],
): Promise<Recount> {
  const sum = (condition: string) =>
    sql.raw(`CAST(SUM(CASE WHEN ${condition} THEN records.quantity ELSE 0 END) AS TEXT)`);
  const [handovers = [], counters = [], records = []] = (await inOneTransaction(ledger, [
    selectHandedOver(shard),
    selectCounters(agreements),
    sql`
      SELECT records.agreement_id AS agreement, records.dimension AS dimension,
             ${sum("state IN ('pending', 'sent', 'waiting')")} AS pending, ${sum("state = 'delivered'")} AS delivered,
             ${sum("state = 'parked'")} AS parked, ${sum("state IN ('rolling', 'rolled_over')")} AS rolled,
             ${sum("state = 'written_off'")} AS writtenOff
      FROM json_each(${JSON.stringify(agreements)}) AS wanted
      JOIN records ON ${isRecordOf(sql`records.id`, sql`wanted.value`)}
      WHERE records.quantity > 0
      GROUP BY records.agreement_id, records.dimension`,
  ])) as unknown as [{ sealing: number }[]?, CounterRow[]?, CounterRow[]?];
  const byAccount = (rows: readonly CounterRow[]) =>
    new Map(rows.map((row) => [accountKey(row.agreement, row.dimension), row]));
  return {
    handedOver: handovers[0]?.sealing ?? 0,
    counters: byAccount(counters),
    records: byAccount(records),
  };
}

/**
 * Compares an account's books with each other: the ledger's counters with its records, and its records with what the
 * shard has sealed.
 *
 * @param handingOver what is sealed and not in the ledger yet, in billionths
 * @returns the difference in words; null when there is none
 */
export function differenceOf(balance: AccountBalance, recount: Recount, handingOver: Nano): string | null {
  const key = accountKey(balance.agreement, balance.dimension);
  const counted = recount.counters.get(key);
  const added = recount.records.get(key);
  const where = `${balance.agreement}, ${balance.dimension}`;
  let total = 0n;
  for (const place of PLACES) {
    const [counter, sum] = [BigInt(counted?.[place] ?? 0), BigInt(added?.[place] ?? 0)];
    if (counter !== sum) return `${where}: ${place} is ${counter} by its counter and ${sum} by its records.`;
    total += sum;
  }
  const inRecords = total * BigInt(balance.divisor) * UNIT + handingOver;
  const sealed = balance.sealed + balance.rolled;
  if (inRecords === sealed) return null;
  return `${where}: ${formatQuantity(sealed)} was sealed, and the records have ${formatQuantity(inRecords)}.`;
}
