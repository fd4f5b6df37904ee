import { DurableObject } from "cloudflare:workers";
import { storeSealedHours } from "../ledger/sealed-hours.ts";
import { openLedger } from "../ledger/database.ts";
import type { SettleTimes } from "./account.ts";
import { GroupCommit } from "./group-commit.ts";
import { MINUTE, SECOND } from "./hours.ts";
import type { JournalEntry } from "./journal.ts";
import { Meter, type AccountBalance, type EventOutcome, type UsageEvent } from "./meter.ts";
import { UNIT, type Nano } from "./quantity.ts";
import { ShardStore } from "./shard-store.ts";

/** How long an id counts once. */
const DEDUPE_WINDOW = 35 * 24 * 60 * MINUTE;

/** Events that may wait for one write; beyond it, producers are asked to slow down before memory runs out. */
const MAX_WAITING_EVENTS = 50_000;

/** How soon a sealing or hand-over that failed is tried again. */
const RETRY_DELAY = 10 * SECOND;

export interface IngestRequest {
  readonly times: SettleTimes;
  readonly events: readonly UsageEvent[];
}

export type IngestAnswer =
  | { readonly kind: "counted"; readonly outcomes: readonly EventOutcome[] }
  /** More waits to be written than the shard may hold. Nothing of the request was counted. */
  | { readonly kind: "overloaded" };

/** The balances of a shard at one moment, and which of its sealed hours the ledger surely has. */
export interface ShardBalances {
  readonly accounts: readonly (AccountBalance & {
    /** Sealed, and not known to be in the ledger. Billionths. */
    readonly handingOver: Nano;
  })[];
  /** Hand-overs up to this number are in the ledger. */
  readonly handedOver: number;
}

/**
 * Counts the usage of the agreements that live on it. Everything it says is on disk first; everything in its
 * memory can be rebuilt from disk, so any failure to write throws the memory away.
 */
export class MeterShard extends DurableObject<Env> {
  readonly #store: ShardStore;
  readonly #meter: Meter;
  readonly #commit: GroupCommit<JournalEntry>;
  #waitingEvents = 0;
  #alarm: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new ShardStore(ctx.storage);
    const { state, ids, journal } = this.#store.load();
    // Without settle times the shard has never been given usage: there is nothing to seal by them.
    this.#meter = new Meter(this.#store.times ?? { settle: 0, lateSettle: 0 }, state);
    this.#meter.ids.restore(ids);
    for (const entry of journal) this.#meter.replay(entry);
    this.#commit = new GroupCommit(
      (entries) => {
        this.#waitingEvents = 0;
        this.#store.append(entries);
      },
      () => ctx.storage.sync(),
    );
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarm = await ctx.storage.getAlarm();
      // An alarm can be lost; what is sealed and not handed over must not wait for new usage.
      if (this.#alarm === null && this.#store.hasOutbox) await this.#setAlarm(Date.now());
      await this.#scheduleSealing();
    });
  }

  /** Counts events. The outcomes are in the events' order, and everything accepted is on disk. */
  async ingest({ times, events }: IngestRequest): Promise<IngestAnswer> {
    if (this.#waitingEvents + events.length > MAX_WAITING_EVENTS) return { kind: "overloaded" };
    // All of it starts over together: what was counted in memory and not written must not survive a failure.
    const outcomes = await this.#orStartOver(async () => {
      this.#adopt(times);
      const { outcomes, entry } = this.#meter.accept(events, Date.now());
      if (entry !== null) {
        this.#commit.add(entry);
        this.#waitingEvents += entry.usage.length;
      }
      // Asked for before anything else is waited for: a sealing in between may write the entry, but not sync it.
      const durable = this.#commit.durable();
      await Promise.all([durable, this.#scheduleSealing()]);
      return outcomes;
    });
    return { kind: "counted", outcomes };
  }

  /** The balances of some agreements, together with the point up to which the ledger holds what was sealed. */
  balances(agreements: readonly string[]): ShardBalances {
    const outbox = this.#store.outbox();
    const waiting = Map.groupBy(
      outbox.flatMap(({ hours }) => hours),
      ({ agreement, dimension }) => JSON.stringify([agreement, dimension]),
    );
    const handingOver = (agreement: string, dimension: string): Nano =>
      (waiting.get(JSON.stringify([agreement, dimension])) ?? []).reduce(
        (sum, { quantity }) => sum + BigInt(quantity) * UNIT,
        0n,
      );
    return {
      accounts: this.#meter
        .balances(new Set(agreements))
        .map((balance) => ({ ...balance, handingOver: handingOver(balance.agreement, balance.dimension) })),
      handedOver: outbox[0] === undefined ? this.#store.lastSealing : outbox[0].sealing - 1,
    };
  }

  /**
   * Seals what is due and hands it to the ledger. A failure is tried again by an alarm of our own, because
   * Cloudflare drops an alarm for good after six failures.
   */
  override async alarm(): Promise<void> {
    this.#alarm = null;
    try {
      await this.#orStartOver(async () => this.#seal(Date.now()));
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

  #seal(now: number): void {
    const due = this.#meter.nextSeal;
    if (due === null || due > now) return;
    // The snapshot holds what waits to be written, so that must be in the journal which the snapshot replaces.
    this.#commit.flush();
    const forgetBefore = now - DEDUPE_WINDOW;
    const sealed = this.#meter.sealDue(now);
    this.#meter.ids.forgetBefore(forgetBefore);
    this.#store.checkpoint({
      sealed,
      state: this.#meter.snapshot(),
      ids: this.#meter.ids.takeUnsaved(),
      forgetBefore,
    });
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

  #adopt(times: SettleTimes): void {
    const { settle, lateSettle } = this.#meter.times;
    if (this.#store.times !== null && settle === times.settle && lateSettle === times.lateSettle) return;
    this.#store.times = times;
    this.#meter.times = times;
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
