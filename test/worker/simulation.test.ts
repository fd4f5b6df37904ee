import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { shardName } from "../../src/meter/shard-name.ts";
import { Random } from "../simulation/random.ts";
import { recordsOf, retryNow, seal, tick } from "./support/delivering.ts";
import { admin, json, type TestProduct, type UsageAnswer } from "./support/gateway.ts";
import { aws, newCustomer, newListing } from "./support/marketplace.ts";
import { ago, HOUR } from "./support/times.ts";

const STEPS = 40;

const AWS_FAULTS = [
  "throttle",
  "internal-error",
  "internal-error-after-store",
  "html-503",
  "drop-connection",
  "drop-connection-after-store",
  "unprocessed",
  "unknown-status",
  "shuffle",
];

interface Event {
  readonly id: string;
  readonly customer: string;
  readonly dimension: string;
  readonly quantity: number;
  readonly timestamp: string;
}

/** What producers know: what was acknowledged, and what has to be posted again. */
class Producers {
  /** Eighths of a unit. */
  acknowledged = 0;
  #unanswered: Event[][] = [];
  readonly #listing: TestProduct;

  constructor(listing: TestProduct) {
    this.#listing = listing;
  }

  async post(events: Event[]): Promise<void> {
    const response = await this.#listing.post(events).catch(() => null);
    if (response?.status !== 202) {
      this.#unanswered.push(events);
      return;
    }
    const { results } = await json<UsageAnswer>(response);
    for (const { index, status } of results)
      if (status !== "rejected") this.acknowledged += (events[index]?.quantity ?? 0) * 8;
  }

  async repeat(): Promise<void> {
    const waiting = this.#unanswered;
    this.#unanswered = [];
    for (const events of waiting) await this.post(events);
  }

  get isAnswered(): boolean {
    return this.#unanswered.length === 0;
  }
}

/** Something goes wrong, or several things at once. */
async function makeTrouble(random: Random, listing: TestProduct): Promise<void> {
  const shard = env.METER_SHARD.getByName(shardName(listing.id, 0));
  if (random.chance(0.4)) {
    const kind = random.pick(AWS_FAULTS);
    await aws.faults({
      kind,
      operation: "BatchMeterUsage",
      productCode: listing.id,
      times: random.whole(1, 3),
    });
  }
  if (random.chance(0.2)) await evictDurableObject(shard).catch(() => undefined);
  if (random.chance(0.1)) await abortAllDurableObjects();
}

describe("the gateway inside workerd, with trouble at random", () => {
  it.each([1, 2, 3, 4])("loses nothing and bills nothing twice, with the seed %i", async (seed) => {
    const random = new Random(seed);
    const listing = await newListing();
    const customers = [await newCustomer(listing), await newCustomer(listing), await newCustomer(listing)];
    const producers = new Producers(listing);
    for (let step = 0; step < STEPS; step++) {
      await makeTrouble(random, listing);
      const events = Array.from({ length: random.whole(1, 10) }, () => ({
        id: random.hex(),
        customer: random.pick(customers).accountId,
        dimension: random.pick(["api", "gb"]),
        quantity: random.whole(1, 80) / 8,
        // Older usage is refused on the 1st of a month: AWS takes that of the month before until 06:00.
        timestamp: ago(random.whole(1, 6) * HOUR),
      }));
      // Posting, sealing and two ticks at once, in whatever order they come.
      await Promise.allSettled([
        producers.post(events),
        ...(random.chance(0.5) ? [seal(listing.id)] : []),
        ...(random.chance(0.5) ? [tick()] : []),
        ...(random.chance(0.2) ? [tick()] : []),
      ]);
      if (random.chance(0.3)) await producers.repeat();
      if (random.chance(0.3)) await retryNow(listing.id);
    }

    // Everything is mended, and goes on until nothing is pending.
    await aws.heal();
    while (!producers.isAnswered) await producers.repeat();
    await seal(listing.id);
    const settled = async () =>
      (await recordsOf(listing.id)).every(({ state }) => state === "delivered" || state === "parked");
    do {
      await retryNow(listing.id);
      await tick();
    } while (!(await settled()));

    const { totals } = await json<{ totals: Record<string, string | boolean> }>(
      admin("GET", `/v1/conservation?product=${listing.id}`),
    );
    expect(totals).toMatchObject({
      accepted: String(producers.acknowledged / 8),
      pending: "0",
      parked: "0",
      conserved: true,
    });
    const billed = await aws.records(listing.id);
    expect(String(billed.reduce((sum, { quantity }) => sum + quantity, 0))).toBe(totals["delivered"]);
    expect(billed).toHaveLength((await recordsOf(listing.id)).length);
    expect(await env.METER_SHARD.getByName(shardName(listing.id, 0)).checkBooks()).toBeNull();
  });
});
