import { faultSchema } from "../../simulator/src/faults.ts";
import type { Agreement as SoldAgreement } from "../../simulator/src/model.ts";
import type { Agreement } from "../../src/ledger/agreements.ts";
import type { NewProduct } from "../../src/catalog/products.ts";
import { activateAgreement, endAgreement } from "../../src/customers/operator-notices.ts";
import { HOUR, MINUTE } from "../../src/meter/hours.ts";
import { shardName } from "../../src/meter/shard-name.ts";
import { dimension } from "../unit/meter/test-meter.ts";
import { Contracts, newEntitlements, withContract } from "./contracts.ts";
import { NO_HAZARDS } from "./process.ts";
import { operate } from "./operator.ts";
import { Producers } from "./producers.ts";
import { FOREIGN_QUANTITY, Watch } from "./promises.ts";
import { World } from "./world.ts";

export interface Outcome {
  readonly seed: number;
  readonly hours: number;
  readonly events: number;
  readonly faults: number;
  readonly delivered: number;
  readonly parked: number;
  readonly lost: number;
  readonly doubled: number;
}

const DIMENSIONS = [
  dimension("api"),
  dimension("gb", { divisor: 3 }),
  dimension("kept", { late: "hold" }),
  dimension("strict", { late: "reject" }),
];

type SimulatedProduct = Omit<NewProduct, "name" | "signUpUrl" | "region">;

interface Customer {
  readonly product: SimulatedProduct;
  readonly agreement: Agreement;
  sold: SoldAgreement;
}

/** The kinds of trouble that AWS gives, each for some calls. */
const AWS_FAULTS = [
  { kind: "throttle", times: 6 },
  { kind: "internal-error", times: 3 },
  { kind: "internal-error-after-store", times: 3 },
  { kind: "html-503", times: 3 },
  { kind: "drop-connection", times: 3 },
  { kind: "drop-connection-after-store", times: 4 },
  { kind: "unprocessed", times: 3, records: 4 },
  { kind: "unknown-status", times: 2, records: 3 },
  { kind: "missing-record-id", times: 2 },
  { kind: "shuffle", times: 8 },
  { kind: "extra-fields", times: 2 },
  { kind: "namespaced-type", times: 4 },
  { kind: "header-only-type", times: 4 },
  { kind: "error", error: "AccessDeniedException", times: 5 },
  { kind: "error", error: "InvalidSignatureException", times: 3 },
  { kind: "error", error: "DisabledApiException", times: 3 },
] as const;

/** Runs the gateway through so many hours in which everything goes wrong, and then to where nothing is left to do. */
export async function simulate(seed: number, hours: number): Promise<Outcome> {
  // Near the end of a month, so that its early deadline is met within days.
  const start = Date.UTC(2027, seed % 12, 27, 0, 0) + (seed % 7) * 7 * MINUTE;
  const simulation = new Simulation(seed, start);
  try {
    await simulation.setUp();
    while (simulation.world.time < start + hours * HOUR) await simulation.step();
    return { seed, hours, ...(await simulation.finish()) };
  } finally {
    simulation.world.close();
  }
}

class Simulation {
  readonly world: World;
  readonly #producers: Producers;
  readonly #watch: Watch;
  readonly #contracts = new Contracts();
  readonly #products: SimulatedProduct[] = [];
  readonly #customers: Customer[] = [];
  /** What is wrong at AWS until somebody mends it. */
  readonly #broken = new Map<string, () => void>();
  /** Agreements whose end the gateway is still to hear of. */
  readonly #ending: Agreement[] = [];
  /** Until when the cron trigger does not fire. */
  #silentUntil = 0;

  constructor(seed: number, start: number) {
    this.world = new World(seed, start);
    this.#producers = new Producers(this.world);
    this.#watch = new Watch(
      this.world,
      this.#producers,
      () => this.#customers.map(({ agreement }) => agreement),
      this.#contracts,
    );
  }

  async setUp(): Promise<void> {
    const { random } = this.world;
    for (let n = random.whole(1, 3); n > 0; n--) {
      const id = `p${random.hex()}`;
      const contract = random.chance(0.5);
      const product: SimulatedProduct = {
        id,
        productCode: id,
        concurrentAgreements: random.chance(0.7),
        contract,
        dimensions: contract ? withContract(DIMENSIONS, random) : DIMENSIONS,
        settleSeconds: random.pick([0, 600, 3600]),
        lateSettleSeconds: random.pick([0, 300]),
        dedupeDays: 35,
        zeroHeartbeat: random.chance(0.3),
        shards: random.whole(1, 2),
      };
      await this.world.addProduct(product);
      this.#products.push(product);
      for (let m = random.whole(1, 4); m > 0; m--) {
        const entitlements = newEntitlements(product.dimensions, this.world);
        const customer = { product, ...(await this.world.addAgreement(product, entitlements)) };
        this.#customers.push(customer);
        if (contract) this.#contracts.expect(customer);
        // Of the others AWS's notice is late; the first usage that AWS takes tells as much.
        if (random.chance(0.7)) await this.#activate(customer);
      }
    }
  }

  /** Some minutes of the gateway's life. */
  async step(): Promise<void> {
    const { world } = this;
    const { random } = world;
    world.advanceTo(world.time + random.whole(1, 15) * MINUTE);
    this.#makeTrouble();
    if (random.chance(0.6)) {
      const { agreement } = random.pick(this.#customers);
      await this.#producers.post(
        agreement,
        DIMENSIONS.map(({ name }) => name),
      );
    }
    if (random.chance(0.3)) await this.#producers.repeat();
    if (random.chance(0.05) && world.shardNames.length > 0) world.evict(random.pick(world.shardNames));
    if (random.chance(0.05)) await this.#changeContract(random.pick(this.#customers));
    for (const agreement of this.#ending.splice(0)) await this.#end(agreement);
    const others = random.chance(0.2) ? [this.#watch.checkBooks()] : [];
    await Promise.all([world.ring(), ...others]);
    if (this.#silentUntil < world.time && random.chance(0.7)) {
      // A tick is late, or two overlap, or somebody looks at the books meanwhile.
      const more = random.chance(0.15) ? [world.deliver()] : [];
      if (random.chance(0.1)) more.push(this.#watch.checkBooks());
      await Promise.all([world.deliver(), world.keepCustomers(), ...more]);
    }
    if (random.chance(0.1)) await this.#wakeShards();
    if (random.chance(0.05)) await operate(world, this.#watch, random.pick(this.#customers).agreement);
    await this.#watch.check();
  }

  /** Everything is mended, and enough time passes that all is delivered, or given up with a reason. */
  async finish() {
    const { world } = this;
    world.hazards = NO_HAZARDS;
    world.skew = 0;
    world.aws.heal();
    for (const mend of this.#broken.values()) mend();
    while (this.#producers.waiting > 0) await this.#producers.repeat();
    for (const customer of this.#customers) await this.#activate(customer);
    for (let round = 0; round < 70; round++) {
      world.advanceTo(world.time + (round < 10 ? 20 * MINUTE : HOUR));
      await this.#wakeShards();
      await world.ring();
      await world.deliver();
      await world.keepCustomers();
    }
    const divisors = new Map(DIMENSIONS.map(({ name, divisor }) => [name, divisor]));
    const settled = await this.#watch.settle(divisors);
    return { events: this.#producers.events, faults: world.faults, ...settled };
  }

  /** The gateway hears that an agreement has been active since before everything. */
  async #activate({ agreement, sold }: Customer): Promise<void> {
    const word = { at: sold.startsAt, now: this.world.now() };
    await activateAgreement(this.world.ledger, agreement.id, word);
  }

  /** A customer buys more or less in advance, or renews; whether AWS's notice of it comes. */
  async #changeContract(customer: Customer): Promise<void> {
    const { product, agreement } = customer;
    const { random, aws } = this.world;
    if (product.contract !== true) return;
    this.#contracts.forget(customer);
    customer.sold = { ...customer.sold, entitlements: newEntitlements(product.dimensions, this.world) };
    aws.agree(customer.sold);
    if (random.chance(0.5)) return;
    await this.world.tell({
      id: `sns:${random.hex()}`,
      source: "sns",
      kind: "entitlements_changed",
      occurredAt: this.world.now(),
      facts: { name: "entitlement-updated" },
      productCode: product.productCode,
      licenseArn: agreement.licenseArn,
      awsAgreementId: null,
      accountId: agreement.accountId,
      customerIdentifier: null,
    });
  }

  /** The gateway hears that an agreement ends; whoever says so says it again until he is heard. */
  async #end(agreement: Agreement): Promise<void> {
    const { world } = this;
    const process = world.process();
    try {
      await process.run(async () => {
        await endAgreement(world.ledgerOf(process), agreement.id, { at: world.now(), now: world.now() });
        const name = shardName(agreement.productId, agreement.shard);
        await process.reach("a shard", () =>
          world.withShard(name, (shard) => shard.endAgreements([agreement.id])),
        );
      });
    } catch {
      this.#ending.push(agreement);
    }
  }

  async #wakeShards(): Promise<void> {
    for (const name of this.world.shardNames) {
      await this.world.withShard(name, (shard) => shard.wake()).catch(() => undefined);
    }
  }

  #makeTrouble(): void {
    const { world } = this;
    const { random, aws } = world;
    const calm = random.chance(0.5);
    world.hazards = calm
      ? NO_HAZARDS
      : {
          crash: random.pick([0, 0.002, 0.02]),
          errorBefore: random.pick([0, 0.01, 0.1]),
          errorAfter: random.pick([0, 0.01, 0.1]),
        };
    if (random.chance(0.15)) {
      aws.order([faultSchema.parse(random.pick(AWS_FAULTS))]);
      world.faults += 1;
    }
    if (random.chance(0.05)) world.skew = random.pick([0, 0, 90_000, -90_000, 200_000, -200_000]);
    if (random.chance(0.05) && world.shardNames.length > 0) {
      const name = random.pick(world.shardNames);
      if (random.chance(0.3)) world.loseAlarm(name);
      else world.evict(name);
      world.faults += 1;
    }
    if (random.chance(0.02)) this.#breakSetting();
    if (random.chance(0.004)) this.#breakDown();
    if (random.chance(0.01)) this.#meterByAnother();
    if (random.chance(0.05)) {
      const [key, mend] = [...this.#broken][0] ?? [];
      if (key !== undefined) this.#broken.delete(key);
      mend?.();
    }
  }

  /** For so long that records expire, the cron trigger is silent, or AWS fails every call. */
  #breakDown(): void {
    const { world } = this;
    const { random, aws } = world;
    world.faults += 1;
    const length = random.whole(10, 30) * HOUR;
    if (random.chance(0.5)) {
      this.#silentUntil = world.time + length;
      return;
    }
    const kind = random.pick(["internal-error", "internal-error-after-store", "drop-connection", "throttle"]);
    aws.order([faultSchema.parse({ kind, times: null })]);
    this.#broken.set("AWS", () => aws.heal());
  }

  /** Another program of the seller's meters an hour of a customer of ours. */
  #meterByAnother(): void {
    const { world } = this;
    const { sold, product } = world.random.pick(this.#customers);
    world.faults += 1;
    world.aws.meter({
      productCode: product.productCode,
      licenseArn: product.concurrentAgreements ? sold.licenseArn : null,
      accountId: sold.accountId,
      customerIdentifier: sold.customerIdentifier,
      dimension: world.random.pick(DIMENSIONS).name,
      timestamp: world.time - world.random.whole(0, 3) * HOUR,
      quantity: FOREIGN_QUANTITY + world.random.whole(0, 1000),
    });
  }

  /** Something is set wrong at AWS, until a person mends it. */
  #breakSetting(): void {
    const { world } = this;
    const { random, aws } = world;
    world.faults += 1;
    const product = random.pick(this.#products);
    const { id, productCode, concurrentAgreements } = product;
    const list = (names: readonly string[]) => aws.list(productCode, names, concurrentAgreements);
    const all = DIMENSIONS.map(({ name }) => name);
    switch (random.pick(["product", "dimension", "suspended", "ended"])) {
      case "product":
        aws.unlist(productCode);
        this.#broken.set(id, () => list(all));
        break;
      case "dimension":
        list(all.filter((name) => name !== "gb"));
        this.#broken.set(id, () => list(all));
        break;
      case "suspended": {
        const customer = random.pick(this.#customers);
        // AWS says nothing of its contract meanwhile.
        this.#contracts.forget(customer);
        aws.agree({ ...customer.sold, status: "suspended" });
        this.#broken.set(customer.agreement.id, () => aws.agree(customer.sold));
        break;
      }
      case "ended": {
        const customer = random.pick(this.#customers);
        this.#contracts.forget(customer);
        customer.sold = { ...customer.sold, deprovisionedAt: world.time };
        aws.agree(customer.sold);
        // Whether the gateway hears of it.
        if (random.chance(0.5)) this.#ending.push(customer.agreement);
        break;
      }
    }
  }
}
