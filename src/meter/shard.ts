import { accountKey, conserve, readCounters, readTotals, type Conservation } from "../ledger/conservation.ts";
import { beatingAccounts, heartbeatOf } from "../ledger/heartbeats.ts";
import { readMeterSettings } from "../ledger/meter-settings.ts";
import { differenceOf, recountRecords } from "../ledger/recount.ts";
import { saveShardReport, type ShardReport } from "../ledger/shard-reports.ts";
import type { MeterSettings } from "./account.ts";
import { addBalances } from "./balances.ts";
import type { Decision } from "./decisions.ts";
import type { EventOutcome } from "./event-outcome.ts";
import type { Ground } from "./ground.ts";
import type { HeldUsage } from "./held.ts";
import { DELIVERY_MARGIN, HOUR, hourDeadline, hourOf, SECOND } from "./hours.ts";
import { Outbox } from "./outbox.ts";
import type { Nano } from "./quantity.ts";
import { shardOfName } from "./shard-name.ts";
import { ShardStore } from "./shard-store.ts";
import { StoredMeter } from "./stored-meter.ts";
import type { UsageBatch } from "./usage-batch.ts";

/** Events that may wait for one write; beyond it, producers are asked to slow down before memory runs out. */
const MAX_WAITING_LINES = 50_000;

/** Agreements whose records one self-check adds up. */
const CHECKED_AGREEMENTS = 200;

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

/**
 * Counts the usage of the agreements that live on it. Everything it says is on disk first; everything in its
 * memory can be rebuilt from disk, so any failure to write throws the memory away.
 */
export class Shard {
  readonly #ground: Ground;
  readonly #meter: StoredMeter;
  readonly #outbox: Outbox;
  #alarm: number | null = null;
  #packing = false;
  #reported: ShardReport = { heldAccounts: 0, difference: null, handoverError: null };
  /** The end of the last dealing with the ledger. */
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(ground: Ground) {
    this.#ground = ground;
    const store = new ShardStore(ground.storage);
    this.#meter = new StoredMeter(store, ground.sync);
    this.#outbox = new Outbox(ground, store);
  }

  /** @param alarm when {@link alarm} will be called, epoch milliseconds; null when it will not */
  async start(alarm: number | null): Promise<void> {
    this.#alarm = alarm;
    // An alarm can be lost; what is sealed and not handed over must not wait for new usage.
    if (this.#alarm === null && !this.#outbox.isEmpty) await this.#setAlarm(this.#ground.now());
    await this.#scheduleSealing();
  }

  /** Counts events. Everything accepted is on disk when it answers. */
  async ingest({ settings, batch }: IngestRequest): Promise<IngestAnswer> {
    if (this.#meter.waitingLines + batch.id.length > MAX_WAITING_LINES) return { kind: "overloaded" };
    // All of it starts over together: what was counted in memory and not written must not survive a failure.
    const exceptions = await this.#orStartOver(async () => {
      this.#meter.adopt(settings);
      const { exceptions, durable } = this.#meter.accept(batch, this.#ground.now());
      await Promise.all([durable, this.#scheduleSealing()]);
      return exceptions;
    });
    if (this.#meter.segmentIsFull && !this.#packing) this.#ground.inBackground(this.#pack());
    return { kind: "counted", exceptions };
  }

  /**
   * Does what was decided about usage that is sealed or held; doing it again changes nothing. On disk when it answers.
   *
   * @returns by decision: the hour that bills the usage now, null when none does
   */
  decide(decisions: readonly Decision[]): Promise<readonly (number | null)[]> {
    return this.#inTurn(() =>
      this.#orStartOver(async () => {
        const hours = await this.#meter.decide(decisions, this.#ground.now());
        await this.#scheduleSealing();
        return hours;
      }),
    );
  }

  /** The late usage of some agreements that waits for a person. */
  held(agreements: readonly string[]): HeldUsage[] {
    return this.#meter.held(agreements);
  }

  /** Where some agreements' usage is, at one moment: while the ledger's side is read, nothing goes there or comes back. */
  conservation(agreements: readonly string[]): Promise<Conservation[]> {
    return this.#inTurn(async () => {
      const { ledger, name } = this.#ground;
      const { counters, handedOver } = await readCounters(ledger, name, agreements);
      return this.#meter.balances(agreements).map((balance) => {
        const key = accountKey(balance.agreement, balance.dimension);
        return conserve(balance, counters.get(key), this.#outbox.amountOf(balance, handedOver));
      });
    });
  }

  /** {@link conservation} of all agreements together, by dimension. */
  totals(): Promise<Conservation[]> {
    return this.#inTurn(async () => {
      const { ledger, name } = this.#ground;
      const { productId, shard: index } = shardOfName(name);
      const { counters, handedOver } = await readTotals(ledger, { shard: name, productId, index });
      const balances = this.#meter.balances(this.#meter.agreements);
      const handingOver = new Map<string, Nano>();
      for (const balance of balances) {
        const sum = (handingOver.get(balance.dimension) ?? 0n) + this.#outbox.amountOf(balance, handedOver);
        handingOver.set(balance.dimension, sum);
      }
      return addBalances(balances).map((sum) =>
        conserve(sum, counters.get(accountKey("", sum.dimension)), handingOver.get(sum.dimension)),
      );
    });
  }

  /**
   * Seals what is due and hands it to the ledger. A failure is tried again by an alarm of our own, because
   * Cloudflare drops an alarm for good after six failures.
   */
  async alarm(): Promise<void> {
    await this.#takeSettings();
    await this.#sealDue();
  }

  async #sealDue(): Promise<void> {
    const { now, report } = this.#ground;
    this.#alarm = null;
    try {
      await this.#seal(this.#meter.sealDue(now()));
      await this.#outbox.handOver((work) => this.#inTurn(work));
      if (this.#reported.handoverError !== null) await this.#saveReport({ handoverError: null });
      // The rest is handed over by another invocation, which D1 allows its own queries.
      await (this.#outbox.isEmpty ? this.#scheduleSealing() : this.#setAlarm(now()));
    } catch (error) {
      report("sealing or hand-over failed; it is tried again", error);
      await this.#setAlarm(now() + RETRY_DELAY);
      await this.#saveReport({ handoverError: String(error) });
    }
  }

  /**
   * Seals all hours of agreements that end, the current one, too, and hands them to the ledger together; when that fails,
   * the alarm tries again, for AWS takes them for an hour only.
   */
  async endAgreements(agreements: readonly string[]): Promise<void> {
    await this.#takeSettings();
    await this.#seal(this.#meter.sealAgreements(agreements, this.#ground.now()));
    await this.#sealDue();
  }

  /**
   * The second clock, once an hour: does what an alarm that was lost should have done, compares the books, and says in
   * the ledger what a person must know of.
   */
  async wake(): Promise<void> {
    await this.#takeSettings();
    const { nextSeal } = this.#meter;
    const isLate = nextSeal !== null && nextSeal <= this.#ground.now();
    await (isLate || !this.#outbox.isEmpty ? this.#sealDue() : this.#scheduleSealing());
    await this.#beat();
    const difference = await this.checkBooks();
    await this.#saveReport({ difference, heldAccounts: this.#meter.heldAccounts });
  }

  /**
   * Compares the books with each other: memory with what is on disk, and for some agreements what was sealed with the
   * ledger's records and counters. Hour by hour it comes to all agreements.
   *
   * @returns the first difference, in words; null when there is none
   */
  checkBooks(): Promise<string | null> {
    return this.#inTurn(async () => {
      // What waits is written first, so a write that fails must not leave memory ahead of the disk here either.
      const [differs] = await this.#orStartOver(() => Promise.resolve().then(() => this.#meter.recount()));
      if (differs !== undefined)
        return `${differs.agreement}, ${differs.dimension}: memory differs from what is on disk.`;
      const { ledger, name, now } = this.#ground;
      const all = this.#meter.agreements;
      const turns = Math.ceil(all.length / CHECKED_AGREEMENTS);
      const from = turns === 0 ? 0 : (Math.floor(now() / HOUR) % turns) * CHECKED_AGREEMENTS;
      const agreements = all.slice(from, from + CHECKED_AGREEMENTS);
      const recount = await recountRecords(ledger, name, agreements);
      for (const balance of this.#meter.balances(agreements)) {
        const difference = differenceOf(balance, recount, this.#outbox.amountOf(balance, recount.handedOver));
        if (difference !== null) return difference;
      }
      return null;
    });
  }

  /**
   * Settings normally come with usage. An hour that waits for a contract, or need not wait any more, may get none, so they
   * are read from the ledger. If that fails, the last known ones serve.
   */
  async #takeSettings(): Promise<void> {
    const { ledger, name, report } = this.#ground;
    await readMeterSettings(ledger, shardOfName(name).productId).then(
      (settings) => settings !== null && this.#meter.adopt(settings),
      (error: unknown) => report("the product's settings cannot be read", error),
    );
  }

  /** Seals slice by slice, so that usage is counted between two of them. */
  async #seal(slices: Iterable<void>): Promise<void> {
    await this.#orStartOver(async () => {
      for (const _slice of slices) {
        this.#outbox.noteNew();
        await this.#ground.pause();
      }
      this.#outbox.noteNew();
    });
  }

  /** Seals the hours that are over and settled for accounts without usage in them, where the product asks for it. */
  async #beat(): Promise<void> {
    const { ledger, name, now } = this.#ground;
    const { productId, shard } = shardOfName(name);
    const settle = await heartbeatOf(ledger, productId);
    if (settle === null) return;
    const newest = hourOf(now() - settle) - HOUR;
    for (let hour = (this.#meter.lastBeat ?? newest - HOUR) + HOUR; hour <= newest; hour += HOUR) {
      // Nobody has woken the shard for long, or a month has ended: AWS does not take this hour's zero any more.
      if (now() >= hourDeadline(hour) - DELIVERY_MARGIN) continue;
      for await (const accounts of beatingAccounts(ledger, { productId, shard, hour })) {
        await this.#orStartOver(async () => {
          this.#meter.sealIdle(hour, accounts, now());
          this.#outbox.noteNew();
          await this.#ground.pause();
        });
      }
      this.#meter.lastBeat = hour;
    }
    if (!this.#outbox.isEmpty) await this.#sealDue();
  }

  /** Packs the journal's full segment, while usage is counted on the next. */
  async #pack(): Promise<void> {
    this.#packing = true;
    await this.#orStartOver(async () => {
      for (const _step of this.#meter.pack(this.#ground.now())) await this.#ground.pause();
    });
    this.#packing = false;
  }

  /** Says in the ledger what a person must know of. When even that fails there is the log, and the next hour. */
  async #saveReport(news: Partial<ShardReport>): Promise<void> {
    const { ledger, name, now, report } = this.#ground;
    const next = { ...this.#reported, ...news };
    try {
      await saveShardReport(ledger, name, next, now());
      this.#reported = next;
    } catch (error) {
      report("the shard's report does not reach the ledger", error);
    }
  }

  /** Dealings with the ledger go one after another, so that each sees both sides of the books at one moment. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(work);
    // Whoever asked hears of a failure; the next turn does not depend on it.
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }

  /** Sets the alarm only when it must ring earlier: each setting is a row written. */
  async #scheduleSealing(): Promise<void> {
    const next = this.#meter.nextSeal;
    if (next !== null && (this.#alarm === null || next < this.#alarm)) await this.#setAlarm(next);
  }

  async #setAlarm(time: number): Promise<void> {
    this.#alarm = time;
    await this.#ground.setAlarm(time);
  }

  /** A write that fails leaves memory ahead of the disk: a retry would be taken for a duplicate. So start over. */
  async #orStartOver<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      this.#ground.startOver(`a write failed, the shard starts over from its journal: ${String(error)}`);
      throw error;
    }
  }
}
