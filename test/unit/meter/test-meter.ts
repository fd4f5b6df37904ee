import type { SealedHour } from "../../../src/meter/account.ts";
import type { Term } from "../../../src/meter/allowance.ts";
import { ruleOf } from "../../../src/meter/dimension.ts";
import type { EventOutcome } from "../../../src/meter/event-outcome.ts";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import type { MeterSettings } from "../../../src/meter/account.ts";
import { formatQuantity, nanoOf, parseQuantity } from "../../../src/meter/quantity.ts";
import { ShardStore } from "../../../src/meter/shard-store.ts";
import { StoredMeter } from "../../../src/meter/stored-meter.ts";
import {
  UsageBatchBuilder,
  type AgreementEnd,
  type MeteredDimension,
} from "../../../src/meter/usage-batch.ts";
import { SqliteStorage } from "./sqlite-storage.ts";

export const settings: MeterSettings = {
  settle: 10 * MINUTE,
  lateSettle: 5 * MINUTE,
  dedupeWindow: 35 * 24 * HOUR,
  awaitsAllowance: [],
};

export const dimension = (name: string, overrides: Partial<MeteredDimension> = {}): MeteredDimension => ({
  name,
  aggregation: "sum",
  divisor: 1,
  uniqueTag: null,
  late: "carry_forward",
  ...overrides,
});

/** What a test posts: a usage event, or the voiding of one. */
export interface TestEvent {
  readonly id?: string;
  readonly agreement?: string;
  readonly dimension?: MeteredDimension;
  /** Exact decimal. */
  readonly quantity?: string;
  readonly time?: number;
  readonly tagSet?: string;
  readonly voids?: string;
  readonly end?: AgreementEnd;
}

/** A term of a contract, which is not a part of a longer one and has no end, unless that is said. */
export interface TestTerm {
  /** Exact decimal. */
  readonly quantity: string;
  readonly per: Term["per"];
  readonly since?: number;
  readonly until?: number | null;
  readonly began?: number;
}

export type TestOutcome = EventOutcome | { readonly status: "accepted" };

const standard = dimension("d");

/** A meter over a store of its own, as a shard has it. */
export class TestMeter {
  readonly storage = new SqliteStorage();
  store: ShardStore;
  meter: StoredMeter;
  readonly #settings: MeterSettings;

  constructor(overrides: Partial<MeterSettings> = {}) {
    this.#settings = { ...settings, ...overrides };
    this.store = new ShardStore(this.storage.open());
    this.meter = new StoredMeter(this.store, () => Promise.resolve());
  }

  /** Throws the memory away; what was written stays. */
  restart(): this {
    this.store = new ShardStore(this.storage.open());
    this.meter = new StoredMeter(this.store, () => Promise.resolve());
    return this;
  }

  /** Counts events; what is accepted is on disk afterwards. */
  async accept(events: readonly TestEvent[], now: number): Promise<TestOutcome[]> {
    const { outcomes, durable } = this.begin(events, now);
    await durable;
    return outcomes;
  }

  /** Counts events, and does not wait for the disk. */
  begin(events: readonly TestEvent[], now: number): { outcomes: TestOutcome[]; durable: Promise<void> } {
    this.meter.adopt(this.#settings);
    const builder = new UsageBatchBuilder();
    for (const event of events) {
      const { id = crypto.randomUUID(), quantity = "1", time = now, tagSet = "" } = event;
      const agreement = { id: event.agreement ?? "a", end: event.end ?? null };
      if (event.voids !== undefined) {
        builder.addVoid(agreement, { id, voids: event.voids });
        continue;
      }
      const parsed = parseQuantity(quantity);
      if (!parsed.ok) throw new Error(parsed.problem);
      const counted = event.dimension ?? standard;
      builder.addUsage(agreement, { id, dimension: counted, quantity: parsed.value, time, tagSet });
    }
    const { exceptions, durable } = this.meter.accept(builder.build(), now);
    const outcomes = events.map((_event, index) => exceptions.get(index) ?? { status: "accepted" as const });
    return { outcomes, durable };
  }

  /** Tells all that is known from now on of what the contract of agreement "a" includes. */
  async tell(terms: readonly TestTerm[], now: number, counted: MeteredDimension = standard): Promise<void> {
    const of = { agreement: "a", dimension: counted.name, rule: ruleOf(counted) };
    const encoded = terms.map(({ quantity, per, since = 0, until = null, began = since }) => ({
      quantity: nanoOf(quantity).toString(),
      per,
      since,
      until,
      began,
    }));
    await this.meter.decide([{ id: crypto.randomUUID(), kind: "allow", ...of, terms: encoded }], now);
  }

  /** The books of the only account, as decimals. */
  get books(): Record<"accepted" | "sealed" | "open" | "carry" | "held" | "withheld", string> {
    const [balance] = this.meter.balances(["a"]);
    if (balance === undefined) throw new Error("nothing was counted");
    return {
      accepted: formatQuantity(balance.accepted),
      sealed: formatQuantity(balance.sealed),
      open: formatQuantity(balance.open),
      carry: formatQuantity(balance.carry),
      held: formatQuantity(balance.held),
      withheld: formatQuantity(balance.withheld),
    };
  }

  /** Seals what is due, and returns its records, which count as handed over. */
  seal(now: number): SealedHour[] {
    for (const _slice of this.meter.sealDue(now));
    return [...this.store.outbox()].flatMap(({ sealing, hours }) => {
      this.store.acknowledge(sealing);
      return hours;
    });
  }

  /** Packs what the journal holds. */
  pack(now: number): void {
    for (const _step of this.meter.pack(now));
  }
}
