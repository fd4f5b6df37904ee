import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { awsBooksOf, type Account, type Books } from "../../scripts/demo/books.ts";
import { closingTable } from "../../scripts/demo/closing-table.ts";
import { compareAnswers, compareBooks } from "../../scripts/demo/comparison.ts";
import { nanoOf } from "../../scripts/demo/decimal.ts";
import { emptyTally } from "../../scripts/demo/producers.ts";
import { seededRandom } from "../../scripts/demo/random.ts";
import { expectationOf, planUsage } from "../../scripts/demo/workload.ts";
import type { SimulatorRecord } from "../../scripts/local/clients.ts";
import { repository } from "../../scripts/local/worker.ts";

describe("npm run demo", () => {
  const limit = 120_000;
  let temporary: string;
  let running: ChildProcess | undefined;

  beforeEach(async () => {
    temporary = await mkdtemp(join(tmpdir(), "demo-test-"));
  });
  afterEach(async () => {
    if (running !== undefined && groupIsAlive(running)) killGroup(running);
    running = undefined;
    await rm(temporary, { recursive: true, force: true, maxRetries: 5 });
  });

  /** Files of the demo's own: npm and wrangler keep caches of theirs there. */
  const leftovers = async () =>
    (await readdir(temporary)).filter((name) => /^(metergate|miniflare)-/.test(name));

  /** Starts the demo in a process group of its own, so that what it leaves behind can be told from the rest. */
  function start(command: string, args: readonly string[]) {
    const child = spawn(command, args, {
      cwd: repository,
      detached: true,
      env: { ...process.env, TMPDIR: temporary, NO_COLOR: "1" },
    });
    running = child;
    let output = "";
    const watchers = new Set<() => void>();
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        for (const watcher of watchers) watcher();
      });
    }
    return {
      child,
      exited: new Promise<{ code: number | null; output: string }>((resolve) => {
        child.on("close", (code) => resolve({ code, output }));
      }),
      /** Resolves when the demo has printed a text; rejects when it has ended before. */
      said: (text: string) =>
        new Promise<void>((resolve, reject) => {
          const look = (): void => {
            if (output.includes(text)) resolve();
          };
          watchers.add(look);
          child.on("close", () => reject(new Error(`it has ended without "${text}":\n${output}`)));
          look();
        }),
    };
  }

  it(
    "tours the whole way, finds that all books agree, and leaves nothing behind",
    { timeout: limit },
    async () => {
      const { child, exited } = start("npm", ["run", "demo"]);
      const { code, output } = await exited;
      expect(output).toContain("All books agree: every unit is in one place");
      expect(code).toBe(0);
      expect(output).toMatch(/accepted +4500\n/);
      expect(output).toContain("303 See Other");
      expect(groupIsAlive(child)).toBe(false);
      expect(await leftovers()).toEqual([]);
    },
  );

  it.each(["The gateway starts", "The hours are sealed"])(
    'stops on Ctrl-C at "%s", leaving no process and no files',
    { timeout: limit },
    async (moment) => {
      const { child, exited, said } = start(process.execPath, ["scripts/demo.ts"]);
      await said(moment);
      process.kill(child.pid ?? 0, "SIGINT");
      const { code } = await exited;
      expect(code).toBe(130);
      await expect.poll(() => groupIsAlive(child), { timeout: 10_000 }).toBe(false);
      expect(await leftovers()).toEqual([]);
    },
  );

  it("refuses a seed that is none, with a sentence", async () => {
    const { exited } = start(process.execPath, ["scripts/demo.ts", "--seed", "today"]);
    const { code, output } = await exited;
    expect(output).toContain('--seed must be a whole number, not "today".');
    expect(code).toBe(1);
  });
});

function groupIsAlive({ pid }: ChildProcess): boolean {
  try {
    return pid !== undefined && process.kill(-pid, 0);
  } catch {
    return false;
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, "SIGKILL");
}

const account = (changes: Partial<Record<keyof Account, string>> = {}): Account => {
  const places = { accepted: "10.5", delivered: "8", pending: "0", parked: "0", open: "2", carry: "0.5" };
  const all = { ...places, ...changes };
  return {
    accepted: nanoOf(all.accepted),
    delivered: nanoOf(all.delivered),
    pending: nanoOf(all.pending),
    parked: nanoOf(all.parked),
    open: nanoOf(all.open),
    carry: nanoOf(all.carry),
  };
};

const record = (changes: Partial<SimulatorRecord> = {}): SimulatorRecord => ({
  productCode: "code",
  licenseArn: null,
  accountId: "123456789012",
  dimension: "api",
  timestamp: "2026-11-23T10:00:00.000Z",
  quantity: 8,
  allocations: [{ quantity: 5 }, { quantity: 3 }],
  meteringRecordId: "rec-1",
  ...changes,
});

const books = (ours: Account, records: readonly SimulatorRecord[]): Books => ({
  accounts: new Map([["api", ours]]),
  aws: awsBooksOf(records),
});

const acknowledged = new Map([["api", nanoOf("10.5")]]);

describe("the demo's comparison of the books", () => {
  it("has nothing to say when they agree", () => {
    expect(compareBooks(books(account(), [record()]), acknowledged)).toEqual([]);
  });

  it.each([
    [
      "a producer was promised a billionth more",
      books(account({ accepted: "10.499999999", carry: "0.499999999" }), [record()]),
      ["api: accepted is 10.499999999, but acknowledged to producers is 10.5."],
    ],
    [
      "a unit is in no place",
      books(account({ open: "1" }), [record()]),
      ["api: accepted is 10.5, but the sum of all places is 9.5."],
    ],
    [
      "AWS holds less than was delivered",
      books(account(), [record({ quantity: 7, allocations: [] })]),
      ["api: delivered is 8, but held by AWS is 7."],
    ],
    [
      "AWS holds an hour twice",
      books(account(), [record(), record({ meteringRecordId: "rec-2" })]),
      ["api: delivered is 8, but held by AWS is 16."],
    ],
    [
      "AWS holds usage of a dimension that nobody posted",
      books(account(), [record(), record({ dimension: "other", quantity: 1, allocations: [] })]),
      ["other: delivered is 0, but held by AWS is 1."],
    ],
    [
      "a record waits for a person",
      books(account({ open: "0", parked: "2" }), [record()]),
      ["api: parked is 2: AWS refused what it should have taken."],
    ],
    [
      "allocations do not add up to their record",
      books(account(), [record({ allocations: [{ quantity: 5 }] })]),
      ["AWS's record rec-1: its allocations do not add up to its quantity."],
    ],
    [
      "the gateway has no books of what it acknowledged",
      { accounts: new Map<string, Account>(), aws: awsBooksOf([]) },
      ["api: accepted is 0, but acknowledged to producers is 10.5."],
    ],
  ])("tells that %s", (_name, differing, sentences) => {
    expect(compareBooks(differing, acknowledged)).toEqual(sentences);
  });

  it("tells that ids were counted twice, or refused for another reason", () => {
    const expected = { accepted: 10, duplicates: 3, refusals: new Map([["unknown_dimension", 2]]) };
    const tally = { ...emptyTally(), accepted: 11, duplicates: 2, refusals: new Map([["invalid_id", 2]]) };
    expect(compareAnswers(expected, tally)).toEqual([
      "events accepted is 11, but ids posted is 10.",
      "events answered as duplicates is 2, but ids posted again is 3.",
      "events refused as unknown_dimension is 0, but mistakes of that kind is 2.",
      "events refused as invalid_id is 2, but mistakes of that kind is 0.",
    ]);
  });

  it("shows each book in a row of the closing table, decimal points below each other", () => {
    const rows = closingTable(books(account(), [record()]), acknowledged).split("\n");
    const delivered = rows.find((row) => row.includes("delivered to AWS"));
    const accepted = rows.find((row) => row.includes("Accepted"));
    expect(accepted).toContain("10.5");
    expect(accepted?.indexOf("0.5")).toBe(delivered?.indexOf("8"));
    expect(rows.find((row) => row.includes("Held by AWS"))).toMatch(/ 8 /);
  });
});

describe("the demo's usage", () => {
  const plan = (seed: number) =>
    planUsage({
      random: seededRandom(seed),
      producers: [
        { name: "one", customer: "acme" },
        { name: "two", customer: "123456789012" },
      ],
      hours: [Date.UTC(2026, 10, 23, 10), Date.UTC(2026, 10, 23, 9)],
    });

  it("is the same for the same seed, and other usage for another", () => {
    expect(plan(1)).toEqual(plan(1));
    expect(plan(2)).not.toEqual(plan(1));
  });

  it("has every kind: duplicates, refusals, fractions as text and as numbers, and tags", () => {
    const batches = plan(1).flat();
    const { accepted, duplicates, refusals } = expectationOf(batches);
    expect(accepted).toBe(3000);
    expect(duplicates).toBeGreaterThan(100);
    expect(new Set(refusals.keys())).toEqual(
      new Set(["invalid_quantity", "timestamp_too_old", "unknown_customer", "unknown_dimension"]),
    );
    const quantities = batches.flat().map(({ wire }) => wire.quantity);
    expect(quantities.some((quantity) => typeof quantity === "string" && /\.\d{9}$/.test(quantity))).toBe(
      true,
    );
    expect(quantities.some((quantity) => typeof quantity === "number" && !Number.isInteger(quantity))).toBe(
      true,
    );
    expect(batches.flat().some(({ wire }) => wire.tags !== undefined)).toBe(true);
  });
});
