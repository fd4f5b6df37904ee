import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expectOk } from "../scripts/local/clients.ts";
import { startStack, type Stack } from "../scripts/local/stack.ts";
import { measure } from "./load.ts";
import { ADMIN_TOKEN, CUSTOMERS, DIMENSIONS, setUpProduct } from "./products.ts";

const CONNECTIONS = 32;

/** List prices of Cloudflare, in dollars (Workers and Durable Objects pricing, 2026). */
const PRICES = {
  workerRequest: 0.3 / 1e6,
  objectRequest: 0.15 / 1e6,
  row: 1 / 1e6,
  cpuMs: 0.02 / 1e6,
  gigabyteMonth: 0.2,
};

/** For how long ids, and the lines that they stand in, are kept by default. */
const MONTHS_KEPT = 35 / 30;

export interface Cost {
  readonly events: number;
  readonly records: number;
  readonly rowsPerMillion: number;
  readonly bytesPerEvent: number;
  readonly dollarsPerMillion: number;
}

/** More than any number of records here needs. */
const MAX_TICKS = 1000;

interface Rows {
  readonly shard: number;
  readonly alarms: number;
  readonly ledger: number;
}

/**
 * Posts usage of an hour that has ended, has it sealed and delivered, and counts what that wrote.
 *
 * @param eventsPerSecond at which the gateway was measured: while it is saturated, one event takes that much CPU at most
 */
export async function countCost(
  folder: string,
  size: number,
  events: number,
  eventsPerSecond: number,
): Promise<Cost> {
  const stack = await startStack({
    source: { name: "bench-counted", config: "bench/workers/counted/wrangler.toml", portVariable: "PORT" },
    port: 0,
    simulatorPort: 0,
    stateDir: folder,
    cronSeconds: 0,
    adminToken: ADMIN_TOKEN,
    onLog: (line) => console.error(line),
  });
  try {
    const token = await setUpProduct(stack, "counted", { settleSeconds: 0, lateSettleSeconds: 3600 });
    const usage = `${stack.gateway.url}/v1/usage`;
    const load = {
      url: usage,
      token,
      size,
      connections: CONNECTIONS,
      customers: CUSTOMERS,
      dimensions: DIMENSIONS,
    };
    const timestamp = Math.floor(Date.now() / 1000) - 3600;
    const before = await rowsOf(stack);
    await measure({ ...load, requests: Math.ceil(events / size), timestamp });
    // From now on an hour that has ended is sealed at once.
    const settings = { token: ADMIN_TOKEN, body: { lateSettleSeconds: 0 } };
    await expectOk("PATCH", `${stack.gateway.url}/v1/products/counted`, settings);
    const last = await measure({ ...load, size: 1, connections: 1, requests: 1, timestamp });
    const records = await deliverAll(stack);
    const after = await rowsOf(stack);
    const total = Math.ceil(events / size) * size + last.events;
    const rows = sum(after) - sum(before);
    const bytesPerEvent = (await shardBytes(folder)) / total;
    const perRequest = PRICES.workerRequest + PRICES.objectRequest;
    const dollars =
      (perRequest / size) * 1e6 +
      (rows / total) * 1e6 * PRICES.row +
      (1000 / eventsPerSecond) * 1e6 * PRICES.cpuMs +
      (bytesPerEvent / 1e9) * 1e6 * PRICES.gigabyteMonth * MONTHS_KEPT;
    return {
      events: total,
      records,
      rowsPerMillion: Math.round((rows / total) * 1e6),
      bytesPerEvent: Math.round(bytesPerEvent),
      dollarsPerMillion: Number(dollars.toFixed(4)),
    };
  } finally {
    await stack.stop();
  }
}

const sum = ({ shard, alarms, ledger }: Rows): number => shard + alarms + ledger;

function rowsOf({ gateway }: Stack): Promise<Rows> {
  return expectOk<Rows>("GET", `${gateway.url}/bench/rows`);
}

/** Ticks until all usage is sealed and delivered, and returns how many records it took. */
async function deliverAll({ gateway }: Stack): Promise<number> {
  const admin = { token: ADMIN_TOKEN };
  for (let tick = 0; tick < MAX_TICKS; tick++) {
    await gateway.tick();
    const books = `${gateway.url}/v1/conservation?limit=1000`;
    const { totals } = await expectOk<{ totals: Record<"open" | "pending" | "parked", string> }>(
      "GET",
      books,
      admin,
    );
    if (totals.parked !== "0") throw new Error(`records of ${totals.parked} units were parked`);
    if (totals.open !== "0" || totals.pending !== "0") continue;
    const delivered = `${gateway.url}/v1/records?state=delivered&limit=1000`;
    return (await expectOk<{ records: unknown[] }>("GET", delivered, admin)).records.length;
  }
  throw new Error("the usage was not delivered");
}

/** Bytes of the shards' databases. */
async function shardBytes(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true });
  const databases = files.filter((file) => file.includes("MeterShard") && /\.sqlite(-wal)?$/.test(file));
  const sizes = await Promise.all(databases.map(async (file) => (await stat(join(folder, file))).size));
  return sizes.reduce((total, size) => total + size, 0);
}
