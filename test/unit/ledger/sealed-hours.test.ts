import { describe, expect, it } from "vitest";
import { storeSealedHours } from "../../../src/ledger/sealed-hours.ts";
import type { SealedHour } from "../../../src/meter/account.ts";
import { HOUR } from "../../../src/meter/hours.ts";
import { Queue, START } from "../delivery/queue.ts";

const hour = START - 2 * HOUR;

const sealed = (agreement: string, overrides: Partial<SealedHour> = {}): SealedHour => ({
  agreement,
  dimension: "api",
  hour: Math.floor(hour / HOUR) * HOUR,
  timestamp: hour,
  quantity: 4,
  divisor: 1,
  allocations: null,
  late: [],
  deadline: hour + 24 * HOUR,
  ...overrides,
});

const handover = (sealing: number, hours: readonly SealedHour[]) => ({
  shard: "a:0",
  productId: "a",
  sealing,
  hours,
  now: START,
});

interface Row {
  id: string;
  state: string;
  reason: string | null;
  quantity: number;
  last_answer: string | null;
}

const rows = (queue: Queue) =>
  queue.database.query<Row>("SELECT id, state, reason, quantity, last_answer FROM records ORDER BY id");
const counters = (queue: Queue) =>
  queue.database.query("SELECT pending, delivered, parked, rolled, written_off FROM balances");

describe("the hand-over of sealed hours", () => {
  it("makes pending records, counts them, and changes nothing when it is repeated", async () => {
    const queue = new Queue();
    const [customer] = await queue.product("a", 1);
    const once = handover(1, [sealed(customer?.id ?? "")]);
    expect(await storeSealedHours(queue.ledger, once)).toBe("us-east-1");
    await storeSealedHours(queue.ledger, { ...once, now: START + 1 });
    expect(rows(queue)).toMatchObject([{ state: "pending", quantity: 4 }]);
    expect(counters(queue)).toEqual([{ pending: 4, delivered: 0, parked: 0, rolled: 0, written_off: 0 }]);
    expect(queue.database.query("SELECT * FROM handovers")).toEqual([{ shard: "a:0", sealing: 1 }]);
  });

  it("keeps a second record for an hour, parked and never sent, since AWS keeps the first", async () => {
    const queue = new Queue();
    const [customer] = await queue.product("a", 1);
    const agreement = customer?.id ?? "";
    await storeSealedHours(queue.ledger, handover(1, [sealed(agreement)]));
    const second = handover(7, [sealed(agreement, { quantity: 9 })]);
    await storeSealedHours(queue.ledger, second);
    await storeSealedHours(queue.ledger, second);
    expect(rows(queue)).toMatchObject([
      { state: "pending", quantity: 4 },
      { state: "parked", reason: "conflict", quantity: 9, last_answer: "SecondRecordForHour" },
    ]);
    expect(counters(queue)).toEqual([{ pending: 4, delivered: 0, parked: 9, rolled: 0, written_off: 0 }]);
    await queue.run();
    expect(queue.calls.flatMap(({ request }) => request.UsageRecords)).toMatchObject([{ Quantity: 4 }]);
  });

  it("parks usage of an agreement that the ledger does not know, and holds up nothing beside it", async () => {
    const queue = new Queue();
    const [customer] = await queue.product("a", 1);
    await storeSealedHours(queue.ledger, handover(1, [sealed("agr_lost"), sealed(customer?.id ?? "")]));
    expect(rows(queue).map(({ state, reason, last_answer }) => [state, reason, last_answer])).toEqual(
      expect.arrayContaining([
        ["parked", "refused", "UnknownAgreement"],
        ["pending", null, null],
      ]) as unknown,
    );
  });

  it("gives an ending agreement's records its final hour as deadline, and lets them go first", async () => {
    const queue = new Queue();
    const [customer] = await queue.product("a", 1);
    queue.database.query("UPDATE agreements SET usage_until = ?", START + 20 * 60_000);
    await storeSealedHours(queue.ledger, handover(1, [sealed(customer?.id ?? "")]));
    expect(queue.database.query("SELECT priority, deadline FROM records")).toEqual([
      { priority: 0, deadline: START + 20 * 60_000 },
    ]);
  });
});
