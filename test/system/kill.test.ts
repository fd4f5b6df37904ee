import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  arrive,
  expectOk,
  type Conservation,
  type MeteringRecord,
  type SimulatorAgreement,
  type SimulatorRecord,
} from "../../scripts/local/clients.ts";
import { prepareStack, type PreparedStack } from "../../scripts/local/stack.ts";
import { freePort } from "../../scripts/local/worker.ts";
import { Random } from "../simulation/random.ts";
import { killProcess, startProcess, type Process } from "./workerd.ts";

const ADMIN = "kill-admin";
const GATEWAY_KILLS = 20;
const HOUR = 3_600_000;
const seed = Date.now() % 1_000_000;

let stateDir: string;
let prepared: PreparedStack;
let gateway: Process;
let simulator: Process;
/** Where the gateway is, whichever process it is at the moment. */
let url: string;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "metergate-kill-"));
  const [port, simulatorPort] = [await freePort(), await freePort()];
  prepared = await prepareStack({ port, simulatorPort, stateDir, adminToken: ADMIN, onLog: () => undefined });
  simulator = await startProcess(() => prepared.startSimulator());
  gateway = await startProcess(() => prepared.startGateway(`http://127.0.0.1:${simulatorPort}`));
  url = gateway.worker.url;
});

afterAll(async () => {
  await gateway.worker.stop();
  await simulator.worker.stop();
  await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
});

async function setUp(): Promise<{ key: string; customers: string[] }> {
  const product = { productCode: "killed", dimensions: ["api"] };
  await expectOk("POST", `${simulator.worker.url}/_simulator/products`, { body: product });
  await expectOk("POST", `${url}/v1/products`, {
    token: ADMIN,
    body: {
      ...product,
      signUpUrl: "https://seller.example/",
      settleSeconds: 0,
      lateSettleSeconds: 0,
      shards: 2,
    },
  });
  const customers: string[] = [];
  for (let n = 0; n < 6; n++) {
    const agreement = await expectOk<SimulatorAgreement>(
      "POST",
      `${simulator.worker.url}/_simulator/agreements`,
      {
        body: { productCode: "killed" },
      },
    );
    const arrival = await arrive(url, agreement.registrationToken);
    if (arrival.status !== 303) throw new Error(`a customer was refused with ${arrival.status}`);
    customers.push(agreement.accountId);
  }
  const { key } = await expectOk<{ key: string }>("POST", `${url}/v1/keys`, {
    token: ADMIN,
    body: { product: "killed" },
  });
  return { key, customers };
}

/** Programs that post usage of past hours until each event is acknowledged, through whatever happens to the gateway. */
class Producers {
  /** Eighths of a unit. */
  acknowledged = 0;
  requests = 0;
  #stopped = false;
  readonly #key: string;
  readonly #customers: readonly string[];
  readonly #random: Random;

  constructor(key: string, customers: readonly string[], random: Random) {
    this.#key = key;
    this.#customers = customers;
    this.#random = random;
  }

  run(count: number): Promise<unknown> {
    return Promise.all(Array.from({ length: count }, () => this.#produce()));
  }

  stop(): void {
    this.#stopped = true;
  }

  async #produce(): Promise<void> {
    while (!this.#stopped) {
      const events = Array.from({ length: 20 }, () => ({
        id: this.#random.hex(),
        customer: this.#random.pick(this.#customers),
        dimension: "api",
        quantity: this.#random.whole(1, 800) / 8,
        timestamp: new Date(Date.now() - this.#random.whole(1, 6) * HOUR).toISOString(),
      }));
      while (!(await this.#isTaken(events))) await turn();
      this.requests += 1;
      for (const { quantity } of events) this.acknowledged += quantity * 8;
    }
  }

  /** Whether the gateway has answered for the events, now or before. */
  async #isTaken(events: readonly object[]): Promise<boolean> {
    try {
      const response = await fetch(`${url}/v1/usage`, {
        method: "POST",
        headers: { authorization: `Bearer ${this.#key}`, "content-type": "application/json" },
        body: JSON.stringify(events),
      });
      const { rejected } = (await response.json()) as { rejected: number };
      if (response.status === 202 && rejected > 0) throw new Error("usage was refused");
      return response.status === 202;
    } catch (error) {
      if (String(error).includes("refused")) throw error;
      return false;
    }
  }
}

/** Lets other work go on. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await turn();
}

describe(`a gateway that is killed again and again, at random moments (seed ${seed})`, () => {
  it("has counted and billed every acknowledged event once in the end", async () => {
    // Given producers under way, and a cron trigger that fires all the time
    const random = new Random(seed);
    const { key, customers } = await setUp();
    const producers = new Producers(key, customers, random);
    const producing = producers.run(4);
    let isOver = false;
    const ticking = (async () => {
      while (!isOver) {
        await gateway.worker.tick().catch(() => undefined);
        await turn();
      }
    })();

    // When the gateway is killed twenty times, and AWS a few times
    for (let kill = 0; kill < GATEWAY_KILLS; kill++) {
      const more = producers.requests + random.whole(1, 12);
      await until(() => producers.requests >= more);
      if (kill % 5 === 4) {
        await killProcess(simulator);
        simulator = await startProcess(() => prepared.startSimulator());
      }
      await killProcess(gateway);
      gateway = await startProcess(() => prepared.startGateway(simulator.worker.url));
    }
    producers.stop();
    await producing;

    // Then the books have exactly what was acknowledged, when everything is delivered
    const totals = async () =>
      (await expectOk<Conservation>("GET", `${url}/v1/conservation?product=killed`, { token: ADMIN })).totals;
    await until(async () => (await totals()).pending === "0");
    isOver = true;
    await ticking;
    const books = await totals();
    expect(books).toMatchObject({
      conserved: true,
      accepted: String(producers.acknowledged / 8),
      parked: "0",
    });
    // And AWS has what they say, no hour twice
    const { records } = await expectOk<{ records: SimulatorRecord[] }>(
      "GET",
      `${simulator.worker.url}/_simulator/records?productCode=killed&limit=10000`,
    );
    const billed = records.reduce((sum, { quantity }) => sum + quantity, 0);
    expect(String(billed)).toBe(books.delivered);
    const ours = await expectOk<{ records: MeteringRecord[] }>(
      "GET",
      `${url}/v1/records?product=killed&limit=1000`,
      { token: ADMIN },
    );
    expect(ours.records.every(({ state }) => state === "delivered")).toBe(true);
    expect(records).toHaveLength(ours.records.length);
    expect(producers.requests).toBeGreaterThan(GATEWAY_KILLS);
  }, 180_000);
});
