import { sql } from "drizzle-orm";
import type { ShardBalances } from "../meter/meter-shard.ts";
import { UNIT, type Nano } from "../meter/quantity.ts";
import type { Ledger } from "./database.ts";
import type { RecordState } from "./schema.ts";

/** Where the accepted usage of an (agreement, dimension) is, in billionths of a posted unit. */
export interface Conservation {
  readonly agreement: string;
  readonly dimension: string;
  readonly accepted: Nano;
  readonly delivered: Nano;
  /** Sealed and not settled: on its way to the ledger, or to AWS. */
  readonly pending: Nano;
  /** Waits for a person. */
  readonly parked: Nano;
  /** Of the parked: late usage that is in no record yet. */
  readonly held: Nano;
  readonly open: Nano;
  readonly carry: Nano;
  /** Of a carry below zero: what the coming hours have to make up for. */
  readonly credit: Nano;
}

/** Billed units. */
type InLedger = Record<"delivered" | "pending" | "parked", bigint>;

const NOTHING: InLedger = { delivered: 0n, pending: 0n, parked: 0n };

const column: Record<RecordState, keyof InLedger> = {
  pending: "pending",
  sent: "pending",
  waiting: "pending",
  delivered: "delivered",
  parked: "parked",
};

/** Whether every accepted unit is in exactly one place. */
export function isConserved(row: Omit<Conservation, "agreement" | "dimension">): boolean {
  const { accepted, delivered, pending, parked, open, carry } = row;
  return accepted === delivered + pending + parked + open + carry;
}

/** What agreements of one shard have in each place, from the shard's own books and the ledger's records. */
export async function conserve(ledger: Ledger, shard: ShardBalances): Promise<Conservation[]> {
  const inLedger = await ledgerSums(ledger, shard);
  return shard.accounts.map(({ agreement, dimension, divisor, accepted, open, carry, held, handingOver }) => {
    const sums = inLedger.get(keyOf(agreement, dimension)) ?? NOTHING;
    const unit = BigInt(divisor) * UNIT;
    return {
      agreement,
      dimension,
      accepted,
      delivered: sums.delivered * unit,
      pending: sums.pending * unit + handingOver,
      parked: sums.parked * unit + held,
      held,
      open,
      carry,
      credit: carry < 0n ? -carry : 0n,
    };
  });
}

/**
 * Sums records by where they are. Only those of hand-overs that the shard knew to be done when it told its
 * balances: later ones it counted itself, so that the two sides fit together at one moment.
 */
async function ledgerSums(
  ledger: Ledger,
  { accounts, handedOver }: ShardBalances,
): Promise<Map<string, InLedger>> {
  const agreements = JSON.stringify([...new Set(accounts.map(({ agreement }) => agreement))]);
  // The sum leaves SQLite as text: JavaScript would round what is beyond 2^53.
  const rows = await ledger.all<{
    agreement: string;
    dimension: string;
    state: RecordState;
    quantity: string;
  }>(sql`
    SELECT records.agreement_id AS agreement, records.dimension AS dimension, records.state AS state,
           CAST(SUM(records.quantity) AS TEXT) AS quantity
    FROM json_each(${agreements}) AS wanted
    JOIN records ON records.id > wanted.value || ':' AND records.id < wanted.value || ';'
    WHERE records.sealing <= ${handedOver}
    GROUP BY records.agreement_id, records.dimension, records.state`);
  const sums = new Map<string, InLedger>();
  for (const { agreement, dimension, state, quantity } of rows) {
    const key = keyOf(agreement, dimension);
    const sum = sums.get(key) ?? NOTHING;
    sums.set(key, { ...sum, [column[state]]: sum[column[state]] + BigInt(quantity) });
  }
  return sums;
}

/** Adds conservations up. */
export function totals(rows: readonly Conservation[]): Omit<Conservation, "agreement" | "dimension"> {
  const sum = {
    accepted: 0n,
    delivered: 0n,
    pending: 0n,
    parked: 0n,
    held: 0n,
    open: 0n,
    carry: 0n,
    credit: 0n,
  };
  for (const row of rows) {
    for (const place of Object.keys(sum) as (keyof typeof sum)[]) sum[place] += row[place];
  }
  return sum;
}

const keyOf = (agreement: string, dimension: string): string => JSON.stringify([agreement, dimension]);
