import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { Meter, type UsageEvent } from "../../../src/meter/meter.ts";
import { decodeAccount, encodeAccount } from "../../../src/meter/snapshot.ts";
import { parseQuantity } from "../../../src/meter/quantity.ts";

const times = { settle: 10 * MINUTE, lateSettle: 5 * MINUTE };
const at = (text: string): number => Date.parse(`2026-11-${text}Z`);

function event(overrides: Partial<Omit<UsageEvent, "quantity">> & { quantity?: string } = {}): UsageEvent {
  const parsed = parseQuantity(overrides.quantity ?? "1");
  if (!parsed.ok) throw new Error(parsed.problem);
  return {
    id: crypto.randomUUID(),
    agreement: "a",
    dimension: "d",
    time: at("23T10:30:00"),
    tagSet: "",
    ...overrides,
    quantity: parsed.value,
  };
}

describe("an event", () => {
  it("counts in the hour of its own time", () => {
    const meter = new Meter(times);
    const now = at("23T11:00:00");
    meter.accept([event({ time: at("23T10:00:00.000") }), event({ time: at("23T09:59:59.999") })], now);
    const sealed = meter.sealDue(at("23T12:00:00"));
    expect(sealed.map(({ hour, quantity }) => [hour, quantity])).toEqual([
      [at("23T09:00:00"), 1],
      [at("23T10:00:00"), 1],
    ]);
  });

  it("counts once, in the same request and in later ones", () => {
    const meter = new Meter(times);
    const once = event({ id: "same" });
    const { outcomes } = meter.accept([once, once], at("23T10:40:00"));
    expect(outcomes.map(({ status }) => status)).toEqual(["accepted", "duplicate"]);
    expect(meter.accept([once], at("23T10:50:00"))).toEqual({
      outcomes: [{ status: "duplicate" }],
      entry: null,
    });
    expect(meter.sealDue(at("23T12:00:00"))).toMatchObject([{ quantity: 1 }]);
  });

  it("with the id of another agreement's event is another event", () => {
    const meter = new Meter(times);
    const { outcomes } = meter.accept(
      [event({ id: "same" }), event({ id: "same", agreement: "b" })],
      at("23T10:40:00"),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["accepted", "accepted"]);
  });

  it("that was counted stays a duplicate when it is too old to be counted", () => {
    const meter = new Meter(times);
    const old = event();
    meter.accept([old], at("23T10:40:00"));
    expect(meter.accept([old], at("25T10:40:00")).outcomes).toEqual([{ status: "duplicate" }]);
  });

  it.each([
    ["24 hours old", "24T10:30:00.000", "too_old"],
    ["a moment younger than 24 hours", "24T10:29:59.999", "accepted"],
    ["5 minutes ahead", "23T10:25:00.000", "accepted"],
    ["further ahead than 5 minutes", "23T10:24:59.999", "too_far_ahead"],
  ])("that is %s is %s", (_what, now, status) => {
    expect(new Meter(times).accept([event({ time: at("23T10:30:00") })], at(now)).outcomes).toMatchObject([
      { status },
    ]);
  });

  it.each([
    ["2026-12-01T05:59:59.999Z", "accepted"],
    ["2026-12-01T06:00:00.000Z", "too_old"],
  ])("of the last month is, at %s, %s", (now, status) => {
    const { outcomes } = new Meter(times).accept(
      [event({ time: Date.parse("2026-11-30T23:30:00Z") })],
      Date.parse(now),
    );
    expect(outcomes).toMatchObject([{ status }]);
  });

  it("too near its hour's deadline for a record of its own is billed in the hour it arrives in", () => {
    const now = at("24T10:20:00");
    const { outcomes } = new Meter(times).accept([event({ time: at("23T10:30:00") })], now);
    expect(outcomes).toEqual([{ status: "accepted", hour: at("24T10:00:00"), late: true }]);
  });
});

describe("an hour", () => {
  it("is sealed when the settle time after its end is over, and not before", () => {
    const meter = new Meter(times);
    meter.accept([event()], at("23T10:31:00"));
    expect(meter.nextSeal).toBe(at("23T11:10:00"));
    expect(meter.sealDue(at("23T11:09:59"))).toEqual([]);
    expect(meter.sealDue(at("23T11:10:00"))).toHaveLength(1);
  });

  it("stays open for the late-settle time while usage for it still arrives", () => {
    const meter = new Meter(times);
    meter.accept([event()], at("23T10:31:00"));
    meter.accept([event()], at("23T11:09:00"));
    expect(meter.sealDue(at("23T11:13:59"))).toEqual([]);
    expect(meter.sealDue(at("23T11:14:00"))).toMatchObject([{ quantity: 2 }]);
  });

  it("is sealed well before its deadline even if usage never stops arriving", () => {
    const meter = new Meter(times);
    let now = at("23T10:31:00");
    let sealedAt: number | null = null;
    for (; sealedAt === null && now < at("24T10:00:00"); now += MINUTE) {
      if (meter.sealDue(now).length > 0) sealedAt = now;
      else meter.accept([event()], now);
    }
    expect(sealedAt).not.toBeNull();
    expect(sealedAt).toBeLessThanOrEqual(at("23T22:30:00"));
  });

  it("without a record gets its own however late its usage arrives", () => {
    const meter = new Meter(times);
    meter.accept([event({ time: at("23T10:30:00") })], at("23T20:00:00"));
    expect(meter.sealDue(at("23T20:05:00"))).toMatchObject([
      { hour: at("23T10:00:00"), timestamp: at("23T10:30:00") },
    ]);
  });

  it("with a frozen record takes no more: late usage joins the hour it arrives in, stamped with its arrival", () => {
    const meter = new Meter(times);
    meter.accept([event({ quantity: "3" })], at("23T10:31:00"));
    meter.sealDue(at("23T11:10:00"));
    const arrival = at("23T13:20:15");
    const { outcomes } = meter.accept([event({ quantity: "4" })], arrival);
    expect(outcomes).toEqual([{ status: "accepted", hour: at("23T13:00:00"), late: true }]);
    expect(meter.sealDue(at("23T14:10:00"))).toMatchObject([
      { hour: at("23T13:00:00"), quantity: 4, timestamp: arrival },
    ]);
  });

  it("stays frozen over a restart", () => {
    const before = new Meter(times);
    before.accept([event()], at("23T10:31:00"));
    before.sealDue(at("23T11:10:00"));
    const accounts = before.snapshot().accounts.map(encodeAccount).map(decodeAccount);
    const after = new Meter(times, { accounts });
    expect(after.accept([event()], at("23T11:20:00")).outcomes).toMatchObject([
      { status: "accepted", late: true },
    ]);
  });

  it("that is frozen is not opened again by a clock that steps back: late usage joins the next free hour", () => {
    const meter = new Meter(times);
    meter.accept([event()], at("23T10:31:00"));
    meter.sealDue(at("23T11:10:00"));
    const { outcomes } = meter.accept([event()], at("23T10:59:00"));
    expect(outcomes).toEqual([{ status: "accepted", hour: at("23T11:00:00"), late: true }]);
    expect(meter.sealDue(at("23T12:10:00"))).toMatchObject([
      { hour: at("23T11:00:00"), timestamp: at("23T11:00:00") },
    ]);
  });

  it("is stamped with the time of its latest usage, in whole seconds inside the hour", () => {
    const meter = new Meter(times);
    meter.accept(
      [
        event({ time: at("23T10:05:00") }),
        event({ time: at("23T10:59:59.999") }),
        event({ time: at("23T10:06:00") }),
      ],
      at("23T11:00:00"),
    );
    expect(meter.sealDue(at("23T12:00:00"))).toMatchObject([{ timestamp: at("23T10:59:59") }]);
  });

  it("has until 24 hours after its start, in the last hours of a month until 06:00 on the 1st", () => {
    const meter = new Meter(times);
    meter.accept([event()], at("23T10:31:00"));
    meter.accept([event({ time: at("30T23:10:00") })], at("30T23:10:00"));
    expect(meter.sealDue(Date.parse("2026-12-01T01:00:00Z")).map(({ deadline }) => deadline)).toEqual([
      at("24T10:00:00"),
      Date.parse("2026-12-01T06:00:00Z"),
    ]);
  });

  it("of one dimension or agreement is not merged with another's", () => {
    const meter = new Meter(times);
    meter.accept([event(), event({ dimension: "e" }), event({ agreement: "b" })], at("23T10:31:00"));
    expect(meter.sealDue(at("23T12:00:00"))).toHaveLength(3);
  });
});

describe("what is less than a whole unit", () => {
  it("is carried to the next hour, exactly", () => {
    const meter = new Meter(times);
    const sealed: number[] = [];
    for (let n = 0; n < 10; n++) {
      const time = at("23T10:30:00") + n * HOUR;
      meter.accept([event({ time, quantity: "0.3" })], time);
      for (const { quantity } of meter.sealDue(time + HOUR)) sealed.push(quantity);
    }
    expect(sealed.reduce((sum, quantity) => sum + quantity, 0)).toBe(3);
    expect(meter.balances()).toMatchObject([
      { accepted: 3_000_000_000n, sealed: 3_000_000_000n, carry: 0n, open: 0n },
    ]);
  });

  it("alone makes no record, so that its hour stays free for usage that comes late", () => {
    const meter = new Meter(times);
    meter.accept([event({ quantity: "0.4" })], at("23T10:31:00"));
    expect(meter.sealDue(at("23T12:00:00"))).toEqual([]);
    const { outcomes } = meter.accept([event({ quantity: "0.6" })], at("23T12:30:00"));
    expect(outcomes).toEqual([{ status: "accepted", hour: at("23T10:00:00"), late: false }]);
    expect(meter.sealDue(at("23T13:00:00"))).toMatchObject([{ hour: at("23T10:00:00"), quantity: 1 }]);
  });

  it("is carried per tag set, so that each set is billed what it used", () => {
    const meter = new Meter(times);
    const billed = new Map<string, number>();
    for (let n = 0; n < 10; n++) {
      const time = at("23T10:30:00") + n * HOUR;
      meter.accept(
        [
          event({ time, quantity: "0.5", tagSet: '[["t","x"]]' }),
          event({ time, quantity: "1.5", tagSet: '[["t","y"]]' }),
        ],
        time,
      );
      for (const { allocations } of meter.sealDue(time + HOUR)) {
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
  it("is billed in the hours that follow, without any new usage", () => {
    const meter = new Meter(times);
    meter.accept([event({ quantity: "5000000000" })], at("23T10:31:00"));
    const sealed = [11, 12, 13, 14].flatMap((hour) => meter.sealDue(at(`23T${hour}:30:00`)));
    expect(sealed.map(({ hour, quantity }) => [hour, quantity])).toEqual([
      [at("23T10:00:00"), 2_147_483_647],
      [at("23T11:00:00"), 2_147_483_647],
      [at("23T12:00:00"), 705_032_706],
    ]);
  });
});
