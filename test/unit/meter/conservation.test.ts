import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { Meter, type UsageEvent } from "../../../src/meter/meter.ts";
import type { JournalEntry } from "../../../src/meter/journal.ts";
import { UNIT } from "../../../src/meter/quantity.ts";
import { decodeAccount, encodeAccount } from "../../../src/meter/snapshot.ts";

const times = { settle: 10 * MINUTE, lateSettle: 5 * MINUTE };
const start = Date.parse("2026-11-23T10:00:00Z");

interface Post {
  readonly kind: "post";
  readonly ids: readonly number[];
  readonly agreement: string;
  readonly quantity: bigint;
  readonly age: number;
  readonly tagSet: string;
}

const post: fc.Arbitrary<Post> = fc.record({
  kind: fc.constant("post" as const),
  ids: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 4 }),
  agreement: fc.constantFrom("a", "b"),
  quantity: fc.oneof(
    fc.bigInt({ min: 0n, max: 3n * UNIT }),
    fc.bigInt({ min: 0n, max: 3_000_000_000n * UNIT }),
  ),
  age: fc.integer({ min: -4, max: 26 * 60 }),
  tagSet: fc.constantFrom("", '[["t","x"]]', '[["t","y"]]'),
});
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: post },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("wait" as const), minutes: fc.integer({ min: 1, max: 180 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  ),
  { maxLength: 40 },
);

/** A shard as its storage sees it: a snapshot, the saved ids, and the journal since then. */
class StoredMeter {
  meter = new Meter(times);
  #snapshot = "[]";
  #ids: [string, string, number][] = [];
  #journal: JournalEntry[] = [];

  accept(events: UsageEvent[], now: number) {
    const { outcomes, entry } = this.meter.accept(events, now);
    if (entry !== null) this.#journal.push(JSON.parse(JSON.stringify(entry)) as JournalEntry);
    return outcomes;
  }

  seal(now: number) {
    const sealed = this.meter.sealDue(now);
    this.#snapshot = JSON.stringify(this.meter.snapshot().accounts.map(encodeAccount));
    this.#ids.push(
      ...this.meter.ids
        .takeUnsaved()
        .map(([agreement, id, at]): [string, string, number] => [agreement, id, at]),
    );
    this.#journal = [];
    return sealed;
  }

  restart() {
    const accounts = (JSON.parse(this.#snapshot) as Parameters<typeof decodeAccount>[0][]).map(decodeAccount);
    this.meter = new Meter(times, { accounts });
    this.meter.ids.restore(this.#ids);
    for (const entry of this.#journal) this.meter.replay(entry);
  }
}

/** The reference: keeps every accepted id with its quantity and adds up from scratch. */
class Reference {
  readonly counted = new Map<string, bigint>();

  get accepted(): bigint {
    return [...this.counted.values()].reduce((a, b) => a + b, 0n);
  }
}

describe("over any history of posts, duplicates, late usage, sealings and restarts", () => {
  it("nothing is lost or doubled: accepted = sealed + carry + open, and no hour is sealed twice", () => {
    fc.assert(
      fc.property(steps, (history) => {
        const stored = new StoredMeter();
        const reference = new Reference();
        const sealed = new Map<string, bigint>();
        let now = start;
        const sealDue = () => {
          for (const { agreement, dimension, hour, quantity, allocations, timestamp } of stored.seal(now)) {
            const key = `${agreement}:${dimension}:${hour}`;
            expect(sealed.has(key)).toBe(false);
            sealed.set(key, BigInt(quantity) * UNIT);
            expect(Math.floor(timestamp / HOUR) * HOUR).toBe(hour);
            if (allocations !== null)
              expect(allocations.reduce((sum, a) => sum + a.quantity, 0)).toBe(quantity);
          }
        };
        for (const step of history) {
          if (step.kind === "wait") {
            now += step.minutes * MINUTE;
            sealDue();
          } else if (step.kind === "restart") {
            stored.restart();
          } else {
            const { agreement, quantity, tagSet, age } = step;
            const time = now - age * MINUTE;
            const events = step.ids.map((id) => ({
              id: `e${id}`,
              agreement,
              dimension: "d",
              quantity,
              time,
              tagSet,
            }));
            const outcomes = stored.accept(events, now);
            for (const [index, { id }] of events.entries()) {
              const key = `${agreement}:${id}`;
              const status = outcomes[index]?.status;
              expect(status === "duplicate").toBe(reference.counted.has(key));
              if (status === "accepted") reference.counted.set(key, quantity);
            }
          }
          const balances = stored.meter.balances();
          const sum = (pick: (b: (typeof balances)[number]) => bigint) =>
            balances.reduce((total, b) => total + pick(b), 0n);
          expect(sum((b) => b.accepted)).toBe(reference.accepted);
          expect(sum((b) => b.sealed + b.carry + b.open)).toBe(reference.accepted);
          expect(sum((b) => b.sealed)).toBe([...sealed.values()].reduce((a, b) => a + b, 0n));
        }
      }),
      { numRuns: 300 },
    );
  });
});
