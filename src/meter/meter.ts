import { billedHour, bucketFor, count, type Account, type MeterSettings, type Occasion } from "./account.ts";
import { Accounts, type SavedPage } from "./accounts.ts";
import { balanceOf, type AccountBalance } from "./balances.ts";
import { bookDecision, bookLine, bookSealing, replayInto } from "./booking.ts";
import type { Decision } from "./decisions.ts";
import { ruleOf } from "./dimension.ts";
import { dueHours, firstSealTime, lastHours, sealTime } from "./due.ts";
import { differences, type Sent } from "./duplicates.ts";
import { refuseByTime, type EventOutcome } from "./event-outcome.ts";
import { fingerprinter } from "./fingerprint.ts";
import { heldUsageOf, type HeldUsage } from "./held.ts";
import type { HourBucket } from "./hour-bucket.ts";
import { hourOf } from "./hours.ts";
import { IdIndex, type History, type Located } from "./id-index.ts";
import type { JournalEntry, SealedHours, Sealing } from "./journal.ts";
import { lineAt, lineCount, LinesBuilder, type Line, type Lines } from "./lines.ts";
import type { Run } from "./run-ids.ts";
import type { MeteredDimension, UsageBatch } from "./usage-batch.ts";
import { bucketOf, othersOf, VOIDED, voidingOf } from "./voiding.ts";

export interface Acceptance {
  /** By position in the batch. An event that is not here was counted in its own hour. */
  readonly exceptions: ReadonlyMap<number, EventOutcome>;
  /** What to write to the journal before anybody is told; null when nothing was counted. */
  readonly entry: JournalEntry | null;
}

/** What a meter is rebuilt from, before its journal is replayed. */
export interface SavedMeter {
  readonly pages: readonly SavedPage[];
  readonly runs: Iterable<Run>;
  /** The number of the journal's first line. */
  readonly firstLine: number;
}

/** It has to be looked for. */
const UNKNOWN = "unknown";

/** A batch that is being counted. */
interface Step {
  readonly now: number;
  readonly since: number;
  readonly batch: UsageBatch;
  readonly builder: LinesBuilder;
  readonly unwritten: { readonly from: number; readonly lines: () => Lines };
  readonly fingerprintOf: readonly ((id: string) => number)[];
  /** By agreement and dimension: where the last event of them was counted, so that most need no look-up. */
  readonly places: (Place | undefined)[];
}

/** Where events of one agreement, dimension and hour are counted. */
interface Place {
  readonly own: number;
  /** The hour that bills them; null while they are held. */
  readonly hour: number | null;
  readonly account: Account;
  readonly bucket: HourBucket;
}

/**
 * The counting core of a shard: exact, deterministic, without clock or storage. Its state is what its journal says:
 * `accept` decides and returns the entry to write, `replay` does again what an entry says.
 */
export class Meter {
  readonly ids: IdIndex;
  readonly accounts: Accounts;
  #settings: MeterSettings;
  #nextSeal: number | null | typeof UNKNOWN = UNKNOWN;

  constructor(settings: MeterSettings, { pages, runs, firstLine }: SavedMeter, history: History) {
    this.#settings = settings;
    this.accounts = new Accounts(pages);
    this.ids = new IdIndex(history, runs, firstLine);
  }

  get settings(): MeterSettings {
    return this.#settings;
  }

  set settings(settings: MeterSettings) {
    this.#settings = settings;
    this.#nextSeal = UNKNOWN;
  }

  /**
   * Counts the events that are new and in time, in order. The result holds only once the entry is durable: if
   * writing it fails, this meter must be thrown away and rebuilt from what was written.
   *
   * @param now epoch milliseconds of the arrival
   */
  accept(batch: UsageBatch, now: number): Acceptance {
    const exceptions = new Map<number, EventOutcome>();
    const first = this.ids.nextLine;
    const builder = new LinesBuilder(now);
    // In the batch's order, so that a line's places in the dictionaries are those of its event.
    for (const agreement of batch.agreements) builder.agreements.indexOf(agreement);
    for (const { name, aggregation, divisor, uniqueTag } of batch.dimensions)
      builder.dimensions.indexOf([name, aggregation, divisor, uniqueTag]);
    for (const tagSet of batch.tagSets) builder.tagSets.indexOf(tagSet);
    const step: Step = {
      now,
      since: now - this.#settings.dedupeWindow,
      batch,
      builder,
      unwritten: { from: first, lines: () => builder.build() },
      fingerprintOf: batch.agreements.map(fingerprinter),
      places: [],
    };
    for (let index = 0; index < batch.id.length; index++) {
      const outcome = this.#acceptOne(step, index);
      if (outcome !== null) exceptions.set(index, outcome);
    }
    return { exceptions, entry: builder.count === 0 ? null : { first, lines: builder.build() } };
  }

  /** Does again what {@link accept}, {@link sealDue} or {@link decide} decided, but for what was saved since. */
  replay(entry: JournalEntry): void {
    if ("lines" in entry) {
      const { agreements, agreement, id } = entry.lines;
      const prints = agreements.map(fingerprinter);
      for (let index = 0; index < lineCount(entry.lines); index++)
        this.ids.add(prints[agreement[index] ?? 0]?.(id[index] ?? "") ?? Number.NaN);
    } else this.ids.add(Number.NaN);
    replayInto(this.accounts, entry);
    this.#nextSeal = UNKNOWN;
  }

  /**
   * Seals every bucket whose time has come, an account at a time: each step is whole, and usage may be counted between
   * two of them.
   *
   * @param now epoch milliseconds
   */
  *sealDue(now: number): Generator<SealedHours> {
    if (this.nextSeal === null || this.nextSeal > now) return;
    for (const account of this.accounts.values()) {
      const due = dueHours(account, this.#settings, now);
      if (due.length > 0) yield this.#sealHours(account, due, now);
    }
    this.#nextSeal = UNKNOWN;
  }

  /**
   * Seals every bucket of an agreement at once, the current hour's, too: AWS takes its usage for a short time only. Not
   * those that wait for an allowance.
   */
  *sealAgreements(agreements: readonly string[], now: number): Generator<SealedHours> {
    for (const agreement of agreements) {
      for (const account of this.accounts.of(agreement)) {
        const hours = lastHours(account, this.#settings, now);
        if (hours.length > 0) yield this.#sealHours(account, hours, now);
      }
    }
    this.#nextSeal = UNKNOWN;
  }

  /** The journal's entry of hours that {@link sealDue} has sealed. */
  sealed(sealing: Sealing): JournalEntry {
    const first = this.ids.nextLine;
    this.ids.add(Number.NaN);
    return { first, sealing };
  }

  /**
   * Does what was decided about usage, once, and says which hour bills it now.
   *
   * @param at epoch milliseconds
   */
  decide(
    decisions: readonly Decision[],
    at: number,
  ): { readonly hours: readonly (number | null)[]; readonly entry: JournalEntry } {
    const first = this.ids.nextLine;
    this.ids.add(Number.NaN);
    this.#nextSeal = UNKNOWN;
    const hours = decisions.map((decision) => bookDecision(this.accounts, decision, at));
    return { hours, entry: { first, at, decisions } };
  }

  /**
   * When {@link sealDue} may next have something to do, epoch milliseconds; null when nothing is open. Never too
   * late, but sometimes too early: an arrival puts a sealing off without a new search.
   */
  get nextSeal(): number | null {
    if (this.#nextSeal === UNKNOWN) this.#nextSeal = firstSealTime(this.accounts.values(), this.#settings);
    return this.#nextSeal;
  }

  /** The balances of some agreements. */
  balances(agreements: readonly string[]): AccountBalance[] {
    return agreements.flatMap((agreement) => [...this.accounts.of(agreement)].map(balanceOf));
  }

  /** The late usage of some agreements that waits for a person. */
  held(agreements: readonly string[]): HeldUsage[] {
    return agreements.flatMap((agreement) => [...this.accounts.of(agreement)].flatMap(heldUsageOf));
  }

  /** @returns null when the event was counted in its own hour */
  #acceptOne(step: Step, index: number): EventOutcome | null {
    const { batch, now, fingerprintOf } = step;
    const id = batch.id[index] ?? "";
    const agreementIndex = batch.agreement[index] ?? 0;
    const agreement = batch.agreements[agreementIndex] ?? "";
    const fingerprint = fingerprintOf[agreementIndex]?.(id) ?? Number.NaN;
    const known = this.#find(step, agreement, id, fingerprint);
    const target = batch.voids.get(index);
    if (target !== undefined) return this.#acceptVoid(step, { agreement, id, fingerprint, target, known });

    const dimensionIndex = batch.dimension[index] ?? 0;
    const dimension = batch.dimensions[dimensionIndex];
    const quantity = batch.quantity[index];
    const time = batch.time[index];
    const tagSet = batch.tagSets[batch.tagSet[index] ?? 0];
    if (dimension === undefined || quantity === undefined || time === undefined || tagSet === undefined)
      throw new Error("a batch of usage is cut off");
    if (known !== null)
      return this.#duplicate(known, { dimension: dimension.name, quantity, tagSet, voids: null });
    const end = batch.ends[agreementIndex] ?? null;
    const refusal = refuseByTime(time, now, end);
    if (refusal !== null) return refusal;

    const key = agreementIndex * batch.dimensions.length + dimensionIndex;
    const own = hourOf(time);
    let place = step.places[key];
    if (place?.own !== own) {
      const found = this.#placeOf(agreement, dimension, { time, now, end });
      if (found === "reject") return { status: "late_rejected", hour: own };
      if (found === "too_late") return { status: "agreement_ended", at: end?.at ?? now };
      step.places[key] = place = found;
    }
    const { hour, account, bucket } = place;
    step.builder.addIndexed(agreementIndex, dimensionIndex, batch.tagSet[index] ?? 0, {
      id,
      quantity,
      arrival: now,
      time,
      hour,
    });
    this.ids.add(fingerprint);
    count(account, bucket, { quantity: BigInt(quantity), time, tagSet, hour, arrival: now });
    if (hour === null) return { status: "held", hour: own };
    return hour === own ? null : { status: "late", hour };
  }

  /** Where an event is to be counted, or why it is refused for being late. */
  #placeOf(
    agreement: string,
    dimension: MeteredDimension,
    occasion: Occasion,
  ): Place | "reject" | "too_late" {
    const { time, now } = occasion;
    const known = this.accounts.get(agreement, dimension.name);
    const takenBy = billedHour(known, dimension.late, occasion);
    if (takenBy === "reject" || takenBy === "too_late") return takenBy;
    const hour = takenBy === "hold" ? null : takenBy;
    const account = this.accounts.change(agreement, dimension.name, ruleOf(dimension));
    const bucket = bucketFor(account, { hour, time, arrival: now });
    if (hour !== null) this.#noteSeal(account, hour, bucket);
    return { own: hourOf(time), hour, account, bucket };
  }

  /** An id that has been counted: a duplicate, unless it now stands for something else. */
  #duplicate(known: Located, sent: Sent): EventOutcome {
    const line = lineAt(known.lines, known.index);
    const account = this.accounts.get(line.agreement, line.dimension);
    const open = account !== null && bucketOf(account, line) !== undefined;
    const differs = differences(line, sent, open);
    return differs.length === 0 ? { status: "duplicate" } : { status: "id_conflict", differs };
  }

  #acceptVoid(
    step: Step,
    event: { agreement: string; id: string; fingerprint: number; target: string; known: Located | null },
  ): EventOutcome {
    const { agreement, id, fingerprint, target, known } = event;
    if (known !== null)
      return this.#duplicate(known, { dimension: null, quantity: null, tagSet: null, voids: target });
    const mark = VOIDED + target;
    const prints = fingerprinter(agreement);
    const found = this.#find(step, agreement, target, prints(target));
    const voided = found === null ? null : lineAt(found.lines, found.index);
    const account = voided === null ? null : this.accounts.get(agreement, voided.dimension);
    if (voided === null || account === null || voided.voiding !== null)
      return { status: "unknown_event", target };
    const markPrint = prints(mark);
    // A mark that is older than the event is of an earlier event with its id, which has left the window.
    const marked = this.ids.find(
      { agreement, id: mark, fingerprint: markPrint, since: voided.arrival },
      step.unwritten,
    );
    if (marked !== null) return { status: "already_voided", target };

    const voiding = voidingOf(account, voided, () => this.#othersOf(step, voided));
    const line: Line = { ...voided, id, arrival: step.now, quantity: 0, tagSet: "", voiding };
    const changing = this.accounts.change(agreement, voided.dimension, voided.rule);
    this.#record(step, changing, line, fingerprint);
    this.#record(step, changing, { ...line, id: mark, voiding: null }, markPrint);
    return voiding.open ? { status: "voided", target } : { status: "credited", target };
  }

  /** {@link othersOf}, of all that is remembered. Reads all lines: for the rare case. */
  #othersOf(step: Step, voided: Line): Iterable<Line> {
    const { agreement } = voided;
    const prints = fingerprinter(agreement);
    return othersOf([...this.ids.all(), step.builder.build()], voided, (line) => {
      const mark = VOIDED + line.id;
      const sought = { agreement, id: mark, fingerprint: prints(mark), since: line.arrival };
      return this.ids.find(sought, step.unwritten) !== null;
    });
  }

  #find({ since, unwritten }: Step, agreement: string, id: string, fingerprint: number): Located | null {
    return this.ids.find({ agreement, id, fingerprint, since }, unwritten);
  }

  #record(step: Step, account: Account, line: Line, fingerprint: number): void {
    step.builder.add(line);
    this.ids.add(fingerprint);
    const bucket = bookLine(account, line);
    if (bucket !== null && line.hour !== null) this.#noteSeal(account, line.hour, bucket);
  }

  #sealHours(account: Account, hours: readonly number[], now: number): SealedHours {
    const { agreement, dimension } = account;
    return {
      records: hours.flatMap((hour) => bookSealing(this.accounts, account, hour, now) ?? []),
      hours: hours.map((hour) => [agreement, dimension, hour] as const),
    };
  }

  #noteSeal(account: Account, hour: number, bucket: HourBucket): void {
    if (this.#nextSeal === UNKNOWN) return;
    const time = sealTime(account, hour, bucket, this.#settings);
    if (this.#nextSeal === null || time < this.#nextSeal) this.#nextSeal = time;
  }
}
