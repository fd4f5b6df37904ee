import type { Agreement } from "../../src/ledger/agreements.ts";
import { findProduct } from "../../src/catalog/products.ts";
import { HOUR, MINUTE } from "../../src/meter/hours.ts";
import { formatQuantity, nanoOf, UNIT, type Nano } from "../../src/meter/quantity.ts";
import { ingest } from "../../src/usage/ingest.ts";
import type { MeterShard } from "../../src/meter/meter-shard.ts";
import type { EventResult } from "../../src/usage/results.ts";
import type { World } from "./world.ts";

interface Event {
  readonly id: string;
  readonly customer: string;
  readonly dimension: string;
  readonly quantity: string;
  readonly timestamp: string;
  readonly tags?: Record<string, string>;
}

interface Posted {
  readonly event: Event;
  readonly account: string;
}

/** Programs that post usage and post it again until they hear that it is counted, or that it never will be. */
export class Producers {
  readonly #world: World;
  /** What was posted and not answered: it may be counted, or not. */
  #unanswered: { readonly productId: string; readonly posted: readonly Posted[] }[] = [];
  readonly #answered: { readonly productId: string; readonly posted: Posted }[] = [];
  readonly #known = new Set<Posted>();
  /** By account: what was acknowledged. */
  readonly #acknowledged = new Map<string, Nano>();
  events = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** What was acknowledged of an (agreement, dimension). */
  acknowledged(account: string): Nano {
    return this.#acknowledged.get(account) ?? 0n;
  }

  /** What of an (agreement, dimension) is in the air: posted, and not answered. */
  unanswered(account: string): Nano {
    let sum = 0n;
    for (const { posted } of this.#unanswered)
      for (const { event, account: own } of posted) if (own === account) sum += nanoOf(event.quantity);
    return sum;
  }

  /** Posts new usage of an agreement: mostly of this hour, sometimes late, sometimes with what was posted before. */
  async post(agreement: Agreement, dimensions: readonly string[]): Promise<void> {
    const { random, now } = this.#world;
    const posted: Posted[] = [];
    for (let count = random.whole(1, 8); count > 0; count--) {
      const age = random.chance(0.8) ? random.whole(0, 50 * MINUTE) : random.whole(0, 30 * HOUR);
      const dimension = random.pick(dimensions);
      const team = random.chance(0.3) ? { tags: { team: random.pick(["red", "blue"]) } } : {};
      const event: Event = {
        id: random.hex(),
        customer: agreement.licenseArn ?? agreement.accountId ?? "",
        dimension,
        quantity: formatQuantity(BigInt(random.whole(1, 5_000)) * (UNIT / 1000n)),
        timestamp: new Date(now() - age).toISOString(),
        ...team,
      };
      posted.push({ event, account: accountOf(agreement.id, dimension) });
    }
    const before = this.#answered.length > 0 && random.chance(0.2) ? random.pick(this.#answered) : null;
    if (before !== null && before.productId === agreement.productId) posted.push(before.posted);
    this.events += posted.length;
    await this.#send(agreement.productId, posted);
  }

  /** Posts again what was not answered. */
  async repeat(): Promise<void> {
    const waiting = this.#unanswered;
    this.#unanswered = [];
    for (const { productId, posted } of waiting) await this.#send(productId, posted);
  }

  get waiting(): number {
    return this.#unanswered.length;
  }

  async #send(productId: string, posted: readonly Posted[]): Promise<void> {
    let results: readonly EventResult[];
    try {
      results = await this.#call(
        productId,
        posted.map(({ event }) => event),
      );
    } catch {
      this.#unanswered.push({ productId, posted });
      return;
    }
    for (const [index, { status }] of results.entries()) {
      const one = posted[index];
      if (one === undefined || this.#known.has(one)) continue;
      this.#known.add(one);
      this.#answered.push({ productId, posted: one });
      if (status === "rejected") continue;
      const sum = this.#acknowledged.get(one.account) ?? 0n;
      this.#acknowledged.set(one.account, sum + nanoOf(one.event.quantity));
    }
  }

  /** The way through the gateway's own code, from the events to their answers. */
  async #call(productId: string, events: readonly Event[]): Promise<readonly EventResult[]> {
    const world = this.#world;
    const process = world.process();
    const ledger = world.ledgerOf(process);
    const shards = {
      getByName: (name: string) => ({
        ingest: (request: Parameters<MeterShard["ingest"]>[0]) =>
          process.reach("a shard", () => world.withShard(name, (shard) => shard.ingest(request))),
      }),
    } as unknown as DurableObjectNamespace<MeterShard>;
    return process.run(async () => {
      const product = await findProduct(ledger, productId);
      if (product === null) throw new Error("the product is not there");
      const ingested = await ingest({ ledger, shards, product, receivedAt: world.now() }, events);
      if (ingested.kind === "overloaded") throw new Error("overloaded");
      return ingested.results;
    });
  }
}

export const accountOf = (agreement: string, dimension: string): string => `${agreement} ${dimension}`;
