import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { dimension, TestMeter, type TestEvent } from "./test-meter.ts";

const at = (text: string): number => Date.parse(`2026-11-${text}Z`);

const event = (overrides: TestEvent = {}): TestEvent => ({
  id: crypto.randomUUID(),
  time: at("23T10:30:00"),
  ...overrides,
});

describe("an event", () => {
  it("counts in the hour of its own time", async () => {
    const meter = new TestMeter();
    const now = at("23T11:00:00");
    await meter.accept([event({ time: at("23T10:00:00.000") }), event({ time: at("23T09:59:59.999") })], now);
    const sealed = meter.seal(at("23T12:00:00"));
    expect(sealed.map(({ hour, quantity }) => [hour, quantity])).toEqual([
      [at("23T09:00:00"), 1],
      [at("23T10:00:00"), 1],
    ]);
  });

  it("counts once, in the same request and in later ones", async () => {
    const meter = new TestMeter();
    const once = event({ id: "same" });
    const outcomes = await meter.accept([once, once], at("23T10:40:00"));
    expect(outcomes.map(({ status }) => status)).toEqual(["accepted", "duplicate"]);
    expect(await meter.accept([once], at("23T10:50:00"))).toEqual([{ status: "duplicate" }]);
    expect(meter.seal(at("23T12:00:00"))).toMatchObject([{ quantity: 1 }]);
  });

  it("with the id of another agreement's event is another event", async () => {
    const meter = new TestMeter();
    const outcomes = await meter.accept(
      [event({ id: "same" }), event({ id: "same", agreement: "b" })],
      at("23T10:40:00"),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["accepted", "accepted"]);
  });

  it("that was counted stays a duplicate when it is too old to be counted", async () => {
    const meter = new TestMeter();
    const old = event();
    await meter.accept([old], at("23T10:40:00"));
    expect(await meter.accept([old], at("25T10:40:00"))).toEqual([{ status: "duplicate" }]);
  });

  it.each([
    ["24 hours old", "24T10:30:00.000", "too_old"],
    ["a moment younger than 24 hours", "24T10:29:59.999", "late"],
    ["5 minutes ahead", "23T10:25:00.000", "accepted"],
    ["further ahead than 5 minutes", "23T10:24:59.999", "too_far_ahead"],
  ])("that is %s is %s", async (_what, now, status) => {
    const outcomes = await new TestMeter().accept([event({ time: at("23T10:30:00") })], at(now));
    expect(outcomes).toMatchObject([{ status }]);
  });

  it.each([
    ["2026-12-01T05:59:59.999Z", "late"],
    ["2026-12-01T06:00:00.000Z", "too_old"],
  ])("of the last month is, at %s, %s", async (now, status) => {
    const outcomes = await new TestMeter().accept(
      [event({ time: Date.parse("2026-11-30T23:30:00Z") })],
      Date.parse(now),
    );
    expect(outcomes).toMatchObject([{ status }]);
  });

  it("too near its hour's deadline for a record of its own is billed in the hour it arrives in", async () => {
    const now = at("24T10:20:00");
    const outcomes = await new TestMeter().accept([event({ time: at("23T10:30:00") })], now);
    expect(outcomes).toEqual([{ status: "late", hour: at("24T10:00:00") }]);
  });
});

describe("an hour", () => {
  it("is sealed when the settle time after its end is over, and not before", async () => {
    const meter = new TestMeter();
    await meter.accept([event()], at("23T10:31:00"));
    expect(meter.meter.nextSeal).toBe(at("23T11:10:00"));
    expect(meter.seal(at("23T11:09:59"))).toEqual([]);
    expect(meter.seal(at("23T11:10:00"))).toHaveLength(1);
  });

  it("stays open for the late-settle time while usage for it still arrives", async () => {
    const meter = new TestMeter();
    await meter.accept([event()], at("23T10:31:00"));
    await meter.accept([event()], at("23T11:09:00"));
    expect(meter.seal(at("23T11:13:59"))).toEqual([]);
    expect(meter.seal(at("23T11:14:00"))).toMatchObject([{ quantity: 2 }]);
  });

  it("is sealed well before its deadline even if usage never stops arriving", async () => {
    const meter = new TestMeter();
    let now = at("23T10:31:00");
    let sealedAt: number | null = null;
    for (; sealedAt === null && now < at("24T10:00:00"); now += MINUTE) {
      if (meter.seal(now).length > 0) sealedAt = now;
      else await meter.accept([event()], now);
    }
    expect(sealedAt).not.toBeNull();
    expect(sealedAt).toBeLessThanOrEqual(at("23T22:30:00"));
  });

  it("without a record gets its own however late its usage arrives", async () => {
    const meter = new TestMeter();
    await meter.accept([event({ time: at("23T10:30:00") })], at("23T20:00:00"));
    expect(meter.seal(at("23T20:05:00"))).toMatchObject([
      { hour: at("23T10:00:00"), timestamp: at("23T10:30:00") },
    ]);
  });

  it("with a frozen record takes no more: late usage joins the hour it arrives in, stamped with its arrival", async () => {
    const meter = new TestMeter();
    await meter.accept([event({ quantity: "3" })], at("23T10:31:00"));
    meter.seal(at("23T11:10:00"));
    const arrival = at("23T13:20:15");
    const outcomes = await meter.accept([event({ quantity: "4" })], arrival);
    expect(outcomes).toEqual([{ status: "late", hour: at("23T13:00:00") }]);
    expect(meter.seal(at("23T14:10:00"))).toMatchObject([
      { hour: at("23T13:00:00"), quantity: 4, timestamp: arrival },
    ]);
  });

  it("stays frozen over a restart", async () => {
    const meter = new TestMeter();
    await meter.accept([event()], at("23T10:31:00"));
    meter.seal(at("23T11:10:00"));
    meter.restart();
    expect(await meter.accept([event()], at("23T11:20:00"))).toMatchObject([{ status: "late" }]);
  });

  it("that is frozen is not opened again by a clock that steps back: late usage joins the next free hour", async () => {
    const meter = new TestMeter();
    await meter.accept([event()], at("23T10:31:00"));
    meter.seal(at("23T11:10:00"));
    const outcomes = await meter.accept([event()], at("23T10:59:00"));
    expect(outcomes).toEqual([{ status: "late", hour: at("23T11:00:00") }]);
    expect(meter.seal(at("23T12:10:00"))).toMatchObject([
      { hour: at("23T11:00:00"), timestamp: at("23T11:00:00") },
    ]);
  });

  it("is stamped with the time of its latest usage, in whole seconds inside the hour", async () => {
    const meter = new TestMeter();
    await meter.accept(
      [
        event({ time: at("23T10:05:00") }),
        event({ time: at("23T10:59:59.999") }),
        event({ time: at("23T10:06:00") }),
      ],
      at("23T11:00:00"),
    );
    expect(meter.seal(at("23T12:00:00"))).toMatchObject([{ timestamp: at("23T10:59:59") }]);
  });

  it("has until 24 hours after its start, in the last hours of a month until 06:00 on the 1st", async () => {
    const meter = new TestMeter();
    await meter.accept([event()], at("23T10:31:00"));
    expect(meter.seal(at("23T11:10:00"))).toMatchObject([{ deadline: at("24T10:00:00") }]);
    await meter.accept([event({ time: at("30T23:10:00") })], at("30T23:10:00"));
    expect(meter.seal(Date.parse("2026-12-01T01:00:00Z"))).toMatchObject([
      { deadline: Date.parse("2026-12-01T06:00:00Z") },
    ]);
  });

  it("of one dimension or agreement is not merged with another's", async () => {
    const meter = new TestMeter();
    await meter.accept(
      [event(), event({ dimension: dimension("e") }), event({ agreement: "b" })],
      at("23T10:31:00"),
    );
    expect(meter.seal(at("23T12:00:00"))).toHaveLength(3);
  });
});

describe("usage for an hour that is frozen", () => {
  const frozen = async (late: "carry_forward" | "hold" | "reject") => {
    const meter = new TestMeter();
    const d = dimension("d", { late });
    await meter.accept([event({ dimension: d, quantity: "3" })], at("23T10:31:00"));
    meter.seal(at("23T11:10:00"));
    const outcomes = await meter.accept(
      [event({ dimension: d, quantity: "4" }), event({ dimension: d, quantity: "0.5" })],
      at("23T13:20:15"),
    );
    return { meter, outcomes };
  };

  it("leaves a trail from its own hour to the record that bills it", async () => {
    const { meter } = await frozen("carry_forward");
    await meter.accept([event({ time: at("23T13:30:00"), quantity: "1.5" })], at("23T13:30:00"));
    expect(meter.seal(at("23T14:10:00"))).toMatchObject([
      { hour: at("23T13:00:00"), quantity: 6, late: [{ hour: at("23T10:00:00"), quantity: "4.5" }] },
    ]);
  });

  it("leaves its trail in a later record when its own came to less than one unit", async () => {
    const meter = new TestMeter();
    await meter.accept([event()], at("23T10:31:00"));
    meter.seal(at("23T11:10:00"));
    await meter.accept([event({ quantity: "0.25" })], at("23T11:20:00"));
    expect(meter.seal(at("23T12:10:00"))).toEqual([]);
    await meter.accept([event({ time: at("23T12:30:00"), quantity: "0.75" })], at("23T12:30:00"));
    expect(meter.seal(at("23T13:10:00"))).toMatchObject([
      { quantity: 1, late: [{ hour: at("23T10:00:00"), quantity: "0.25" }] },
    ]);
  });

  it("is counted and held where its dimension says so", async () => {
    const { meter, outcomes } = await frozen("hold");
    expect(outcomes).toEqual([
      { status: "held", hour: at("23T10:00:00") },
      { status: "held", hour: at("23T10:00:00") },
    ]);
    expect(meter.seal(at("23T23:00:00"))).toEqual([]);
    expect(meter.restart().meter.balances(["a"])).toMatchObject([
      { accepted: 7_500_000_000n, sealed: 3_000_000_000n, held: 4_500_000_000n, open: 0n, carry: 0n },
    ]);
  });

  it("is refused, and not counted, where its dimension says so", async () => {
    const { meter, outcomes } = await frozen("reject");
    expect(outcomes).toMatchObject([{ status: "late_rejected" }, { status: "late_rejected" }]);
    expect(meter.meter.balances(["a"])).toMatchObject([{ accepted: 3_000_000_000n }]);
  });
});

describe("the trail of late usage", () => {
  it("is in the record that bills it, and in no later one", async () => {
    const meter = new TestMeter();
    await meter.accept([event()], at("23T10:31:00"));
    meter.seal(at("23T11:10:00"));
    await meter.accept([event({ quantity: "2" })], at("23T11:20:00"));
    expect(meter.seal(at("23T12:30:00"))).toMatchObject([{ late: [{ quantity: "2" }] }]);
    await meter.accept([event({ time: at("23T12:35:00") })], at("23T12:35:00"));
    expect(meter.restart().seal(at("23T13:30:00"))).toMatchObject([{ quantity: 1, late: [] }]);
  });

  it("goes on with an hour that nobody sealed in time, stamped with the time it joins the other", async () => {
    const meter = new TestMeter();
    await meter.accept([event()], at("23T10:31:00"));
    meter.seal(at("23T11:10:00"));
    await meter.accept(
      [event({ quantity: "2" }), event({ time: at("23T11:15:00"), quantity: "5" })],
      at("23T11:20:00"),
    );
    expect(meter.seal(at("24T11:20:00"))).toEqual([]);
    expect(meter.seal(at("24T12:40:00"))).toMatchObject([
      {
        hour: at("24T11:00:00"),
        timestamp: at("24T11:20:00"),
        quantity: 7,
        late: [
          { hour: at("23T10:00:00"), quantity: "2" },
          { hour: at("23T11:00:00"), quantity: "5" },
        ],
      },
    ]);
  });
});

describe("an hour that nobody sealed in time", () => {
  it("joins the current hour whole, with a trail, since AWS would refuse a record of its own", async () => {
    const meter = new TestMeter();
    await meter.accept([event({ quantity: "3" })], at("23T10:31:00"));
    expect(meter.seal(at("24T10:15:00"))).toEqual([]);
    expect(meter.seal(at("24T11:20:00"))).toMatchObject([
      { hour: at("24T10:00:00"), quantity: 3, late: [{ hour: at("23T10:00:00"), quantity: "3" }] },
    ]);
  });
});

describe("what is less than a whole unit", () => {
  it("is carried to the next hour, exactly", async () => {
    const meter = new TestMeter();
    const sealed: number[] = [];
    for (let n = 0; n < 10; n++) {
      const time = at("23T10:30:00") + n * HOUR;
      await meter.accept([event({ time, quantity: "0.3" })], time);
      for (const { quantity } of meter.seal(time + HOUR)) sealed.push(quantity);
    }
    expect(sealed.reduce((sum, quantity) => sum + quantity, 0)).toBe(3);
    expect(meter.meter.balances(["a"])).toMatchObject([
      { accepted: 3_000_000_000n, sealed: 3_000_000_000n, carry: 0n, open: 0n },
    ]);
  });

  it("alone makes no record, so that its hour stays free for usage that comes late", async () => {
    const meter = new TestMeter();
    await meter.accept([event({ quantity: "0.4" })], at("23T10:31:00"));
    expect(meter.seal(at("23T12:00:00"))).toEqual([]);
    const outcomes = await meter.accept([event({ quantity: "0.6" })], at("23T12:30:00"));
    expect(outcomes).toEqual([{ status: "accepted" }]);
    expect(meter.seal(at("23T13:00:00"))).toMatchObject([{ hour: at("23T10:00:00"), quantity: 1 }]);
  });

  it("is carried per tag set, so that each set is billed what it used", async () => {
    const meter = new TestMeter();
    const billed = new Map<string, number>();
    for (let n = 0; n < 10; n++) {
      const time = at("23T10:30:00") + n * HOUR;
      await meter.accept(
        [
          event({ time, quantity: "0.5", tagSet: '[["t","x"]]' }),
          event({ time, quantity: "1.5", tagSet: '[["t","y"]]' }),
        ],
        time,
      );
      for (const { allocations } of meter.seal(time + HOUR)) {
        for (const { quantity, tags } of allocations ?? []) {
          const name = tags[0]?.[1] ?? "";
          billed.set(name, (billed.get(name) ?? 0) + quantity);
        }
      }
    }
    expect(billed).toEqual(
      new Map([
        ["y", 15],
        ["x", 5],
      ]),
    );
  });
});

describe("what is more than AWS's largest quantity", () => {
  it("is billed in the hours that follow, without any new usage", async () => {
    const meter = new TestMeter();
    await meter.accept([event({ quantity: "5000000000" })], at("23T10:31:00"));
    const sealed = [11, 12, 13, 14].flatMap((hour) => meter.seal(at(`23T${hour}:30:00`)));
    expect(sealed.map(({ hour, quantity }) => [hour, quantity])).toEqual([
      [at("23T10:00:00"), 2_147_483_647],
      [at("23T11:00:00"), 2_147_483_647],
      [at("23T12:00:00"), 705_032_706],
    ]);
  });
});
