import { DurableObject } from "cloudflare:workers";
import { openLedger } from "../ledger/database.ts";
import { storeSealedHours } from "../ledger/sealed-hours.ts";
import { SECOND } from "./hours.ts";
import type { EventOutcome } from "./event-outcome.ts";
import type { AccountBalance } from "./balances.ts";
import type { MeterSettings } from "./account.ts";
import { UNIT, type Nano } from "./quantity.ts";
import { ShardStore } from "./shard-store.ts";
import { StoredMeter } from "./stored-meter.ts";
import type { UsageBatch } from "./usage-batch.ts";

/** Events that may wait for one write; beyond it, producers are asked to slow down before memory runs out. */
const MAX_WAITING_LINES = 50_000;

/** How soon a sealing or hand-over that failed is tried again. */
const RETRY_DELAY = 10 * SECOND;

export interface IngestRequest {
  readonly settings: MeterSettings;
  readonly batch: UsageBatch;
}

export type IngestAnswer =
  /** By position in the batch; an event that is not among them was counted in its own hour. */
  | { readonly kind: "counted"; readonly exceptions: ReadonlyMap<number, EventOutcome> }
  /** More waits to be written than the shard may hold. Nothing of the request was counted. */
  | { readonly kind: "overloaded" };

/** The balances of a shard at one moment, and which of its sealed hours the ledger surely has. */
export interface ShardBalances {
  readonly accounts: readonly (AccountBalance & {
    /** Sealed, and not known to be in the ledger. Billionths of a posted unit. */
    readonly handingOver: Nano;
  })[];
  /** Hand-overs up to this number are in the ledger. */
  readonly handedOver: number;
}

/** Lets whatever waits for the shard go first. */
const pause = (): Promise<void> => scheduler.wait(0);

/**
 * Counts the usage of the agreements that live on it. Everything it says is on disk first; everything in its
 * memory can be rebuilt from disk, so any failure to write throws the memory away.
 */
export class MeterShard extends DurableObject<Env> {
  readonly #store: ShardStore;
  readonly #meter: StoredMeter;
  #alarm: number | null = null;
  #packing = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new ShardStore(ctx.storage);
    this.#meter = new StoredMeter(this.#store, () => ctx.storage.sync());
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarm = await ctx.storage.getAlarm();
      // An alarm can be lost; what is sealed and not handed over must not wait for new usage.
      if (this.#alarm === null && this.#store.hasOutbox) await this.#setAlarm(Date.now());
      await this.#scheduleSealing();
    });
  }

  /** Counts events. Everything accepted is on disk when it answers. */
  async ingest({ settings, batch }: IngestRequest): Promise<IngestAnswer> {
    if (this.#meter.waitingLines + batch.id.length > MAX_WAITING_LINES) return { kind: "overloaded" };
    // All of it starts over together: what was counted in memory and not written must not survive a failure.
    const exceptions = await this.#orStartOver(async () => {
      this.#meter.adopt(settings);
      const { exceptions, durable } = this.#meter.accept(batch, Date.now());
      await Promise.all([durable, this.#scheduleSealing()]);
      return exceptions;
    });
    if (this.#meter.segmentIsFull && !this.#packing) this.ctx.waitUntil(this.#pack());
    return { kind: "counted", exceptions };
  }

  /** The balances of some agreements, together with the point up to which the ledger holds what was sealed. */
  balances(agreements: readonly string[]): ShardBalances {
    const waiting = new Map<string, Nano>();
    let firstWaiting: number | null = null;
    for (const { sealing, hours } of this.#store.outbox()) {
      firstWaiting ??= sealing;
      for (const { agreement, dimension, quantity, divisor } of hours) {
        const key = JSON.stringify([agreement, dimension]);
        waiting.set(key, (waiting.get(key) ?? 0n) + BigInt(quantity) * BigInt(divisor) * UNIT);
      }
    }
    return {
      accounts: this.#meter.balances(agreements).map((balance) => ({
        ...balance,
        handingOver: waiting.get(JSON.stringify([balance.agreement, balance.dimension])) ?? 0n,
      })),
      handedOver: firstWaiting === null ? this.#store.lastSealing : firstWaiting - 1,
    };
  }

  /**
   * Seals what is due and hands it to the ledger. A failure is tried again by an alarm of our own, because
   * Cloudflare drops an alarm for good after six failures.
   */
  override async alarm(): Promise<void> {
    this.#alarm = null;
    try {
      await this.#orStartOver(async () => {
        for (const _slice of this.#meter.sealDue(Date.now())) await pause();
      });
      await this.#handOver();
      await this.#scheduleSealing();
    } catch (error) {
      // oxlint-disable-next-line no-console -- Workers Logs is where an operator sees that a hand-over waits.
      console.error({
        message: "sealing or hand-over failed; it is tried again",
        shard: this.ctx.id.name,
        error: String(error),
      });
      await this.#setAlarm(Date.now() + RETRY_DELAY);
    }
  }

  /** Packs the journal's full segment, while usage is counted on the next. */
  async #pack(): Promise<void> {
    this.#packing = true;
    await this.#orStartOver(async () => {
      for (const _step of this.#meter.pack(Date.now())) await pause();
    });
    this.#packing = false;
  }

  /**
   * Gives the ledger what was sealed. Dying between the ledger's commit and our acknowledgement makes it happen
   * twice, which the ledger's primary key turns into once.
   */
  async #handOver(): Promise<void> {
    const ledger = openLedger(this.env.DB);
    for (const { sealing, hours } of this.#store.outbox()) {
      await storeSealedHours(ledger, { sealing, hours, now: Date.now() });
      this.#store.acknowledge(sealing);
    }
  }

  /** Sets the alarm only when it must ring earlier: each setting is a row written. */
  async #scheduleSealing(): Promise<void> {
    const next = this.#meter.nextSeal;
    if (next !== null && (this.#alarm === null || next < this.#alarm)) await this.#setAlarm(next);
  }

  async #setAlarm(time: number): Promise<void> {
    this.#alarm = time;
    await this.ctx.storage.setAlarm(time);
  }

  /** A write that fails leaves memory ahead of the disk: a retry would be taken for a duplicate. So start over. */
  async #orStartOver<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      this.ctx.abort(`a write failed, the shard starts over from its journal: ${String(error)}`);
      throw error;
    }
  }
}
