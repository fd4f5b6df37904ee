import { parseArgs } from "node:util";
import { simulate, type Outcome } from "./simulation.ts";

// `npm run simulation -- --seed N --hours H [--runs R]`: so many simulated hours from a seed, or from as many seeds as
// there are runs. The last line says what came of it. Exits non-zero when a promise was broken, and says which seed
// brings it about again.

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    hours: { type: "string", default: "48" },
    runs: { type: "string", default: "1" },
  },
});
const [seed, hours, runs] = [Number(values.seed), Number(values.hours), Number(values.runs)];
const sums = { events: 0, faults: 0, delivered: 0, parked: 0, lost: 0, doubled: 0 };
let broken = 0;
for (let run = seed; run < seed + runs; run++) {
  const outcome = await attempt(run);
  if (outcome === null || outcome.lost + outcome.doubled > 0) broken += 1;
  if (outcome === null) continue;
  for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += outcome[key];
}
console.log(JSON.stringify({ seed, hours: hours * runs, ...sums, ...(broken > 0 && { broken }) }));
if (broken > 0) process.exitCode = 1;

async function attempt(run: number): Promise<Outcome | null> {
  try {
    const outcome = await simulate(run, hours);
    if (outcome.lost + outcome.doubled > 0) console.error(`seed ${run}: ${JSON.stringify(outcome)}`);
    return outcome;
  } catch (error) {
    console.error(`seed ${run}: ${String(error)}`);
    return null;
  }
}
