import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { residentMegabytes, startProcess } from "../scripts/local/process.ts";
import { prepareStack } from "../scripts/local/stack.ts";
import { measure, percentile, post } from "./load.ts";
import { ADMIN_TOKEN, CUSTOMERS, DIMENSIONS, setUpProduct } from "./products.ts";

// `npm run soak -- --minutes 30`: half of the rate that this machine can take, for so long; memory and latency must not grow.
// The last third of the run is compared with its first. The filters of the ids grow by design, by 2.7 MB a million, and are
// taken off. A pause of the machine shows in the p99, which is printed and not judged.

const GROWTH = 1.5;
const MEGABYTES_PER_EVENT = 2.7e-6;
const SIZE = 100;
const CONNECTIONS = 8;

const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" } } });
const minutes = Number(values.minutes);
if (!Number.isInteger(minutes) || minutes < 1) throw new Error("--minutes takes a whole number from 1 on");

interface Minute {
  readonly events: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly megabytes: number;
}

const stateDir = await mkdtemp(join(tmpdir(), "metergate-soak-"));
const prepared = await prepareStack({
  port: 0,
  simulatorPort: 0,
  stateDir,
  adminToken: ADMIN_TOKEN,
  onLog: (line) => console.error(line),
});
const simulator = await prepared.startSimulator();
const gateway = await startProcess(() => prepared.startGateway(simulator.url));
try {
  const token = await setUpProduct({ gateway: gateway.worker, simulator }, "soak", { settleSeconds: 0 });
  const load = {
    url: `${gateway.worker.url}/v1/usage`,
    token,
    size: SIZE,
    connections: CONNECTIONS,
    customers: CUSTOMERS,
    dimensions: DIMENSIONS,
  };
  const peak = await measure({ ...load, seconds: 10 });
  const perSecond = peak.eventsPerSecond / 2;
  console.log(`peak ${Math.round(peak.eventsPerSecond)} events/s; soaking at ${Math.round(perSecond)}`);

  const passed: Minute[] = [];
  let counted = peak.events;
  for (let minute = 1; minute <= minutes; minute++) {
    const ticking = gateway.worker.tick();
    const one = await soakMinute(load, perSecond);
    await ticking;
    counted += one.events;
    passed.push({ ...one, megabytes: one.megabytes - counted * MEGABYTES_PER_EVENT });
    const { events, p50Ms, p99Ms, megabytes } = one;
    console.log(
      `minute ${minute}: ${events} events, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, ${megabytes.toFixed(0)} MB`,
    );
  }
  const ratios = { memory: growth(passed, "megabytes"), p50: growth(passed, "p50Ms") };
  console.log(JSON.stringify({ minutes, ...ratios }));
  if (Math.max(ratios.memory, ratios.p50) > GROWTH) process.exitCode = 1;
} finally {
  await gateway.worker.stop();
  await simulator.stop();
  await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
}

/** A minute of requests at even distances; one that is late does not make the others wait. */
async function soakMinute(load: Parameters<typeof post>[0], perSecond: number): Promise<Minute> {
  const latencies: number[] = [];
  const interval = (SIZE / perSecond) * 1000;
  const started = performance.now();
  const requests: Promise<void>[] = [];
  const timed = async (): Promise<void> => {
    latencies.push(await post(load));
  };
  for (let n = 0; n * interval < 60_000; n++) {
    const wait = started + n * interval - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    requests.push(timed());
  }
  await Promise.all(requests);
  return {
    events: latencies.length * SIZE,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    megabytes: residentMegabytes(gateway.pid),
  };
}

/** The last third of the run to the first. */
function growth(passed: readonly Minute[], what: "megabytes" | "p50Ms"): number {
  const third = Math.max(1, Math.floor(passed.length / 3));
  const mean = (part: readonly Minute[]) => part.reduce((sum, minute) => sum + minute[what], 0) / part.length;
  return Math.round((mean(passed.slice(-third)) / mean(passed.slice(0, third))) * 100) / 100;
}
