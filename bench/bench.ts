import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureDedupe, measureSealing } from "./core.ts";
import { compare, startContenders, type Rates } from "./rates.ts";
import { measureRestart } from "./restart.ts";
import { countCost, type Cost } from "./rows.ts";
import { measureSteps } from "./steps.ts";

// `npm run bench`: the gateway against a ceiling and the plain way, over HTTP on real workerd, and what it costs.
// Absolute figures are this machine's at this moment; ratios within a run, and counted figures, can be compared.

const { values: options } = parseArgs({
  options: { quick: { type: "boolean", default: false }, json: { type: "string" } },
});

const SIZES = [1, 100, 1000] as const;
const TURNS = options.quick ? { rounds: 2, seconds: 1.5 } : { rounds: 5, seconds: 8 };

/** Events whose rows are counted: as many as an hour's 300 records are to be shared by. */
const COUNTED: Record<(typeof SIZES)[number], number> = options.quick
  ? { 1: 20_000, 100: 200_000, 1000: 1_000_000 }
  : { 1: 50_000, 100: 1_000_000, 1000: 1_000_000 };

type Row = Rates & Cost;

async function measureRates(folder: string): Promise<Record<number, Rates>> {
  const contenders = await startContenders(folder);
  try {
    const rates: Record<number, Rates> = {};
    for (const size of SIZES) rates[size] = await compare(contenders.all, size, TURNS);
    return rates;
  } finally {
    await contenders.stop();
  }
}

function print(sizes: Readonly<Record<number, Row>>): void {
  const head = ["events a request", "gateway ev/s", "of the ceiling", "of the plain way", "p50 ms", "p99 ms"];
  head.push("rows/million", "bytes/event", "$/million");
  console.log(head.join("   "));
  for (const [size, row] of Object.entries(sizes)) {
    const cells = [
      size,
      String(row.gateway),
      (row.gateway / row.ceiling).toFixed(2),
      (row.gateway / row.plain).toFixed(2),
      row.p50Ms.toFixed(1),
      row.p99Ms.toFixed(1),
      String(row.rowsPerMillion),
      String(row.bytesPerEvent),
      row.dollarsPerMillion.toFixed(3),
    ];
    console.log(cells.map((cell, index) => cell.padStart(head[index]?.length ?? 0)).join("   "));
  }
}

const folder = await mkdtemp(join(tmpdir(), "metergate-bench-"));
try {
  const rates = await measureRates(join(folder, "rates"));
  const sizes: Record<number, Row> = {};
  for (const size of SIZES) {
    const rate = rates[size];
    if (rate === undefined) throw new Error(`no rate was measured at ${size}`);
    const cost = await countCost(join(folder, `rows-${size}`), size, COUNTED[size], rate.gateway);
    sizes[size] = { ...rate, ...cost };
  }
  print(sizes);
  const restart = await measureRestart(join(folder, "restart"), 1_000_000);
  console.log(
    `\nrestart: a shard of ${restart.events} open events gave its first answer after ${restart.ms} ms`,
  );
  const dedupe = measureDedupe(5_000_000);
  const megabytes = (dedupe.bytes / 1e6).toFixed(1);
  console.log(
    `dedupe: ${dedupe.ids} ids in ${megabytes} MB of memory, a new one is new within ${dedupe.p99Us} us (p99)`,
  );
  const seal = await measureSealing(100_000);
  console.log(
    `sealing: ${seal.buckets} hours in ${seal.ms} ms, in steps of ${seal.longestPauseMs} ms at most`,
  );
  const steps = await measureSteps();
  const costs = Object.entries(steps).map(([step, us]) => `${step} ${us}`);
  console.log(`an event of a thousand, in plain Node: ${costs.join(", ")} us`);
  if (options.json !== undefined)
    await writeFile(options.json, `${JSON.stringify({ sizes, dedupe, restart, seal, steps }, null, 2)}\n`);
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
