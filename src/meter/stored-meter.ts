import type { Account, MeterSettings, SealedHour } from "./account.ts";
import { encodeTerm } from "./allowance.ts";
import type { Decision } from "./decisions.ts";
import type { EventOutcome } from "./event-outcome.ts";
import { GroupCommit } from "./group-commit.ts";
import type { HeldUsage } from "./held.ts";
import { quantityOf, type HourBucket } from "./hour-bucket.ts";
import type { IdleAccount, JournalEntry, SealedHours, Sealing } from "./journal.ts";
import { lineCount } from "./lines.ts";
import { Accounts } from "./accounts.ts";
import { balanceOf, type AccountBalance } from "./balances.ts";
import { bookIdle, isIdle, replayInto } from "./booking.ts";
import { Meter } from "./meter.ts";
import { packSegment } from "./packing.ts";
import type { ShardStore } from "./shard-store.ts";
import type { UsageBatch } from "./usage-batch.ts";

/** Lines after which a journal segment is packed: a restart replays little more. */
const SEGMENT_LINES = 50_000;

/** Hours sealed in one go, so that usage is not kept waiting. */
const SEAL_SLICE = 500;

/** A shard that has never been given usage has nothing that its settings could decide. */
const NO_SETTINGS: MeterSettings = { settle: 0, lateSettle: 0, dedupeWindow: 0, awaitsAllowance: [] };

export interface StoredAcceptance {
  readonly exceptions: ReadonlyMap<number, EventOutcome>;
  /** Resolves when what was accepted, and what it is a duplicate of, is on disk. */
  readonly durable: Promise<void>;
}

/**
 * A meter and its store: what is counted is written, in the order in which it was counted. Any failure to write
 * leaves memory ahead of the disk, so both must then be thrown away and made anew.
 */
export class StoredMeter {
  readonly #store: ShardStore;
  readonly #meter: Meter;
  readonly #commit: GroupCommit<JournalEntry>;
  #waitingLines = 0;
  /** The number of the first line that waits for the next write. */
  #waitingFrom: number | null = null;

  /** @param sync resolves when everything written so far is on disk */
  constructor(store: ShardStore, sync: () => Promise<void>) {
    this.#store = store;
    this.#commit = new GroupCommit((entries) => {
      this.#waitingLines = 0;
      this.#waitingFrom = null;
      store.journal.append(entries);
    }, sync);
    const history = store.history((line) => {
      if (this.#waitingFrom !== null && line >= this.#waitingFrom) this.#commit.flush();
    });
    this.#meter = new Meter(store.settings ?? NO_SETTINGS, store.load(), history);
    for (const [index, segment] of store.unpackedSegments.entries()) {
      if (segment !== this.#meter.ids.nextLine)
        throw new Error(`the journal has a gap before line ${segment}`);
      if (index > 0) this.#meter.ids.beginSegment();
      for (const entries of store.journal.rows(segment)) {
        for (const entry of entries) this.#meter.replay(entry);
      }
    }
  }

  /** Lines that wait for the next write. */
  get waitingLines(): number {
    return this.#waitingLines;
  }

  get nextSeal(): number | null {
    return this.#meter.nextSeal;
  }

  /** Whether {@link pack} has something to do. */
  get segmentIsFull(): boolean {
    const { segmentLines, closedSegment } = this.#meter.ids;
    return segmentLines >= SEGMENT_LINES || closedSegment !== null;
  }

  balances(agreements: readonly string[]): AccountBalance[] {
    return this.#meter.balances(agreements);
  }

  /** How many accounts hold late usage for a person. */
  get heldAccounts(): number {
    let count = 0;
    for (const { held } of this.#meter.accounts.values()) if (held.size > 0) count += 1;
    return count;
  }

  held(agreements: readonly string[]): HeldUsage[] {
    return this.#meter.held(agreements);
  }

  /** Counts by these settings from now on. */
  adopt(settings: MeterSettings): void {
    if (areEqual(this.#meter.settings, settings)) return;
    this.#store.settings = settings;
    this.#meter.settings = settings;
  }

  /** @param now epoch milliseconds */
  accept(batch: UsageBatch, now: number): StoredAcceptance {
    const { exceptions, entry } = this.#meter.accept(batch, now);
    if (entry !== null && "lines" in entry) {
      this.#commit.add(entry);
      this.#waitingLines += lineCount(entry.lines);
      this.#waitingFrom ??= entry.first;
    }
    return { exceptions, durable: this.#commit.durable() };
  }

  /** The agreements that have been counted. */
  get agreements(): string[] {
    return this.#meter.accounts.agreements;
  }

  /**
   * Counts again what is on disk, as a restart would, and compares it with what is in memory.
   *
   * @returns the accounts that differ
   */
  recount(): AccountBalance[] {
    this.#commit.flush();
    const accounts = new Accounts(this.#store.loadPages());
    for (const segment of this.#store.unpackedSegments) {
      for (const entries of this.#store.journal.rows(segment))
        for (const entry of entries) replayInto(accounts, entry);
    }
    const differs: AccountBalance[] = [];
    for (const account of this.#meter.accounts.values()) {
      const again = accounts.get(account.agreement, account.dimension);
      if (again === null || bookText(again) !== bookText(account)) differs.push(balanceOf(account));
    }
    return differs;
  }

  /**
   * Does what was decided about usage, once; resolves when it is on disk.
   *
   * @param now epoch milliseconds
   * @returns by decision: the hour that bills the usage now, null when none does
   */
  async decide(decisions: readonly Decision[], now: number): Promise<readonly (number | null)[]> {
    const { hours, entry } = this.#meter.decide(decisions, now);
    this.#commit.add(entry);
    await this.#commit.durable();
    return hours;
  }

  /**
   * Seals what is due, in slices: each is written as a whole, with its records in the outbox, and usage may be counted
   * between two of them. Stopping half-way leaves the rest for the next time.
   *
   * @param now epoch milliseconds
   */
  *sealDue(now: number): Generator<void> {
    yield* this.#writeSealings(this.#meter.sealDue(now), now);
    this.#forgetOldIds(now);
  }

  /** Seals every hour of some agreements at once, the current one, too; in slices, as {@link sealDue}. */
  *sealAgreements(agreements: readonly string[], now: number): Generator<void> {
    yield* this.#writeSealings(this.#meter.sealAgreements(agreements, now), now);
  }

  /**
   * Seals an hour of accounts that have had no usage in it; one that has, or whose hour is sealed, is left as it is. What
   * comes for the hour later joins the open one, since AWS keeps the zero.
   *
   * @param now epoch milliseconds
   */
  sealIdle(hour: number, candidates: readonly IdleAccount[], now: number): void {
    const { accounts } = this.#meter;
    const idle = candidates.filter(([agreement, dimension]) =>
      isIdle(accounts.get(agreement, dimension), hour),
    );
    if (idle.length === 0) return;
    const sealing: Sealing = { at: now, hours: [], idle: { hour, accounts: idle } };
    this.#writeSealing(sealing, bookIdle(accounts, sealing));
  }

  /** The last hour whose idle accounts were sealed; null before the first. */
  get lastBeat(): number | null {
    return this.#store.lastBeat;
  }

  set lastBeat(hour: number) {
    this.#store.lastBeat = hour;
  }

  *#writeSealings(steps: Iterable<SealedHours>, now: number): Generator<void> {
    let hours: (readonly [agreement: string, dimension: string, hour: number])[] = [];
    let records: SealedHour[] = [];
    for (const step of steps) {
      hours.push(...step.hours);
      records.push(...step.records);
      if (hours.length < SEAL_SLICE) continue;
      this.#writeSealing({ at: now, hours }, records);
      hours = [];
      records = [];
      yield;
    }
    if (hours.length > 0) this.#writeSealing({ at: now, hours }, records);
  }

  /**
   * Saves the accounts and packs the ids of the journal's older segments, a step at a time: usage may be counted between
   * two of them, and what a crash interrupts is begun again.
   *
   * @param now epoch milliseconds
   */
  *pack(now: number): Generator<void> {
    const { ids, accounts } = this.#meter;
    if (ids.closedSegment === null) {
      if (ids.segmentLines === 0) return;
      this.#commit.flush();
      this.#store.journal.begin(ids.nextLine);
      ids.beginSegment();
    }
    for (const page of accounts.takeChanged()) {
      // The page knows what waits to be written, so that must be in the journal first.
      this.#commit.flush();
      this.#store.savePage({ page, upTo: ids.nextLine, accounts: accounts.page(page) });
      yield;
    }
    const { closedSegment } = ids;
    if (closedSegment === null) throw new Error("a segment was begun and is not there");
    const run = packSegment(closedSegment, now);
    this.#store.writeRun(run);
    ids.packed(run);
    this.#forgetOldIds(now);
  }

  #forgetOldIds(now: number): void {
    this.#meter.ids.forget(this.#store.dropRunsBefore(now - this.#meter.settings.dedupeWindow));
  }

  #writeSealing(sealing: Sealing, records: readonly SealedHour[]): void {
    this.#store.atomically(() => {
      this.#commit.add(this.#meter.sealed(sealing));
      this.#commit.flush();
      this.#store.handOver(records);
    });
  }
}

const areEqual = (a: MeterSettings, b: MeterSettings): boolean =>
  a.settle === b.settle &&
  a.lateSettle === b.lateSettle &&
  a.dedupeWindow === b.dedupeWindow &&
  a.awaitsAllowance.length === b.awaitsAllowance.length &&
  a.awaitsAllowance.every((dimension, index) => dimension === b.awaitsAllowance[index]);

/** All that an account comes to, as one text: equal books have equal texts, in whatever order they were written. */
function bookText(account: Account): string {
  const { open, held, frozen, late, periods } = account;
  const { accepted, sealed, rolled, carry, writtenOff, withheld } = balanceOf(account);
  const hours = (buckets: ReadonlyMap<number, HourBucket>) =>
    [...buckets].map(([hour, bucket]) => `${hour}=${quantityOf(bucket)}`);
  const drawn = [...periods].map(([name, { used, withheld }]) => `${name}=${used} ${withheld}`);
  const parts = [hours(open), hours(held), [...frozen].map(String), [...late].map(String), drawn];
  const sorted = parts.map((part) => part.toSorted((a, b) => (a < b ? -1 : 1)).join());
  const terms = JSON.stringify(account.terms.map(encodeTerm));
  return [...sorted, accepted, sealed, rolled, carry, writtenOff, withheld, terms].join(";");
}
