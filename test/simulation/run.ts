import { parseArgs } from "node:util";
import { simulate } from "./simulation.ts";

// `npm run simulation -- --seed N --hours H`: one run, whose last line says what came of it. Exits non-zero when a
// promise was broken.

const { values } = parseArgs({
  options: { seed: { type: "string", default: "1" }, hours: { type: "string", default: "48" } },
});
const outcome = await simulate(Number(values.seed), Number(values.hours));
console.log(JSON.stringify(outcome));
if (outcome.lost + outcome.doubled > 0) process.exitCode = 1;
