import { count, emptyAccount, seal, sealTime, total } from "./account.ts";
import type { Account, HourBucket, SealedHour, SettleTimes } from "./account.ts";
import type { TagSet } from "./allocations.ts";
import {
  ACCEPTANCE_WINDOW,
  acceptanceDeadline,
  DELIVERY_MARGIN,
  FUTURE_TOLERANCE,
  HOUR,
  hourDeadline,
  hourOf,
} from "./hours.ts";
import { IdIndex } from "./id-index.ts";
import type { JournalEntry, JournalledUsage } from "./journal.ts";
import { formatQuantity, parseQuantity, type Nano } from "./quantity.ts";

/** A usage event whose agreement is known, as it reaches the meter shard. */
export interface UsageEvent {
  /** The producer's id: counts once per agreement. */
  readonly id: string;
  readonly agreement: string;
  readonly dimension: string;
  readonly quantity: Nano;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly tagSet: TagSet;
}

export type EventOutcome =
  | { readonly status: "accepted"; readonly hour: number; readonly late: boolean }
  | { readonly status: "duplicate" }
  /** AWS takes no usage of that time any more. */
  | { readonly status: "too_old"; readonly deadline: number }
  /** Further ahead than a producer's clock may be. */
  | { readonly status: "too_far_ahead"; readonly limit: number };

export interface Acceptance {
  readonly outcomes: EventOutcome[];
  /** What to write to the journal before anybody is told; null when nothing was accepted. */
  readonly entry: JournalEntry | null;
}

/** One line of the conservation, in billionths. */
export interface AccountBalance {
  readonly agreement: string;
  readonly dimension: string;
  readonly accepted: Nano;
  readonly open: Nano;
  readonly carry: Nano;
  readonly sealed: Nano;
}

/** What a meter is rebuilt from; {@link Meter.snapshot} makes it. */
export interface MeterState {
  readonly accounts: readonly Account[];
}

/** A frozen hour is remembered for as long as usage for it is accepted: AWS's 24 hours, counted from the hour's end. */
const FROZEN_MEMORY = ACCEPTANCE_WINDOW + HOUR;

const accountKey = (agreement: string, dimension: string): string => JSON.stringify([agreement, dimension]);

/**
 * The counting core of a shard: exact, deterministic, without clock or storage. Its state is what its journal says:
 * `accept` decides and returns the entry to write, `replay` does again what an entry says.
 */
export class Meter {
  readonly ids = new IdIndex();
  readonly #accounts = new Map<string, Account>();
  #times: SettleTimes;
  #nextSeal: number | null = null;

  constructor(times: SettleTimes, state: MeterState = { accounts: [] }) {
    this.#times = times;
    for (const account of state.accounts) {
      this.#accounts.set(accountKey(account.agreement, account.dimension), account);
    }
    this.#scanForNextSeal();
  }

  get times(): SettleTimes {
    return this.#times;
  }

  set times(times: SettleTimes) {
    this.#times = times;
    this.#scanForNextSeal();
  }

  /**
   * Counts the events that are new and in time, in order. The result holds only once the entry is durable: if
   * writing it fails, this meter must be thrown away and rebuilt from what was written.
   *
   * @param now epoch milliseconds of the arrival
   */
  accept(events: readonly UsageEvent[], now: number): Acceptance {
    const usage: JournalledUsage[] = [];
    const outcomes = events.map((event): EventOutcome => {
      if (this.ids.has(event.agreement, event.id)) return { status: "duplicate" };
      const refusal = refuseByTime(event.time, now);
      if (refusal !== null) return refusal;

      const own = hourOf(event.time);
      const hour = this.#hourFor(event, now);
      const { id, agreement, dimension, quantity, time, tagSet } = event;
      const counted: JournalledUsage = [
        agreement,
        dimension,
        id,
        formatQuantity(quantity),
        time,
        hour,
        tagSet,
      ];
      this.#apply(counted, now);
      usage.push(counted);
      return { status: "accepted", hour, late: hour !== own };
    });
    return { outcomes, entry: usage.length === 0 ? null : { at: now, usage } };
  }

  /** Does again what {@link accept} decided. */
  replay(entry: JournalEntry): void {
    for (const usage of entry.usage) this.#apply(usage, entry.at);
  }

  /**
   * Seals every bucket whose time has come.
   *
   * @param now epoch milliseconds
   */
  sealDue(now: number): SealedHour[] {
    const sealed: SealedHour[] = [];
    for (const account of this.#accounts.values()) {
      // Oldest first, so that a carry moves forward in time.
      for (const hour of [...account.open.keys()].toSorted((a, b) => a - b)) {
        const bucket = account.open.get(hour);
        if (bucket === undefined || sealTime(hour, bucket, this.#times) > now) continue;
        const record = seal(account, hour, bucket, now);
        if (record !== null) sealed.push(record);
      }
      for (const hour of account.frozen) if (hour < now - FROZEN_MEMORY) account.frozen.delete(hour);
    }
    this.#scanForNextSeal();
    return sealed;
  }

  /**
   * When {@link sealDue} may next have something to do, epoch milliseconds; null when nothing is open. Never too
   * late, but sometimes too early: an arrival puts a sealing off without a new search.
   */
  get nextSeal(): number | null {
    return this.#nextSeal;
  }

  /** The state to keep beside the ids, for {@link Meter}'s constructor. */
  snapshot(): MeterState {
    return { accounts: [...this.#accounts.values()] };
  }

  /** The balances of some agreements, or of all. */
  balances(agreements?: ReadonlySet<string>): AccountBalance[] {
    const balances: AccountBalance[] = [];
    for (const { agreement, dimension, accepted, sealed, carry, open } of this.#accounts.values()) {
      if (agreements !== undefined && !agreements.has(agreement)) continue;
      let counted = 0n;
      for (const bucket of open.values()) counted += total(bucket.amounts);
      balances.push({ agreement, dimension, accepted, sealed, carry: total(carry), open: counted });
    }
    return balances;
  }

  /**
   * The hour whose record will bill the event: its own, unless that is frozen or too near its deadline. Late usage
   * joins the hour it arrives in, where it has the whole of AWS's window before it.
   */
  #hourFor(event: UsageEvent, now: number): number {
    const frozen = this.#accounts.get(accountKey(event.agreement, event.dimension))?.frozen;
    const own = hourOf(event.time);
    if (!frozen?.has(own) && now < hourDeadline(own) - DELIVERY_MARGIN) return own;
    let hour = hourOf(now);
    while (frozen?.has(hour)) hour += HOUR;
    return hour;
  }

  #apply([agreement, dimension, id, quantity, time, hour, tagSet]: JournalledUsage, arrival: number): void {
    const key = accountKey(agreement, dimension);
    let account = this.#accounts.get(key);
    if (account === undefined) this.#accounts.set(key, (account = emptyAccount(agreement, dimension)));
    const parsed = parseQuantity(quantity);
    if (!parsed.ok) throw new Error(`the journal holds an unreadable quantity: ${quantity}`);
    const stamp = hourOf(time) === hour ? time : Math.max(hour, arrival);
    const bucket = count(account, { tagSet, quantity: parsed.value, hour, time: stamp, arrival });
    this.#noteSeal(hour, bucket);
    this.ids.add(agreement, id, arrival);
  }

  #noteSeal(hour: number, bucket: HourBucket): void {
    const time = sealTime(hour, bucket, this.#times);
    if (this.#nextSeal === null || time < this.#nextSeal) this.#nextSeal = time;
  }

  #scanForNextSeal(): void {
    this.#nextSeal = null;
    for (const { open } of this.#accounts.values()) {
      for (const [hour, bucket] of open) this.#noteSeal(hour, bucket);
    }
  }
}

function refuseByTime(time: number, now: number): EventOutcome | null {
  const deadline = acceptanceDeadline(time);
  if (now >= deadline) return { status: "too_old", deadline };
  const limit = now + FUTURE_TOLERANCE;
  return time > limit ? { status: "too_far_ahead", limit } : null;
}
