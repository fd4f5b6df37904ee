import { sql, type SQL } from "drizzle-orm";
import type { AccountBalance } from "../meter/balances.ts";
import { UNIT, type Nano } from "../meter/quantity.ts";
import { byShard } from "../meter/shard-name.ts";
import type { Agreement } from "./agreements.ts";
import { inOneTransaction, type Ledger } from "./database.ts";

/** Where accepted usage is, in billionths of a posted unit. */
export interface Places {
  readonly accepted: Nano;
  readonly delivered: Nano;
  /** Sealed and not settled: on its way to the ledger, to AWS, or back to an open hour. */
  readonly pending: Nano;
  /** Waits for a person. */
  readonly parked: Nano;
  /** Of the parked: late usage that is in no record yet. */
  readonly held: Nano;
  readonly open: Nano;
  readonly carry: Nano;
  /** Of a carry below zero: what the coming hours have to make up for. */
  readonly credit: Nano;
  /** Given up by a person. */
  readonly writtenOff: Nano;
  /** Included in the customer's contract: counted and not billed. */
  readonly withheld: Nano;
}

/** Where the accepted usage of an (agreement, dimension) is. */
export interface Conservation extends Places {
  readonly agreement: string;
  readonly dimension: string;
}

/** What the ledger has of an account, in billed units. */
export interface LedgerCounters {
  readonly pending: bigint;
  readonly delivered: bigint;
  readonly parked: bigint;
  /** In records that have rolled over, or are about to. */
  readonly rolled: bigint;
  readonly writtenOff: bigint;
}

/** The ledger's side of the books of a shard at one moment. */
export interface ShardCounters {
  /** Hand-overs up to this number are in it. */
  readonly handedOver: number;
  readonly counters: ReadonlyMap<string, LedgerCounters>;
}

/** {@link LedgerCounters} of an account as they leave SQLite: as text, since JavaScript would round what is beyond 2^53. */
export type CounterRow = Readonly<Record<keyof LedgerCounters | "agreement" | "dimension", string>>;

const NOTHING: LedgerCounters = { pending: 0n, delivered: 0n, parked: 0n, rolled: 0n, writtenOff: 0n };

/** Whether every accepted unit is in exactly one place. */
export function isConserved({
  accepted,
  delivered,
  pending,
  parked,
  open,
  carry,
  writtenOff,
  withheld,
}: Places): boolean {
  const placed = delivered + pending + parked + open + carry + writtenOff + withheld;
  return pending >= 0n && accepted === placed;
}

/** The meter shard of a name, as far as its books go. */
export type BooksOfShard = (name: string) => {
  conservation(agreements: readonly string[]): Promise<readonly Conservation[]>;
};

/** Where the usage of agreements is, by one call of each of their shards. */
export async function conservationOf(
  shards: BooksOfShard,
  agreements: readonly Pick<Agreement, "id" | "productId" | "shard">[],
): Promise<Conservation[]> {
  const rows = await Promise.all(
    [...byShard(agreements)].map(([name, members]) => shards(name).conservation(members.map(({ id }) => id))),
  );
  return rows.flat();
}

/** What agreements of a shard have in the ledger, from its counters: no record is read. */
export async function readCounters(
  ledger: Ledger,
  shard: string,
  agreements: readonly string[],
): Promise<ShardCounters> {
  return countersFrom(await inOneTransaction(ledger, [selectHandedOver(shard), selectCounters(agreements)]));
}

/** Selects up to which number a shard's hand-overs are in the ledger. */
export const selectHandedOver = (shard: string): SQL =>
  sql`SELECT sealing FROM handovers WHERE shard = ${shard}`;

/** Selects the counters of some agreements: a {@link CounterRow} for each account. */
export const selectCounters = (agreements: readonly string[]): SQL => sql`
  SELECT balances.agreement_id AS agreement, balances.dimension AS dimension,
         CAST(pending AS TEXT) AS pending, CAST(delivered AS TEXT) AS delivered, CAST(parked AS TEXT) AS parked,
         CAST(rolled AS TEXT) AS rolled, CAST(written_off AS TEXT) AS writtenOff
  FROM json_each(${JSON.stringify(agreements)}) AS wanted JOIN balances ON balances.agreement_id = wanted.value`;

/** {@link readCounters} of all agreements of a shard together, by dimension: one row of counters is read for each account. */
export async function readTotals(
  ledger: Ledger,
  { shard, productId, index }: { readonly shard: string; readonly productId: string; readonly index: number },
): Promise<ShardCounters> {
  const sum = (column: string) => sql.raw(`CAST(SUM(balances.${column}) AS TEXT)`);
  return countersFrom(
    await inOneTransaction(ledger, [
      selectHandedOver(shard),
      sql`
        SELECT '' AS agreement, balances.dimension AS dimension, ${sum("pending")} AS pending,
               ${sum("delivered")} AS delivered, ${sum("parked")} AS parked, ${sum("rolled")} AS rolled,
               ${sum("written_off")} AS writtenOff
        FROM agreements JOIN balances ON balances.agreement_id = agreements.id
        WHERE agreements.product_id = ${productId} AND agreements.shard = ${index}
        GROUP BY balances.dimension`,
    ]),
  );
}

function countersFrom(results: readonly (readonly Record<string, unknown>[])[]): ShardCounters {
  const [handovers = [], rows = []] = results as [{ sealing: number }[]?, CounterRow[]?];
  const counters = rows.map(({ agreement, dimension, ...row }) => {
    const { pending, delivered, parked, rolled, writtenOff } = row;
    const counted: LedgerCounters = {
      pending: BigInt(pending),
      delivered: BigInt(delivered),
      parked: BigInt(parked),
      rolled: BigInt(rolled),
      writtenOff: BigInt(writtenOff),
    };
    return [accountKey(agreement, dimension), counted] as const;
  });
  return { handedOver: handovers[0]?.sealing ?? 0, counters: new Map(counters) };
}

/**
 * Puts the two sides of an account's books together.
 *
 * @param handingOver what is sealed and not in the counters yet, in billionths
 */
export function conserve(
  balance: AccountBalance,
  counters: LedgerCounters = NOTHING,
  handingOver: Nano = 0n,
): Conservation {
  const { agreement, dimension, accepted, open, carry, held, rolled, writtenOff, withheld } = balance;
  const unit = BigInt(balance.divisor) * UNIT;
  return {
    agreement,
    dimension,
    accepted,
    delivered: counters.delivered * unit,
    // What the ledger lets roll and the shard has not taken back yet is in neither place.
    pending: counters.pending * unit + handingOver + (counters.rolled * unit - rolled),
    parked: counters.parked * unit + held,
    held,
    open,
    carry,
    credit: carry < 0n ? -carry : 0n,
    writtenOff: counters.writtenOff * unit + writtenOff,
    withheld,
  };
}

/** Adds conservations up. */
export function totals(rows: Iterable<Places>): Places {
  const sum = {
    accepted: 0n,
    delivered: 0n,
    pending: 0n,
    parked: 0n,
    held: 0n,
    open: 0n,
    carry: 0n,
    credit: 0n,
    writtenOff: 0n,
    withheld: 0n,
  };
  for (const row of rows) {
    for (const place of Object.keys(sum) as (keyof typeof sum)[]) sum[place] += row[place];
  }
  return sum;
}

/** Names an account in maps. */
export const accountKey = (agreement: string, dimension: string): string =>
  JSON.stringify([agreement, dimension]);
