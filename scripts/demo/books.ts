import {
  expectOk,
  type Conservation,
  type MeteringRecord,
  type Places,
  type SimulatorRecord,
} from "../local/clients.ts";
import type { Stack } from "../local/stack.ts";
import { addTo, nanoOf, UNIT, type Nano } from "./decimal.ts";

/** Where accepted usage can be, in the order in which it gets there. */
export const places = ["delivered", "pending", "parked", "open", "carry"] as const;

export type Account = Readonly<Record<"accepted" | (typeof places)[number], Nano>>;

/** What AWS holds. */
export interface AwsBooks {
  /** Units by dimension. */
  readonly quantities: ReadonlyMap<string, Nano>;
  readonly records: number;
  /** Ids of records whose allocations do not add up to their quantity. */
  readonly misallocated: readonly string[];
  readonly allocations: number;
}

/** Both sides' books of one product, at one moment. */
export interface Books {
  /** The gateway's, by dimension. */
  readonly accounts: ReadonlyMap<string, Account>;
  readonly aws: AwsBooks;
}

export interface Shop {
  readonly stack: Stack;
  readonly adminToken: string;
  /** The product's id at the gateway, and its code on AWS. */
  readonly product: string;
  readonly productCode: string;
}

/**
 * Reads the books of both sides, once nothing is on its way between them.
 *
 * @returns null while something is
 */
export async function readBooks(shop: Shop): Promise<Books | null> {
  const before = await readAccounts(shop);
  const aws = awsBooksOf(await awsRecords(shop));
  const after = await readAccounts(shop);
  const settled = [...after.values()].every(({ pending }) => pending === 0n);
  // Two reads are not one moment: an hour that ends between them moves usage to AWS. Then they must be read again.
  return settled && sameAccounts(before, after) ? { accounts: after, aws } : null;
}

/** The gateway's metering records of the product. */
export async function readRecords({ stack, adminToken, product }: Shop): Promise<readonly MeteringRecord[]> {
  const url = `${stack.gateway.url}/v1/records?product=${product}&limit=1000`;
  return (await expectOk<{ records: MeteringRecord[] }>("GET", url, { token: adminToken })).records;
}

async function readAccounts({ stack, adminToken, product }: Shop): Promise<Map<string, Account>> {
  const url = `${stack.gateway.url}/v1/conservation?product=${product}`;
  const { accounts } = await expectOk<Conservation>("GET", url, { token: adminToken });
  return new Map(accounts.map((account) => [account.dimension, accountOf(account)]));
}

const accountOf = (row: Places): Account => ({
  accepted: nanoOf(row.accepted),
  delivered: nanoOf(row.delivered),
  pending: nanoOf(row.pending),
  parked: nanoOf(row.parked),
  open: nanoOf(row.open),
  carry: nanoOf(row.carry),
});

function sameAccounts(one: ReadonlyMap<string, Account>, other: ReadonlyMap<string, Account>): boolean {
  return [...other].every(([dimension, account]) =>
    (["accepted", ...places] as const).every((place) => one.get(dimension)?.[place] === account[place]),
  );
}

async function awsRecords({ stack, productCode }: Shop): Promise<readonly SimulatorRecord[]> {
  const url = `${stack.simulator.url}/_simulator/records?productCode=${productCode}`;
  return (await expectOk<{ records: SimulatorRecord[] }>("GET", url)).records;
}

/** Adds up the records that AWS holds. */
export function awsBooksOf(records: readonly SimulatorRecord[]): AwsBooks {
  const quantities = new Map<string, Nano>();
  const misallocated: string[] = [];
  let shares = 0;
  for (const { dimension, quantity, allocations, meteringRecordId } of records) {
    addTo(quantities, dimension, BigInt(quantity) * UNIT);
    if (allocations.length === 0) continue;
    shares += allocations.length;
    const allocated = allocations.reduce((sum, share) => sum + share.quantity, 0);
    if (allocated !== quantity) misallocated.push(meteringRecordId);
  }
  return { quantities, records: records.length, misallocated, allocations: shares };
}
