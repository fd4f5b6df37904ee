import { describe, expect, it } from "vitest";
import { changeProduct, type ProductChange } from "../../../src/catalog/change-product.ts";
import type { Decision } from "../../../src/meter/decisions.ts";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { Shard } from "../../../src/meter/shard.ts";
import { shardName } from "../../../src/meter/shard-name.ts";
import { UsageBatchBuilder } from "../../../src/meter/usage-batch.ts";
import { Queue } from "../delivery/queue.ts";
import { SqliteStorage } from "./sqlite-storage.ts";
import { dimension, settings, TestMeter } from "./test-meter.ts";

const start = Date.parse("2026-11-23T10:00:00Z");
const sealing = start + HOUR + 10 * MINUTE;
/** Half an hour before AWS may refuse the hour. */
const tooLate = start + 23.5 * HOUR;

/** A meter whose dimension "d" is in the contract. */
const waiting = () => new TestMeter({ awaitsAllowance: ["seats", "d"] });
const sealAgreement = (meter: TestMeter, now: number) => {
  for (const _slice of meter.meter.sealAgreements(["a"], now));
  return [...meter.store.outbox()].flatMap(({ hours }) => hours);
};

describe("included usage that is voided while it is not known what is included", () => {
  it.each(["hour", "month", "term"] as const)("is no credit, per %s", async (per) => {
    const meter = new TestMeter({ awaitsAllowance: ["d"] });
    const term = { quantity: "10", per, since: start };
    await meter.tell([term], start);
    await meter.accept([{ id: "included", quantity: "10", time: start }], start + MINUTE);
    expect(meter.seal(sealing)).toEqual([]);
    await meter.tell([], sealing);
    await meter.accept([{ voids: "included" }], sealing);
    expect(meter.restart().books).toMatchObject({ withheld: "0", carry: "0" });
    await meter.tell([term], sealing);
    await meter.accept([{ quantity: "25", time: start + HOUR }], sealing);
    expect(meter.seal(sealing + HOUR)).toMatchObject([{ quantity: 15 }]);
  });
});

describe("an hour of an account that waits for its allowance", () => {
  it("is not sealed, and nobody is woken for it before it is nearly too late", async () => {
    const meter = waiting();
    await meter.accept([{ quantity: "5", time: start }], start);
    expect(meter.meter.nextSeal).toBe(tooLate);
    expect(meter.seal(sealing)).toEqual([]);
    expect(meter.seal(tooLate - 1)).toEqual([]);
    expect(meter.meter.nextSeal).toBe(tooLate);
    expect(meter.restart().meter.nextSeal).toBe(tooLate);
    expect(meter.books).toMatchObject({ open: "5" });
  });

  it("joins the current hour when it is nearly too late, and goes on waiting there", async () => {
    const meter = waiting();
    await meter.accept([{ quantity: "5", time: start }], start);
    expect(meter.seal(tooLate)).toEqual([]);
    const joined = start + 23 * HOUR;
    expect(meter.meter.nextSeal).toBe(joined + 23.5 * HOUR);
    await meter.tell([{ quantity: "3", per: "hour" }], tooLate);
    expect(meter.restart().seal(joined + HOUR + 10 * MINUTE)).toMatchObject([
      { hour: joined, quantity: 2, late: [{ hour: start, quantity: "2" }] },
    ]);
  });

  it("is sealed once the allowance has come, though it includes nothing", async () => {
    for (const [quantity, billed] of [
      ["2", 3],
      ["0", 5],
    ] as const) {
      const meter = waiting();
      await meter.accept([{ quantity: "5", time: start }], start);
      meter.seal(start + 5 * HOUR);
      await meter.tell([{ quantity, per: "month" }], start + 5 * HOUR);
      expect(meter.meter.nextSeal).toBe(sealing);
      expect(meter.seal(start + 5 * HOUR)).toMatchObject([{ hour: start, quantity: billed }]);
    }
  });

  it("stays open when its agreement ends, until the allowance has come", async () => {
    const meter = waiting();
    const free = dimension("free");
    await meter.accept(
      [
        { quantity: "5", time: start },
        { dimension: free, time: start },
      ],
      start,
    );
    expect(sealAgreement(meter, start)).toMatchObject([{ dimension: "free" }]);
    await meter.tell([{ quantity: "2", per: "month" }], start);
    expect(sealAgreement(meter, start)).toMatchObject([{ dimension: "free" }, { quantity: 3 }]);
  });

  it("waits again while it is not known what a contract includes since its customer's return", async () => {
    const meter = waiting();
    const back = start + 3 * HOUR;
    const before = { quantity: "3", per: "term", since: start, until: back } as const;
    await meter.tell([before], start);
    await meter.accept([{ quantity: "3", time: start }], start);
    expect(meter.seal(sealing)).toEqual([]);
    await meter.accept([{ quantity: "4", time: back }], back);
    expect(meter.meter.nextSeal).toBe(back + 23.5 * HOUR);
    expect(meter.meter.recount()).toEqual([]);
    meter.pack(back);
    expect(meter.restart().seal(back + 2 * HOUR)).toEqual([]);
    expect(sealAgreement(meter, back)).toEqual([]);
    await meter.tell([before, { quantity: "3", per: "term", since: back }], back + 2 * HOUR);
    expect(meter.seal(back + 2 * HOUR)).toMatchObject([{ hour: back, quantity: 1 }]);
    expect(meter.restart().books).toMatchObject({ withheld: "6", sealed: "1" });
  });

  it("is not kept back by its neighbours' waiting", async () => {
    const meter = waiting();
    const other = dimension("other");
    await meter.tell([{ quantity: "0", per: "hour" }], start);
    await meter.accept(
      [{ time: start }, { dimension: other, time: start }, { agreement: "b", time: start }],
      start,
    );
    expect(meter.seal(sealing).map(({ agreement, dimension }) => [agreement, dimension])).toEqual([
      ["a", "d"],
      ["a", "other"],
    ]);
  });

  it("waits from when its product says so, and is sealed when it says so no more", async () => {
    const meter = new TestMeter();
    await meter.accept([{ quantity: "5", time: start }], start);
    expect(meter.meter.nextSeal).toBe(sealing);
    for (const [awaitsAllowance, next] of [
      [["d"], tooLate],
      [["e"], sealing],
      [["d", "e"], tooLate],
      [[], sealing],
    ] as const) {
      meter.meter.adopt({ ...settings, awaitsAllowance });
      expect(meter.meter.nextSeal).toBe(next);
      expect(meter.restart().meter.nextSeal).toBe(next);
    }
  });
});

/** A shard with an alarm clock, on which usage of one customer's hour waits for its allowance. */
async function shard() {
  const queue = new Queue();
  const [customer] = await queue.product("a", 1);
  const agreement = customer?.id ?? "";
  const setUp = (change: ProductChange) => changeProduct(queue.ledger, "a", change, start);
  const included = { by: "calls", per: "term" } as const;
  const times = { settleSeconds: 600, lateSettleSeconds: 300, dedupeDays: 35 };
  await setUp({ contract: true, dimensions: [{ name: "api", included }], ...times });
  const alarms: number[] = [];
  const clock = { now: start };
  const shard = new Shard({
    name: shardName("a", 0),
    storage: new SqliteStorage().open(),
    ledger: queue.ledger,
    now: () => clock.now,
    sync: () => Promise.resolve(),
    pause: () => Promise.resolve(),
    setAlarm: (time) => {
      alarms.push(time);
      return Promise.resolve();
    },
    inBackground: () => undefined,
    startOver: () => undefined,
    expectDelivery: () => Promise.resolve(),
    report: (_message, error) => {
      throw error;
    },
  });
  const builder = new UsageBatchBuilder();
  const api = dimension("api");
  builder.addUsage(
    { id: agreement, end: null },
    { id: "1", dimension: api, quantity: 5e9, time: start, tagSet: "" },
  );
  await shard.ingest({ settings: { ...settings, awaitsAllowance: ["api"] }, batch: builder.build() });
  const books = async () => (await shard.conservation([agreement]))[0];
  return { shard, agreement, alarms, clock, books, setUp };
}

describe("a shard with usage that waits for its allowance", () => {
  it("rings when the hour is nearly too late, and then not before the next is", async () => {
    const { shard: counting, alarms, clock, books } = await shard();
    expect(alarms).toEqual([tooLate]);
    clock.now = tooLate;
    await counting.alarm();
    expect(alarms).toEqual([tooLate, start + 46.5 * HOUR]);
    // An alarm that rings early, or a second clock, changes nothing.
    clock.now += 2 * HOUR;
    await counting.wake();
    await counting.alarm();
    expect(alarms.slice(2)).toEqual([start + 46.5 * HOUR]);
    expect(await books()).toMatchObject({ accepted: 5_000_000_000n, open: 5_000_000_000n, pending: 0n });
  });

  it("takes over, when it is woken, that its product has no contracts any more, and seals", async () => {
    const { shard: counting, clock, books, setUp } = await shard();
    clock.now = start + 5 * HOUR;
    await counting.wake();
    expect(await books()).toMatchObject({ open: 5_000_000_000n });
    await setUp({ contract: false, dimensions: [{ name: "api", included: null }] });
    await counting.wake();
    expect(await books()).toMatchObject({ open: 0n, pending: 5_000_000_000n });
  });

  it("rings at once when the allowance comes after the hour was due, and shows what is withheld", async () => {
    const { shard: counting, agreement, alarms, clock, books } = await shard();
    clock.now = start + 5 * HOUR;
    const rule = { aggregation: "sum", divisor: 1, uniqueTag: null } as const;
    const term = { quantity: "2000000000", per: "month", since: start, until: null, began: start } as const;
    const of = { agreement, dimension: "api", rule };
    const decision: Decision = { id: "a", kind: "allow", ...of, terms: [term] };
    expect(await counting.decide([decision])).toEqual([null]);
    expect(alarms.at(-1)).toBe(sealing);
    await counting.alarm();
    expect(await books()).toMatchObject({
      accepted: 5_000_000_000n,
      pending: 3_000_000_000n,
      withheld: 2_000_000_000n,
    });
    expect(await counting.totals()).toMatchObject([{ withheld: 2_000_000_000n }]);
    expect(await counting.checkBooks()).toBeNull();
  });
});
