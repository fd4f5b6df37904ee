import { Pacer } from "../../src/delivery/pacer.ts";
import { noteTick, runDelivery, type RunEnd } from "../../src/delivery/run.ts";
import { createProduct, type NewProduct } from "../../src/catalog/products.ts";
import { registerAgreement } from "../../src/customers/register-agreement.ts";
import { type Agreement } from "../../src/ledger/agreements.ts";
import { keepCustomers } from "./keep-customers.ts";
import { hearNotice } from "../../src/customers/notices/hear-notice.ts";
import type { NewNotice } from "../../src/customers/notices/notices.ts";
import type { CustomersShard, Surroundings } from "../../src/customers/surroundings.ts";
import { countQueries, QUERIES_ALLOWED } from "../../src/ledger/counted-ledger.ts";
import { openLedger, type Ledger } from "../../src/ledger/database.ts";
import type { Conservation } from "../../src/ledger/conservation.ts";
import type { Entitlement } from "../../simulator/src/model.ts";
import { HOUR } from "../../src/meter/hours.ts";
import { Shard } from "../../src/meter/shard.ts";
import { shardName } from "../../src/meter/shard-name.ts";
import { answerCryptoAtOnce } from "./quick-crypto.ts";
import { REGION, SimulatedAws } from "./aws.ts";
import { CrashableStorage } from "./crashable-storage.ts";
import { migrate } from "./migrate.ts";
import { Died, NO_HAZARDS, Process, type Hazards } from "./process.ts";
import { Random } from "./random.ts";
import { SqliteD1 } from "./sqlite-d1.ts";

answerCryptoAtOnce();

/** A meter shard's durable object: what survives its incarnations. */
interface ShardHome {
  readonly name: string;
  readonly storage: CrashableStorage;
  alarm: number | null;
  living: { readonly shard: Shard; readonly process: Process } | null;
}

/** The gateway with all it stands on, in one process and by a virtual clock. */
export class World {
  readonly random: Random;
  readonly aws: SimulatedAws;
  readonly database = new SqliteD1();
  /** What may go wrong now at each await. */
  hazards: Hazards = NO_HAZARDS;
  /** How far the gateway's clock is ahead of AWS's, in milliseconds. */
  skew = 0;
  faults = 0;
  readonly #shards = new Map<string, ShardHome>();
  #time: number;

  constructor(seed: number, start: number) {
    this.random = new Random(seed);
    this.#time = start;
    this.aws = new SimulatedAws(() => this.#time, this.random);
    migrate(this.database);
  }

  /** Epoch milliseconds by the gateway's clock. */
  readonly now = (): number => this.#time + this.skew;

  advanceTo(time: number): void {
    this.#time = Math.max(this.#time, time);
  }

  get time(): number {
    return this.#time;
  }

  /** A process of the gateway that everything may go wrong with, or one that checks and sets up. */
  process(hazards: Hazards = this.hazards): Process {
    return new Process(this.random, hazards, () => {
      this.faults += 1;
    });
  }

  ledgerOf(process: Process): Ledger {
    return openLedger(this.database.as(process));
  }

  /** The ledger as the test itself sees it. */
  readonly ledger = openLedger(this.database.as(new Process(new Random(0), NO_HAZARDS, () => undefined)));

  async addProduct(product: Omit<NewProduct, "name" | "signUpUrl" | "region">): Promise<void> {
    const named = { ...product, name: product.id, signUpUrl: "https://seller.example", region: REGION };
    await createProduct(this.ledger, named, this.now());
    const dimensions = product.dimensions.map(({ name }) => name);
    this.aws.list(product.productCode, dimensions, product.concurrentAgreements);
  }

  /** A customer that has bought a product and registered. */
  async addAgreement(
    product: Pick<NewProduct, "id" | "productCode" | "concurrentAgreements" | "contract" | "shards">,
    entitlements: readonly Entitlement[] = [],
  ) {
    const accountId = String(this.random.whole(1, 999_999_999_999)).padStart(12, "0");
    const id = this.random.hex();
    const licenseArn = `arn:aws:license-manager::222222222222:license:l-${id}`;
    const customerIdentifier = product.concurrentAgreements ? "" : id.slice(0, 11).toUpperCase();
    const sold = {
      agreementId: `agmt-${id}`,
      productCode: product.productCode,
      accountId,
      licenseArn,
      customerIdentifier,
      status: "active" as const,
      startsAt: this.time - 40 * HOUR,
      endsAt: null,
      endedAt: null,
      deprovisionedAt: null,
      entitlements,
      createdAt: this.time,
    };
    this.aws.agree(sold);
    const agreement = await registerAgreement(this.ledger, {
      product: { ...product, concurrentAgreementsFrom: null, contract: product.contract ?? false },
      accountId,
      licenseArn,
      customerIdentifier: customerIdentifier === "" ? null : customerIdentifier,
      fields: {},
      arrivedAt: this.now(),
      now: this.now(),
    });
    if (agreement === null) throw new Error("an agreement of the simulation was refused");
    return { agreement, sold };
  }

  /** Does something to a shard; when that has died, or a write of it fails, it comes back to life from its disk. */
  async withShard<T>(name: string, action: (shard: Shard) => Promise<T>): Promise<T> {
    const home = this.#home(name);
    const { shard, process } = (home.living ??= await this.#awaken(home));
    try {
      return await process.run(() => action(shard));
    } catch (error) {
      if (error instanceof Died) this.#bury(home);
      throw error;
    }
  }

  /** Ends the life of a shard between two of its actions, as an eviction or a deployment does. */
  evict(name: string): void {
    const home = this.#home(name);
    home.living?.process.kill();
    this.#bury(home);
  }

  /** Cloudflare loses a shard's alarm. */
  loseAlarm(name: string): void {
    this.#home(name).alarm = null;
    this.evict(name);
  }

  get shardNames(): string[] {
    return [...this.#shards.keys()];
  }

  /** Rings the alarms whose time has come. */
  async ring(): Promise<void> {
    for (const home of this.#shards.values()) {
      if (home.alarm === null || home.alarm > this.now()) continue;
      const rung = home.alarm;
      home.alarm = null;
      try {
        await this.withShard(home.name, (shard) => shard.alarm());
      } catch {
        // Cloudflare repeats an alarm whose handler has failed.
        home.alarm ??= rung;
      }
    }
  }

  /** What the submitter does at a tick, which may die, or meet another that still runs. */
  async deliver(): Promise<void> {
    const process = this.process();
    // Here nothing is so large that it takes many invocations: each may ask little.
    const allowed = this.random.pick([QUERIES_ALLOWED, 90]);
    try {
      await process.run(async () => {
        await noteTick(this.ledgerOf(process), REGION, this.now());
        // The object goes on at once, in invocations of their own; the world does, too, while AWS throttles for a day.
        for (let runs = 0; runs < 10; runs++)
          if ((await this.#runDelivery(process, allowed)).next !== "at_once") return;
      });
    } catch {
      // The next tick begins again; that nothing is lost by it is what is looked for.
    }
  }

  #runDelivery(process: Process, allowed: number): Promise<RunEnd> {
    const clock = {
      now: this.now,
      wait: (milliseconds: number) =>
        process.reach("waiting", () => this.advanceTo(this.time + milliseconds)),
    };
    return runDelivery({
      ...clock,
      ...countQueries(this.database.as(process), allowed),
      client: this.aws.client(process, this.skew),
      region: REGION,
      random: this.random.next,
      newId: () => `att_${this.random.hex()}`,
      pacer: new Pacer(clock),
      takeBack: (shard, records) =>
        process.reach("a shard", () =>
          this.withShard(shard, (home) =>
            home.decide(records.map((record) => ({ kind: "roll_over", ...record }) as const)),
          ),
        ),
    });
  }

  /** What a tick does for the customers, which may die, too. */
  async keepCustomers(): Promise<void> {
    const process = this.process();
    try {
      await process.run(() => keepCustomers(this.#surroundingsOf(process)));
    } catch {
      // The next tick begins again.
    }
  }

  /** AWS tells the gateway something, again and again until it is heard. */
  async tell(notice: NewNotice): Promise<void> {
    const process = this.process();
    try {
      await process.run(() => hearNotice(this.#surroundingsOf(process), notice));
    } catch {
      await this.tell(notice);
    }
  }

  #surroundingsOf(process: Process): Surroundings {
    const shards = (name: string): CustomersShard => ({
      endAgreements: (ids) =>
        process.reach("a shard", () => this.withShard(name, (shard) => shard.endAgreements(ids))),
      conservation: (ids) =>
        process.reach("a shard", () => this.withShard(name, (shard) => shard.conservation(ids))),
      decide: (decisions) =>
        process.reach("a shard", () => this.withShard(name, (shard) => shard.decide(decisions))),
    });
    return {
      ledger: this.ledgerOf(process),
      shards,
      now: this.now,
      random: this.random.next,
      resolveCustomer: () => Promise.reject(new Error("nobody arrives in the simulation")),
      entitlements: () => this.aws.entitlements(process, this.skew),
      secret: null,
      report: () => undefined,
    };
  }

  /** The books, whole, without anything going wrong. */
  async conservation(agreements: readonly Agreement[]): Promise<Conservation[]> {
    const hazards = this.hazards;
    this.hazards = NO_HAZARDS;
    const byShard = Map.groupBy(agreements, ({ productId, shard }) => shardName(productId, shard));
    const rows: Conservation[] = [];
    for (const [name, members] of byShard) {
      const ids = members.map(({ id }) => id);
      rows.push(...(await this.#books(name, ids)));
    }
    this.hazards = hazards;
    return rows;
  }

  /** Asks again when the shard dies meanwhile, of a request that goes on though nobody waits for it any more. */
  async #books(name: string, ids: readonly string[]): Promise<readonly Conservation[]> {
    try {
      return await this.withShard(name, (shard) => shard.conservation(ids));
    } catch (error) {
      if (error instanceof Died) return this.#books(name, ids);
      throw error;
    }
  }

  /** Frees what the world stood on; nothing of it may be at work any more. */
  close(): void {
    for (const name of this.shardNames) this.evict(name);
    for (const { storage } of this.#shards.values()) storage.close();
    this.database.close();
  }

  #home(name: string): ShardHome {
    let home = this.#shards.get(name);
    if (home === undefined) {
      home = { name, storage: new CrashableStorage(), alarm: null, living: null };
      this.#shards.set(name, home);
    }
    return home;
  }

  async #awaken(home: ShardHome) {
    // What may go wrong changes while it lives.
    const hazards: Hazards = Object.defineProperties(
      { ...NO_HAZARDS },
      {
        crash: { get: () => this.hazards.crash },
        errorBefore: { get: () => this.hazards.errorBefore },
        errorAfter: { get: () => this.hazards.errorAfter },
      },
    );
    const process = this.process(hazards);
    const storage = home.storage.open();
    const ledger = this.ledgerOf(process);
    const shard = new Shard({
      name: home.name,
      storage,
      // Nothing leaves a durable object before what it has written is on disk.
      ledger: new Proxy(ledger, {
        get: (target, key) => {
          home.storage.sync();
          return Reflect.get(target, key) as unknown;
        },
      }),
      now: this.now,
      sync: () => process.reach("the disk", () => home.storage.sync()),
      pause: () => Promise.resolve(),
      setAlarm: (time) => {
        home.alarm = time;
        return Promise.resolve();
      },
      inBackground: (work) => void work.catch(() => undefined),
      startOver: () => process.kill(),
      expectDelivery: () => Promise.resolve(),
      report: () => undefined,
    });
    await shard.start(home.alarm);
    return { shard, process };
  }

  #bury(home: ShardHome): void {
    home.living = null;
    home.storage.crash(this.random.chance(0.5));
  }
}
