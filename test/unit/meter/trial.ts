/* oxlint-disable vitest/no-standalone-expect -- the steps of the trial are taken within the test below */
import fc from "fast-check";
import { expect } from "vitest";
import type { SealedHour } from "../../../src/meter/account.ts";
import { encodeTerm, type Term } from "../../../src/meter/allowance.ts";
import { ruleOf } from "../../../src/meter/dimension.ts";
import { HOUR, HOUR_MEMORY, hourOf, MINUTE } from "../../../src/meter/hours.ts";
import type { MeterSettings } from "../../../src/meter/account.ts";
import { jsonNano, UNIT } from "../../../src/meter/quantity.ts";
import { ShardStore } from "../../../src/meter/shard-store.ts";
import { StoredMeter } from "../../../src/meter/stored-meter.ts";
import { UsageBatchBuilder, type MeteredDimension } from "../../../src/meter/usage-batch.ts";
import { Reference } from "./reference.ts";
import { SqliteStorage } from "./sqlite-storage.ts";

const settings: MeterSettings = {
  settle: 10 * MINUTE,
  lateSettle: 5 * MINUTE,
  dedupeWindow: 40 * HOUR,
  awaitsAllowance: ["sum of a contract"],
};
const DAY = 24 * HOUR;
const start = Date.parse("2026-11-23T10:00:00Z");
export const agreements = ["a", "b"];

const rule = (name: string, other: Partial<MeteredDimension>): MeteredDimension => ({
  name,
  aggregation: "sum",
  divisor: 1,
  uniqueTag: null,
  late: "carry_forward",
  ...other,
});
const sum = rule("sum", {});
/** A dimension of which the customers' contract includes something: its hours wait for that. */
export const bought = rule("sum of a contract", {});
const dimensions = [
  sum,
  rule("sum by the thousand", { divisor: 1000 }),
  rule("sum held", { late: "hold" }),
  rule("sum rejected", { late: "reject" }),
  bought,
  rule("max", { aggregation: "max" }),
  rule("last", { aggregation: "last", divisor: 7 }),
  rule("unique", { aggregation: "unique", uniqueTag: "t" }),
];

const event = fc.record({
  id: fc.integer({ min: 0, max: 40 }).map((n) => `e${n}`),
  agreement: fc.constantFrom(...agreements),
  dimension: fc.constantFrom(...dimensions),
  quantity: fc.oneof(
    { weight: 4, arbitrary: fc.bigInt({ min: 0n, max: 3n * UNIT }) },
    { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 3_000_000_000n * UNIT }) },
  ),
  /** Minutes ago; mostly so that the id's own retries are alike. */
  age: fc.oneof(fc.integer({ min: -4, max: 90 }), fc.integer({ min: -10, max: 26 * 60 })),
  tagSet: fc.constantFrom('[["t","x"]]', '[["t","y"]]', '[["t","z"]]'),
});
const voiding = fc.record({
  id: fc.integer({ min: 0, max: 20 }).map((n) => `v${n}`),
  agreement: fc.constantFrom(...agreements),
  voids: fc.integer({ min: 0, max: 40 }).map((n) => `e${n}`),
});
type PostedEvent = typeof event extends fc.Arbitrary<infer T> ? T : never;
type PostedVoid = typeof voiding extends fc.Arbitrary<infer T> ? T : never;

/** One term of a contract. */
export const allowing = fc.record({
  quantity: fc.bigInt({ min: 0n, max: 9n * UNIT }),
  per: fc.constantFrom("hour" as const, "month" as const, "term" as const),
  hours: fc.integer({ min: 1, max: 30 }),
});

/** What happens to a meter. */
export const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("post" as const),
      events: fc.array(fc.oneof({ weight: 5, arbitrary: event }, { weight: 1, arbitrary: voiding }), {
        minLength: 1,
        maxLength: 6,
      }),
      /** Whether the shard dies before the group is written: nothing was acknowledged. */
      lost: fc.integer({ min: 0, max: 5 }).map((n) => n === 5),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), minutes: fc.integer({ min: 1, max: 300 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("allow" as const),
      agreement: fc.constantFrom(...agreements),
      dimension: fc.constantFrom(...dimensions),
      // None while it is not known.
      terms: fc.array(allowing, { maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("roll" as const), which: fc.nat(100) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("sleep" as const), hours: fc.integer({ min: 5, max: 50 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("pack" as const), steps: fc.integer({ min: 0, max: 12 }) }),
  },
);

export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
export type Allowing = typeof allowing extends fc.Arbitrary<infer T> ? T : never;

const recordId = ({ agreement, dimension, hour }: SealedHour): string => `${agreement} ${dimension} ${hour}`;

/** Terms that follow each other, the first from before the trial, and the last without an end. */
export function termsOf(told: readonly Allowing[]): Term[] {
  let since = start - DAY;
  return told.map(({ quantity, per, hours }, index) => {
    const term = { since, until: since + hours * HOUR, quantity, per, began: since };
    since = term.until;
    return index === told.length - 1 ? { ...term, until: null } : term;
  });
}

/** Drives a meter over its store, and the reference beside it. */
export class Trial {
  readonly reference = new Reference();
  readonly storage = new SqliteStorage();
  now = start;
  /** Agreements with an event that was taken back when its hour's allowance was forgotten: that is a credit. */
  readonly voidedLate = new Set<string>();
  /** Records that have come back, by account and hour. */
  readonly rolled = new Set<string>();
  store = new ShardStore(this.storage.open());
  meter = new StoredMeter(this.store, () => Promise.resolve());

  /** What arrived before is out of the dedupe window. */
  get since(): number {
    return this.now - settings.dedupeWindow;
  }

  restart(): void {
    this.store = new ShardStore(this.storage.open());
    this.meter = new StoredMeter(this.store, () => Promise.resolve());
  }

  async post(events: readonly (PostedEvent | PostedVoid)[], lost: boolean): Promise<void> {
    const { now } = this;
    this.meter.adopt(settings);
    const builder = new UsageBatchBuilder();
    for (const posted of events) {
      const { id } = posted;
      const agreement = { id: posted.agreement, end: null };
      if ("voids" in posted) builder.addVoid(agreement, { id, voids: posted.voids });
      else {
        const { dimension, tagSet } = posted;
        const time = now - posted.age * MINUTE;
        builder.addUsage(agreement, { id, dimension, quantity: jsonNano(posted.quantity), time, tagSet });
      }
    }
    const { exceptions, durable } = this.meter.accept(builder.build(), now);
    if (lost) {
      this.restart();
      // Nobody is told: the write comes after the death, unless there was nothing to write.
      await durable.catch(() => null);
      return;
    }
    await durable;
    for (const [index, posted] of events.entries()) {
      const outcome = exceptions.get(index) ?? { status: "accepted" as const };
      if ("voids" in posted) this.expectVoid(posted, outcome);
      else this.expectEvent(posted, outcome);
    }
  }

  expectEvent(
    posted: PostedEvent,
    outcome: { status: string; hour?: number; differs?: readonly string[] },
  ): void {
    const { now, reference } = this;
    const time = now - posted.age * MINUTE;
    const known = this.known(posted.agreement, posted.id);
    if (known !== undefined) {
      const differs = [
        ...(known.dimension === posted.dimension.name ? [] : ["dimension"]),
        ...(known.quantity === posted.quantity ? [] : ["quantity"]),
        ...(known.tagSet === posted.tagSet ? [] : ["tags"]),
      ];
      if (differs.length === 0) expect(outcome).toEqual({ status: "duplicate" });
      else if (known.hour !== null && known.hour + HOUR > now)
        expect(outcome).toEqual({ status: "id_conflict", differs });
      else expect(["duplicate", "id_conflict"]).toContain(outcome.status);
      return;
    }
    expect(["duplicate", "id_conflict"]).not.toContain(outcome.status);
    if (!["accepted", "late", "held"].includes(outcome.status)) return;
    const own = hourOf(time);
    const hour = outcome.status === "held" ? null : outcome.status === "late" ? (outcome.hour ?? 0) : own;
    reference.events.push({
      ...posted,
      dimension: posted.dimension.name,
      time,
      arrival: now,
      hour,
      voided: false,
    });
  }

  expectVoid(posted: PostedVoid, outcome: { status: string }): void {
    const { reference } = this;
    const target = this.known(posted.agreement, posted.voids);
    const key = `${posted.agreement} ${posted.id}`;
    const before = reference.voids.findLast((kept) => kept.key === key && kept.arrival >= this.since)?.voids;
    if (before !== undefined) {
      expect(outcome.status).toBe(before === posted.voids ? "duplicate" : "id_conflict");
    } else if (target === undefined) {
      expect(outcome.status).toBe("unknown_event");
    } else if (target.voided) {
      expect(outcome.status).toBe("already_voided");
    } else {
      expect(["voided", "credited"]).toContain(outcome.status);
      target.voided = true;
      if (this.now >= hourOf(target.time) + HOUR_MEMORY) this.voidedLate.add(posted.agreement);
      reference.voids.push({ key, voids: posted.voids, arrival: this.now });
    }
  }

  known(agreement: string, id: string) {
    return this.reference.events.findLast(
      (kept) => kept.agreement === agreement && kept.id === id && kept.arrival >= this.since,
    );
  }

  async tell(agreement: string, dimension: MeteredDimension, terms: readonly Term[]): Promise<void> {
    const of = { agreement, dimension: dimension.name, rule: ruleOf(dimension) };
    await this.meter.decide([{ kind: "allow", id: "", ...of, terms: terms.map(encodeTerm) }], this.now);
  }

  /** The records that AWS may have. */
  get records(): SealedHour[] {
    return [...this.store.outbox()]
      .flatMap(({ hours }) => hours)
      .filter((record) => !this.rolled.has(recordId(record)));
  }

  /** A record that AWS did not take comes back. */
  async roll(which: number): Promise<void> {
    const { records } = this;
    const record = records[which % records.length];
    if (record === undefined) return;
    const id = recordId(record);
    const rule = dimensions.find(({ name }) => name === record.dimension) ?? sum;
    const back = { ...record, id, rule: ruleOf(rule), allocations: record.allocations ?? [] };
    await this.meter.decide([{ kind: "roll_over", ...back }], this.now);
    this.rolled.add(id);
  }

  seal(): void {
    for (const _slice of this.meter.sealDue(this.now));
  }

  async take(step: Step): Promise<void> {
    if (step.kind === "post") await this.post(step.events, step.lost);
    else if (step.kind === "wait") {
      this.now += step.minutes * MINUTE;
      this.seal();
    } else if (step.kind === "allow") await this.tell(step.agreement, step.dimension, termsOf(step.terms));
    else if (step.kind === "roll") await this.roll(step.which);
    else if (step.kind === "sleep") this.now += step.hours * HOUR;
    else if (step.kind === "restart") this.restart();
    else {
      let steps = step.steps;
      for (const _step of this.meter.pack(this.now)) if (--steps < 0) break;
      if (steps < 0) this.restart();
    }
  }

  /** Seals all that is open. */
  finish(): void {
    for (let hours = 0; hours < 3; hours++) {
      this.now += 2 * HOUR;
      this.seal();
    }
  }

  expectConserved(): void {
    const sealed = new Map<string, bigint>();
    const hours = new Set<string>();
    for (const record of [...this.store.outbox()].flatMap(({ hours }) => hours)) {
      const { agreement, dimension, hour, quantity, divisor, allocations, timestamp } = record;
      const key = `${agreement} ${dimension}`;
      expect(hours).not.toContain(recordId(record));
      hours.add(recordId(record));
      expect(quantity).toBeGreaterThan(0);
      expect(hourOf(timestamp)).toBe(hour);
      if (allocations !== null)
        expect(allocations.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(quantity);
      if (this.rolled.has(recordId(record))) continue;
      sealed.set(key, (sealed.get(key) ?? 0n) + BigInt(quantity) * BigInt(divisor) * UNIT);
    }
    for (const balance of this.meter.balances(agreements)) {
      const { agreement, dimension, accepted, open, carry, held, withheld } = balance;
      const key = `${agreement} ${dimension}`;
      expect([key, accepted]).toEqual([key, this.reference.accepted(agreement, dimension)]);
      expect([key, balance.sealed]).toEqual([key, sealed.get(key) ?? 0n]);
      expect([key, balance.sealed + open + carry + held + withheld]).toEqual([key, accepted]);
    }
  }
}
