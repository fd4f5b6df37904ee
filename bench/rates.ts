import { join } from "node:path";
import { startStack, type Stack } from "../scripts/local/stack.ts";
import { buildWorker, runWorker } from "../scripts/local/worker.ts";
import { measure, type Measured } from "./load.ts";
import { ADMIN_TOKEN, CUSTOMERS, DIMENSIONS, setUpProduct } from "./products.ts";

const CONNECTIONS = 32;

interface Contender {
  readonly name: "gateway" | "ceiling" | "plain";
  readonly url: string;
  readonly token: string;
}

export interface Contenders {
  readonly all: readonly Contender[];
  stop(): Promise<void>;
}

export interface Rates {
  readonly gateway: number;
  readonly ceiling: number;
  readonly plain: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Runs the gateway, with the simulator as its AWS. */
export function startGateway(stateDir: string): Promise<Stack> {
  return startStack({
    port: 0,
    simulatorPort: 0,
    stateDir,
    cronSeconds: 0,
    adminToken: ADMIN_TOKEN,
    onLog: (line) => console.error(line),
  });
}

/** Starts the gateway, the ceiling and the plain way, each on a workerd of its own. */
export async function startContenders(folder: string): Promise<Contenders> {
  const stack = await startGateway(join(folder, "stack"));
  const start = async (name: "ceiling" | "plain") => {
    const config = `bench/workers/${name}/wrangler.toml`;
    const source = { name: `bench-${name}`, config, portVariable: "PORT" };
    return runWorker({ source, script: await buildWorker(source), port: 0, stateDir: join(folder, name) });
  };
  const ceiling = await start("ceiling");
  const plain = await start("plain");
  await fetch(plain.url, { method: "PUT" });
  const token = await setUpProduct(stack, "rates");
  return {
    all: [
      { name: "gateway", url: `${stack.gateway.url}/v1/usage`, token },
      { name: "ceiling", url: ceiling.url, token },
      { name: "plain", url: plain.url, token },
    ],
    async stop() {
      await Promise.all([stack.stop(), ceiling.stop(), plain.stop()]);
    },
  };
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** The contenders take turns, so that a machine that slows down slows all of them down. */
export async function compare(
  contenders: readonly Contender[],
  size: number,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<Rates> {
  const measured: Record<Contender["name"], Measured[]> = { gateway: [], ceiling: [], plain: [] };
  for (let round = 0; round <= rounds; round++) {
    for (const { name, url, token } of contenders) {
      const load = {
        url,
        token,
        size,
        connections: CONNECTIONS,
        customers: CUSTOMERS,
        dimensions: DIMENSIONS,
      };
      const result = await measure({ ...load, seconds: round === 0 ? 1 : seconds });
      // The first round only warms up.
      if (round > 0) measured[name].push(result);
    }
  }
  const rate = (name: Contender["name"]): number =>
    Math.round(median(measured[name].map(({ eventsPerSecond }) => eventsPerSecond)));
  return {
    gateway: rate("gateway"),
    ceiling: rate("ceiling"),
    plain: rate("plain"),
    p50Ms: median(measured.gateway.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(measured.gateway.map(({ p99Ms }) => p99Ms)),
  };
}
