import { describe, expect, it } from "vitest";
import { IdIndex, type History } from "../../../src/meter/id-index.ts";
import { prefixOf } from "../../../src/meter/id-filter.ts";
import { LinesBuilder, type Lines } from "../../../src/meter/lines.ts";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { TestMeter } from "./test-meter.ts";

const now = Date.parse("2026-11-23T10:30:00Z");
const statuses = (outcomes: readonly { status: string }[]) => outcomes.map(({ status }) => status);

describe("an id that has been counted", () => {
  it("is a duplicate wherever it is kept: waiting to be written, in the journal, packed, and after a restart", async () => {
    const meter = new TestMeter();
    const known: { id: string; time: number }[] = [];
    const send = async (id: string) => {
      known.push({ id, time: now });
      return statuses(await meter.accept([{ id, time: now }], now));
    };
    expect(await send("packed")).toEqual(["accepted"]);
    meter.pack(now);
    expect(await send("packed later")).toEqual(["accepted"]);
    meter.pack(now);
    expect(await send("in the journal")).toEqual(["accepted"]);
    const waiting = meter.begin([{ id: "waiting", time: now }], now);
    const repeated = meter.begin([...known, { id: "waiting", time: now }], now);
    await Promise.all([waiting.durable, repeated.durable]);
    expect(statuses(repeated.outcomes)).toEqual(Array(4).fill("duplicate"));
    meter.restart();
    expect(statuses(await meter.accept([...known, { id: "waiting", time: now }], now))).toEqual(
      Array(4).fill("duplicate"),
    );
    expect(meter.meter.balances(["a"])).toMatchObject([{ accepted: 4_000_000_000n }]);
  });

  it("is never saved in an account without its line: a shard that dies while packing counts it once", async () => {
    // Given accounts of two pages, the second of which takes an event after the first has been saved
    const meter = new TestMeter();
    const agreements = Array.from({ length: 600 }, (_, n) => `agr_${n}`);
    await meter.accept(
      agreements.map((agreement) => ({ id: "1", agreement, time: now })),
      now,
    );
    const packing = meter.meter.pack(now);
    packing.next();
    const event = { id: "2", agreement: "agr_599", time: now };
    const { durable } = meter.begin([event], now);
    // When the shard dies after the second page, before the group's commit
    packing.next();
    meter.restart();
    await durable.catch(() => null);
    await meter.accept([event], now);
    expect(meter.meter.balances(["agr_599"])).toMatchObject([{ accepted: 2_000_000_000n }]);
  });

  it("is new again when it was lost with a shard that died before writing it", async () => {
    const meter = new TestMeter();
    const { durable } = meter.begin([{ id: "lost", time: now }], now);
    meter.restart();
    await expect(durable).rejects.toThrow("restarted");
    expect(statuses(await meter.accept([{ id: "lost", time: now }], now))).toEqual(["accepted"]);
  });

  it.each([
    ["in the journal", () => undefined],
    [
      "packed",
      (meter: TestMeter) => {
        meter.pack(now);
      },
    ],
  ])("counts once for the dedupe window, and again after it, %s", async (_where, keep) => {
    const meter = new TestMeter({ dedupeWindow: 24 * HOUR });
    await meter.accept([{ id: "1", time: now }], now);
    keep(meter);
    const end = now + 24 * HOUR;
    expect(statuses(await meter.accept([{ id: "1", time: end }], end))).toEqual(["duplicate"]);
    expect(statuses(await meter.accept([{ id: "1", time: end }], end + 1))).toEqual(["accepted"]);
    expect(statuses(await meter.accept([{ id: "1", time: end }], end + MINUTE))).toEqual(["duplicate"]);
  });

  it("is dropped from the disk with its lines when its run has left the window, though no more usage comes", async () => {
    const meter = new TestMeter({ dedupeWindow: 24 * HOUR });
    const tables = () =>
      meter.storage
        .query<{ name: string }>("SELECT name FROM sqlite_master WHERE name GLOB '*_[0-9]*' ORDER BY name")
        .map(({ name }) => name);
    await meter.accept([{ id: "1", time: now }], now);
    meter.pack(now);
    expect(tables()).toEqual(["ids_0", "journal_0", "journal_1"]);
    meter.seal(now + 24 * HOUR);
    expect(tables()).toEqual(["ids_0", "journal_0", "journal_1"]);
    meter.seal(now + 25 * HOUR);
    expect(tables()).toEqual(["journal_1"]);
    expect(
      statuses(await meter.restart().accept([{ id: "1", time: now + 25 * HOUR }], now + 25 * HOUR)),
    ).toEqual(["accepted"]);
  });
});

describe("two ids of one fingerprint", () => {
  it("are told apart by the ids themselves, in the journal and packed", () => {
    const lines = (id: string): Lines => {
      const builder = new LinesBuilder(now);
      const rule = { aggregation: "sum", divisor: 1, uniqueTag: null } as const;
      const line = {
        agreement: "a",
        id,
        arrival: now,
        time: now,
        dimension: "d",
        rule,
        quantity: 1,
        tagSet: "",
      };
      builder.add({ ...line, hour: now, voiding: null });
      return builder.build();
    };
    const fingerprint = 12_345;
    const history: History = {
      line: (line) => ({ lines: lines(line === 0 ? "packed" : "journalled"), index: 0 }),
      block: () => ({ fingerprints: Float64Array.of(fingerprint), lines: Uint32Array.of(0) }),
      all: () => [],
    };
    const run = { number: 0, prefixes: Uint32Array.of(prefixOf(fingerprint)), firsts: [fingerprint] };
    const ids = new IdIndex(history, [run], 1);
    ids.add(fingerprint);
    const find = (agreement: string, id: string) =>
      ids.find({ agreement, id, fingerprint, since: 0 }) !== null;
    expect([find("a", "journalled"), find("a", "packed")]).toEqual([true, true]);
    expect([find("a", "another"), find("b", "journalled"), find("b", "packed")]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe("an id that comes again with something else", () => {
  const sent = { id: "1", time: now, quantity: "5", tagSet: '[["t","x"]]' };
  const dimension = (name: string) =>
    ({ name, aggregation: "sum", divisor: 1, uniqueTag: null, late: "carry_forward" }) as const;

  it.each([
    ["dimension", { dimension: dimension("other") }],
    ["quantity", { quantity: "5.000000001" }],
    ["tags", { tagSet: "" }],
  ])("is a conflict that names the %s while its hour is open", async (field, other) => {
    const meter = new TestMeter();
    await meter.accept([sent], now);
    expect(await meter.accept([{ ...sent, ...other }], now)).toEqual([
      { status: "id_conflict", differs: [field] },
    ]);
    expect(meter.meter.balances(["a"])).toMatchObject([{ accepted: 5_000_000_000n }]);
  });

  it("is a conflict within one request, too", async () => {
    const outcomes = await new TestMeter().accept([sent, { ...sent, quantity: "6" }], now);
    expect(statuses(outcomes)).toEqual(["accepted", "id_conflict"]);
  });

  it("is a duplicate when only its time differs, or its hour is sealed", async () => {
    const meter = new TestMeter();
    await meter.accept([sent], now);
    expect(statuses(await meter.accept([{ ...sent, time: now - MINUTE }], now))).toEqual(["duplicate"]);
    meter.seal(now + HOUR);
    expect(statuses(await meter.accept([{ ...sent, quantity: "6" }], now + HOUR))).toEqual(["duplicate"]);
  });
});
