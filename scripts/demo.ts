import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, styleText } from "node:util";
import { displayOn, type Display } from "./demo/display.ts";
import { tour } from "./demo/tour.ts";
import { startStack } from "./local/stack.ts";

// `npm run demo`: the whole way of a customer's usage to AWS, by itself, on a stack of its own.

/** No step waits for ever, and neither does their sum. */
const TIME_LIMIT_SECONDS = 110;

/** What hangs while it starts or stops is left to the end of the process. */
const STOP_SECONDS = 20;

/** The Workers' last log lines, shown when the tour fails. */
const SHOWN_LOG_LINES = 20;

/** Why the tour ends before its end. */
class Interrupted extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

function seedOf(args: readonly string[]): number {
  const { values } = parseArgs({ args: [...args], options: { seed: { type: "string", default: "1" } } });
  const seed = Number(values.seed);
  if (!Number.isInteger(seed)) throw new Error(`--seed must be a whole number, not "${values.seed}".`);
  return seed;
}

/** Rejects when somebody presses Ctrl-C, or the time is over. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => reject(new Interrupted("Stopping ...", 128 + constants.signals[signal])));
    }
    const tooLong = new Interrupted(`The tour took more than ${TIME_LIMIT_SECONDS} seconds.`, 1);
    setTimeout(() => reject(tooLong), TIME_LIMIT_SECONDS * 1000).unref();
  });
}

/** Starts a stack for the tour alone, and leaves nothing of it behind. */
async function tourOnOwnStack(display: Display, seed: number, log: string[]): Promise<string[]> {
  // First of all, so that there is no moment at which a signal would leave something behind.
  const interrupted = interruption();
  const stateDir = mkdtempSync(join(tmpdir(), "metergate-demo-"));
  // On exit, because Miniflare ends the process by itself on Ctrl-C, once it has killed its workerd.
  process.on("exit", () => rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 }));
  const adminToken = randomUUID();
  const onLog = (line: string): number => log.push(line);
  const ports = { port: 0, simulatorPort: 0 };
  const starting = startStack({ ...ports, stateDir, adminToken, cronSeconds: 1, onLog });
  const run = async (): Promise<string[]> => {
    display.step("The gateway starts, and a simulator that stands in for AWS Marketplace");
    const stack = await starting;
    display.line(`gateway ${stack.gateway.url}, simulator ${stack.simulator.url}`);
    return tour({ stack, adminToken, seed, display });
  };
  try {
    return await Promise.race([run(), interrupted]);
  } finally {
    // Also what was still starting when the tour was interrupted.
    const stopped = starting.then(
      (stack) => stack.stop(),
      () => undefined,
    );
    await Promise.race([stopped, sleep(STOP_SECONDS * 1000)]);
  }
}

function report(differences: readonly string[], display: Display): void {
  if (differences.length === 0) {
    const agreed = styleText(["bold", "green"], "All books agree");
    display.line(`${agreed}: every unit is in one place, and AWS holds exactly what was delivered.`);
  } else {
    display.line(styleText(["bold", "red"], "The books differ:"));
    for (const difference of differences) display.line(difference);
  }
}

/** @returns the exit code */
async function main(): Promise<number> {
  const started = Date.now();
  const display = displayOn(process.stdout);
  const log: string[] = [];
  try {
    const seed = seedOf(process.argv.slice(2));
    console.log(
      `${styleText("bold", "Metergate, the tour")}   (seed ${seed}; --seed N makes up other usage)`,
    );
    const differences = await tourOnOwnStack(display, seed, log);
    const seconds = Math.round((Date.now() - started) / 1000);
    display.blank();
    report(differences, display);
    display.line(styleText("dim", `${seconds} seconds`));
    return differences.length === 0 ? 0 : 1;
  } catch (error) {
    display.blank();
    display.line(
      error instanceof Interrupted ? error.message : `The tour could not go on: ${messageOf(error)}`,
    );
    const exitCode = error instanceof Interrupted ? error.exitCode : 1;
    // Who stops the tour knows why; everybody else needs to see more.
    if (exitCode === 1 && log.length > 0) {
      display.line("The Workers' log ends with:");
      for (const line of log.slice(-SHOWN_LOG_LINES)) display.line(`  ${line}`);
    }
    return exitCode;
  }
}

/** A failed fetch says only in its cause what has happened. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

process.exit(await main());
