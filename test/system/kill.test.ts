import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  expectOk,
  type Conservation,
  type MeteringRecord,
  type SimulatorRecord,
} from "../../scripts/local/clients.ts";
import { Random } from "../simulation/random.ts";
import { ADMIN, newSeller, sell, type Seller } from "./seller.ts";
import { killProcess, startProcess } from "../../scripts/local/process.ts";

const GATEWAY_KILLS = 20;
const HOUR = 3_600_000;
const seed = Date.now() % 1_000_000;

let seller: Seller;

beforeAll(async () => {
  seller = await newSeller();
});
afterAll(() => seller.stop());

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
      const response = await fetch(`${seller.gateway.worker.url}/v1/usage`, {
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
    const { key, customers } = await sell(seller, "killed", { customers: 6, shards: 2 });
    const { prepared } = seller;
    const { url } = seller.gateway.worker;
    const producers = new Producers(key, customers, random);
    const producing = producers.run(4);
    const over = new AbortController();
    const ticking = (async () => {
      while (!over.signal.aborted) {
        await seller.gateway.worker.tick().catch(() => undefined);
        await turn();
      }
    })();

    // When the gateway is killed twenty times, and AWS a few times
    for (let kill = 0; kill < GATEWAY_KILLS; kill++) {
      const more = producers.requests + random.whole(1, 12);
      await until(() => producers.requests >= more);
      if (kill % 5 === 4) {
        await killProcess(seller.simulator);
        seller.simulator = await startProcess(() => prepared.startSimulator());
      }
      await killProcess(seller.gateway);
      seller.gateway = await startProcess(() => prepared.startGateway(seller.simulator.worker.url));
    }
    producers.stop();
    await producing;

    // Then the books have exactly what was acknowledged, when everything is delivered
    const totals = async () =>
      (await expectOk<Conservation>("GET", `${url}/v1/conservation?product=killed`, { token: ADMIN })).totals;
    await until(async () => (await totals()).pending === "0");
    over.abort();
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
      `${seller.simulator.worker.url}/_simulator/records?productCode=killed&limit=10000`,
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
