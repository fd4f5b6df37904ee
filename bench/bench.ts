import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { arrive, expectOk, type SimulatorAgreement } from "../scripts/local/clients.ts";
import { startStack } from "../scripts/local/stack.ts";
import { buildWorker, runWorker, type RunningWorker } from "../scripts/local/worker.ts";
import { measure, type Measured } from "./load.ts";

// `npm run bench`: the gateway against a ceiling and the plain way, over HTTP on real workerd. Absolute figures are this
// machine's at this moment; the ratios within a run are what can be compared.

const { values: options } = parseArgs({
  options: { quick: { type: "boolean", default: false }, json: { type: "string" } },
});

const SIZES = [1, 100, 1000] as const;
const CONNECTIONS = 32;
const CUSTOMERS = 100;
const DIMENSIONS = ["api_calls", "storage_gb", "seats"];
const ADMIN_TOKEN = "bench-admin";
const ROUNDS = options.quick ? 2 : 5;
const SECONDS = options.quick ? 3 : 8;

interface Contender {
  readonly name: "gateway" | "ceiling" | "plain";
  readonly url: string;
  readonly token: string;
}

async function startContenders(folder: string) {
  const stack = await startStack({
    port: 0,
    simulatorPort: 0,
    stateDir: join(folder, "stack"),
    cronSeconds: 0,
    adminToken: ADMIN_TOKEN,
    onLog: (line) => console.error(line),
  });
  const others: RunningWorker[] = [];
  for (const name of ["ceiling", "plain"] as const) {
    const source = {
      name: `bench-${name}`,
      config: `bench/contenders/${name}/wrangler.toml`,
      portVariable: "PORT",
    };
    others.push(
      await runWorker({ source, script: await buildWorker(source), port: 0, stateDir: join(folder, name) }),
    );
  }
  const [ceiling, plain] = others;
  if (ceiling === undefined || plain === undefined) throw new Error("a contender did not start");
  await fetch(plain.url, { method: "PUT" });
  const token = await setUp(stack.gateway.url, stack.simulator.url);
  const contenders: Contender[] = [
    { name: "gateway", url: `${stack.gateway.url}/v1/usage`, token },
    { name: "ceiling", url: ceiling.url, token },
    { name: "plain", url: plain.url, token },
  ];
  return { contenders, stop: () => Promise.all([stack.stop(), ceiling.stop(), plain.stop()]) };
}

const customers = Array.from({ length: CUSTOMERS }, (_, n) => String(n + 1).padStart(12, "0"));

/** A product with its customers, who come through the registration redirect. */
async function setUp(gateway: string, simulator: string): Promise<string> {
  const product = { productCode: "benchproduct", dimensions: DIMENSIONS };
  await expectOk("POST", `${simulator}/_simulator/products`, { body: product });
  const admin = { token: ADMIN_TOKEN };
  await expectOk("POST", `${gateway}/v1/products`, {
    ...admin,
    body: { ...product, signUpUrl: "https://example.com/" },
  });
  for (const accountId of customers) {
    const body = { productCode: product.productCode, accountId };
    const agreement = await expectOk<SimulatorAgreement>("POST", `${simulator}/_simulator/agreements`, {
      body,
    });
    const { status } = await arrive(gateway, agreement.registrationToken);
    if (status !== 303) throw new Error(`a customer was refused with ${status}`);
  }
  const { key } = await expectOk<{ key: string }>("POST", `${gateway}/v1/keys`, {
    ...admin,
    body: { product: product.productCode },
  });
  return key;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

interface Row {
  readonly gateway: number;
  readonly ceiling: number;
  readonly plain: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The contenders take turns, so that a machine that slows down slows all of them down. */
async function compare(contenders: readonly Contender[], size: number): Promise<Row> {
  const rounds: Record<Contender["name"], Measured[]> = { gateway: [], ceiling: [], plain: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { name, url, token } of contenders) {
      const seconds = round === 0 ? 1 : SECONDS;
      const measured = await measure({
        url,
        token,
        size,
        connections: CONNECTIONS,
        seconds,
        customers,
        dimensions: DIMENSIONS,
      });
      // The first round only warms up.
      if (round > 0) rounds[name].push(measured);
    }
  }
  const rate = (name: Contender["name"]): number =>
    Math.round(median(rounds[name].map(({ eventsPerSecond }) => eventsPerSecond)));
  return {
    gateway: rate("gateway"),
    ceiling: rate("ceiling"),
    plain: rate("plain"),
    p50Ms: median(rounds.gateway.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(rounds.gateway.map(({ p99Ms }) => p99Ms)),
  };
}

const folder = await mkdtemp(join(tmpdir(), "metergate-bench-"));
const { contenders, stop } = await startContenders(folder);
try {
  const sizes: Record<string, Row> = {};
  console.log("events a request   gateway ev/s   of the ceiling   of the plain way   p50 ms   p99 ms");
  for (const size of SIZES) {
    const row = await compare(contenders, size);
    sizes[size] = row;
    const cells = [
      String(size).padStart(16),
      String(row.gateway).padStart(12),
      (row.gateway / row.ceiling).toFixed(2).padStart(14),
      (row.gateway / row.plain).toFixed(2).padStart(16),
      row.p50Ms.toFixed(1).padStart(6),
      row.p99Ms.toFixed(1).padStart(6),
    ];
    console.log(cells.join("   "));
  }
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ sizes }, null, 2)}\n`);
} finally {
  await stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
