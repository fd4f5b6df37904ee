import {
  createEntitlementClient,
  createMarketplaceClient,
  staticCredentials,
  type EntitlementClient,
  type MarketplaceClient,
} from "../../src/marketplace/index.ts";
import { putAgreement } from "../../simulator/src/agreements.ts";
import { book, type Entry } from "../../simulator/src/books.ts";
import type { Fault } from "../../simulator/src/faults.ts";
import type { Agreement, MeteringRecord } from "../../simulator/src/model.ts";
import { Simulator } from "../../simulator/src/simulator.ts";
import { MemoryStore } from "../../simulator/src/store-memory.ts";
import { defaultSwitches, type Switches } from "../../simulator/src/switches.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";

export const SELLER = {
  accessKeyId: "AKIDSIMULATOR0000000",
  secretAccessKey: "simulator-secret",
  accountId: "111111111111",
};

export const REGION = "us-east-1";

/** AWS in the simulation: the simulator, in this process and by the virtual clock. */
export class SimulatedAws {
  readonly #store = new MemoryStore();
  readonly #simulator: Simulator;
  readonly #now: () => number;

  constructor(now: () => number, random: Random) {
    this.#now = now;
    this.#simulator = new Simulator({
      store: this.#store,
      seller: SELLER,
      machineNow: now,
      newId: () => random.hex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
    });
    // Where AWS's documents leave a choice, every seed makes another one.
    const switches: Switches = {
      ...defaultSwitches,
      identicalResubmit: random.pick(["success", "duplicate"]),
      echoTimestamp: random.pick(["raw", "hour"]),
      unknownCustomer: random.pick(["status", "exception"]),
      windowBasis: random.pick(["raw", "hour"]),
      checkOrder: defaultSwitches.checkOrder.toSorted(() => random.next() - 0.5),
    };
    this.#store.put("switches", "", switches);
  }

  list(productCode: string, dimensions: readonly string[], concurrentAgreements: boolean): void {
    const product = {
      productCode,
      dimensions,
      concurrentAgreements,
      sellerAccountId: SELLER.accountId,
      regions: null,
    };
    this.#store.put("product", productCode, product);
  }

  unlist(productCode: string): void {
    this.#store.remove("product", productCode);
  }

  agree(agreement: Agreement): void {
    putAgreement(this.#store, agreement);
  }

  order(faults: readonly Fault[]): void {
    this.#store.put("faults", "", [...(this.#store.get("faults", "") ?? []), ...faults]);
  }

  /** From now on AWS is well. */
  heal(): void {
    this.#store.put("faults", "", []);
  }

  /** Books usage that the gateway knows nothing of. */
  meter(usage: Omit<Entry, "operation" | "region" | "allocations">): void {
    book(this.#simulator.world, { ...usage, operation: "BatchMeterUsage", region: REGION, allocations: [] });
  }

  get records(): readonly MeteringRecord[] {
    return this.#store.records({}, { after: 0, limit: 10_000_000 }).map(({ value }) => value);
  }

  /** The product's own client, on a network that may fail. */
  client(process: Process, clockSkew: number): MarketplaceClient {
    return createMarketplaceClient(this.#options(process, clockSkew));
  }

  /** The product's own client of the entitlement service, on the same network. */
  entitlements(process: Process, clockSkew: number): EntitlementClient {
    return createEntitlementClient(this.#options(process, clockSkew));
  }

  #options(process: Process, clockSkew: number): Parameters<typeof createMarketplaceClient>[0] {
    return {
      region: REGION,
      credentials: staticCredentials(SELLER),
      fetch: async (input) => {
        const request = new Request(input);
        const body = new Uint8Array(await request.arrayBuffer());
        return process.reach("AWS", () => this.#answer(request, body));
      },
      now: () => this.#now() + clockSkew,
      // Time stands still while a call is made; what hangs is cut off by a fault.
      timer: () => () => undefined,
    };
  }

  async #answer(request: Request, body: Uint8Array<ArrayBuffer>): Promise<Response> {
    const { method, url, headers } = request;
    const answer = await this.#simulator.handle({ method, url: new URL(url), headers, body });
    if (answer.dropped) throw new TypeError("the connection was dropped");
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  }
}
