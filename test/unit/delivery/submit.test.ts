import { describe, expect, it } from "vitest";
import { runDelivery } from "../../../src/delivery/run.ts";
import { HOUR, MINUTE, SECOND } from "../../../src/meter/hours.ts";
import { failing, Queue, START, success, type Answer, type AskedCall } from "./queue.ts";

const sizes = (calls: readonly AskedCall[]) => calls.map(({ request }) => request.UsageRecords.length);
/** AWS says of every record that it has one for the hour. */
const duplicate = ({ UsageRecords }: AskedCall["request"]): Answer => ({
  ok: true,
  requestId: "r",
  value: {
    Results: UsageRecords.map((record) => ({ UsageRecord: record, Status: "DuplicateRecord" })),
    UnprocessedRecords: [],
  },
});

const productsOf = (calls: readonly AskedCall[]) =>
  calls.map(({ request }) => /l-([a-z]+)/.exec(request.UsageRecords[0]?.LicenseArn ?? "")?.[1]);

describe("a queue of records", () => {
  it("of n of a product takes ceil(n / 25) calls, however the products are mixed", async () => {
    const queue = new Queue();
    for (const [id, count] of Object.entries({ a: 1001, b: 2500, c: 24, d: 3000 })) {
      const customers = await queue.product(id, count);
      // Every other customer's record is older, so that the products' records lie between each other.
      await queue.seal(
        id,
        customers.filter((_, n) => n % 2 === 0),
        { age: 3 },
      );
      await queue.seal(
        id,
        customers.filter((_, n) => n % 2 === 1),
        { age: 2 },
      );
    }
    await queue.tick();
    expect(queue.calls).toHaveLength(41 + 100 + 1 + 120);
    expect(queue.states()).toEqual({ delivered: 6525 });
  }, 60_000);

  it("that a run cannot finish goes on in the next, with nothing sent twice", async () => {
    const queue = new Queue();
    queue.latency = 3 * SECOND;
    await queue.seal("a", await queue.product("a", 4000));
    await queue.run();
    const { delivered = 0, pending = 0 } = queue.states();
    expect(delivered).toBeGreaterThan(2000);
    expect(pending).toBeGreaterThan(500);
    expect(queue.time.now() - START).toBeLessThan(64 * SECOND);
    await queue.tick();
    expect(queue.states()).toEqual({ delivered: 4000 });
    expect(queue.calls).toHaveLength(160);
  }, 60_000);

  it.each([
    ["of an agreement that ends", "priority = 0"],
    ["near its deadline", `deadline = ${START + HOUR}`],
  ])("%s goes first, however many of another product wait", async (_what, becomes) => {
    const queue = new Queue();
    const [one, other] = [await queue.product("one", 1), await queue.product("other", 500)];
    for (let age = 1; age <= 11; age++) await queue.seal("other", other, { age });
    await queue.seal("one", one);
    queue.database.query(`UPDATE records SET ${becomes} WHERE product_id = 'one'`);
    await queue.run();
    expect(queue.calls[0]?.request.UsageRecords).toHaveLength(1);
  });

  it("goes the nearest deadline first", async () => {
    const queue = new Queue();
    for (const [id, age] of [
      ["a", 2],
      ["b", 9],
      ["c", 5],
    ] as const)
      await queue.seal(id, await queue.product(id, 1), { age });
    await queue.run();
    expect(productsOf(queue.calls)).toEqual(["b", "c", "a"]);
  });

  it("has nothing sent in its last two minutes, when AWS's clock may be over the deadline", async () => {
    const queue = new Queue();
    const [early, late] = await queue.product("a", 2);
    if (early === undefined || late === undefined) throw new Error("there are two");
    // The deadline of both is half an hour away.
    await queue.seal("a", [early], { age: 23 });
    queue.time.advance(28 * MINUTE - 1);
    await queue.run();
    expect(queue.states()).toEqual({ delivered: 1 });
    await queue.seal("a", [late], { age: 23 });
    await queue.run();
    expect(queue.calls).toHaveLength(1);
    expect(queue.states()).toEqual({ delivered: 1, rolled_over: 1 });
  });
});

describe("throttling", () => {
  it("slows the account down, and the rate comes back when AWS takes calls again", async () => {
    const queue = new Queue();
    queue.latency = 0;
    await queue.seal("a", await queue.product("a", 2500));
    queue.answer = (request, call) => (call < 4 ? failing("throttled") : success(request));
    await queue.run();
    const gaps = queue.calls.slice(1).map(({ at }, n) => at - (queue.calls[n]?.at ?? 0));
    expect(Math.max(...gaps)).toBeGreaterThanOrEqual(1600);
    expect(gaps.at(-1)).toBeLessThanOrEqual(101);
    expect(queue.states()).toEqual({ delivered: 2400, pending: 100 });
    await queue.run();
    expect(queue.states()).toEqual({ delivered: 2500 });
  });
});

describe("a product whose calls fail", () => {
  it("waits by itself after a passing fault, at random and longer each time, and others go on", async () => {
    const queue = new Queue();
    await queue.seal("bad", await queue.product("bad", 60), { age: 5 });
    await queue.seal("good", await queue.product("good", 60));
    queue.answer = (request) =>
      productsOf([{ at: 0, request }])[0] === "bad" ? failing("internal-service-error") : success(request);
    await queue.run();
    expect(queue.states("good")).toEqual({ delivered: 60 });
    expect(queue.states("bad")).toEqual({ pending: 60 });
    const wait = () =>
      (queue.database.query<{ not_before: number }>(
        "SELECT not_before FROM deliveries WHERE product_id = 'bad'",
      )[0]?.not_before ?? 0) - queue.time.now();
    const waits: number[] = [];
    for (let n = 0; n < 5; n++) {
      queue.time.advance(10 * MINUTE);
      await queue.run();
      waits.push(wait());
    }
    expect(waits.toSorted((a, b) => a - b)).toEqual(waits);
    expect(waits.at(-1)).toBeGreaterThan(10 * SECOND);
    queue.answer = success;
    queue.time.advance(10 * MINUTE);
    await queue.run();
    expect(queue.states("bad")).toEqual({ delivered: 60 });
  });

  it("pauses for a wrong setting, is tried with one call each five minutes, and resumes by itself", async () => {
    const queue = new Queue();
    await queue.seal("a", await queue.product("a", 100));
    queue.latency = 0;
    queue.answer = () => failing("access-denied");
    await queue.run();
    const first = queue.calls.length;
    expect(first).toBeLessThanOrEqual(5);
    await queue.run();
    expect(queue.calls).toHaveLength(first);
    queue.time.advance(5 * MINUTE);
    await queue.run();
    expect(queue.calls).toHaveLength(first + 1);
    expect(
      queue.database.query("SELECT paused_at IS NOT NULL AS paused, error_code FROM deliveries"),
    ).toEqual([{ paused: 1, error_code: "access-denied" }]);
    queue.answer = success;
    queue.time.advance(5 * MINUTE);
    await queue.run();
    expect(queue.states()).toEqual({ delivered: 100 });
    expect(queue.database.query("SELECT paused_at, failures FROM deliveries")).toEqual([
      { paused_at: null, failures: 0 },
    ]);
  });

  it("does not keep others from AWS, however many of its records are more urgent", async () => {
    const queue = new Queue();
    await queue.seal("bad", await queue.product("bad", 5200), { age: 9 });
    await queue.seal("good", await queue.product("good", 50));
    queue.answer = (request) =>
      productsOf([{ at: 0, request }])[0] === "bad" ? failing("invalid-product-code") : success(request);
    await queue.run();
    expect(queue.states("good")).toEqual({ delivered: 50 });
    expect(queue.states("bad")).toEqual({ pending: 5200 });
  }, 60_000);
});

describe("a bad record", () => {
  it("in a full call is found with at most 2 x log2(25) calls more, and the rest is delivered in the same run", async () => {
    for (let bad = 0; bad < 25; bad += 4) {
      const queue = new Queue();
      const customers = await queue.product("a", 25);
      await queue.seal("a", customers);
      const arn = customers[bad]?.licenseArn;
      queue.answer = (request) =>
        request.UsageRecords.some(({ LicenseArn }) => LicenseArn === arn)
          ? failing("invalid-tag")
          : success(request);
      await queue.run();
      expect(queue.states()).toEqual({ delivered: 24, parked: 1 });
      expect(queue.calls.length - 1).toBeLessThanOrEqual(2 * Math.log2(25));
    }
  });

  it("takes all of its dimension with it, at the cost of a call or two, when AWS says that the dimension is wrong", async () => {
    const queue = new Queue();
    const customers = await queue.product("a", 40, ["api", "gone"]);
    await queue.seal("a", customers, { dimensions: ["api", "gone"] });
    queue.answer = (request) =>
      request.UsageRecords.some(({ Dimension }) => Dimension === "gone")
        ? failing("invalid-usage-dimension")
        : success(request);
    await queue.run();
    expect(queue.states()).toEqual({ delivered: 40, parked: 40 });
    expect(sizes(queue.calls).length).toBeLessThanOrEqual(4 * 3);
  });
});

describe("a call without a known end", () => {
  it("makes a later DuplicateRecord our own: AWS holds these very bytes", async () => {
    const queue = new Queue();
    await queue.seal("a", await queue.product("a", 1));
    queue.answer = () => failing("timeout");
    await queue.run();
    queue.answer = duplicate;
    queue.time.advance(HOUR);
    await queue.run();
    expect(queue.states()).toEqual({ delivered: 1 });
    expect(queue.calls[1]?.request).toEqual(queue.calls[0]?.request);
  });

  it("is the only one that does: after calls that AWS surely refused, DuplicateRecord is a conflict", async () => {
    const queue = new Queue();
    await queue.seal("a", await queue.product("a", 1));
    queue.answer = () => failing("throttled");
    await queue.run();
    queue.answer = duplicate;
    queue.time.advance(HOUR);
    await queue.run();
    expect(queue.states()).toEqual({ parked: 1 });
  });
});

describe("two submitters at once", () => {
  it("have the later one's word count where the earlier only knows what its own call has not done", async () => {
    const queue = new Queue();
    await queue.seal("a", await queue.product("a", 1));
    // Given a call that is throttled, slowly, and another that reaches AWS meanwhile and dies
    queue.answer = async (_request, call) => {
      if (call === 0) {
        await queue.time.wait(10 * SECOND);
        return failing("throttled");
      }
      return failing("timeout");
    };
    const early = queue.submission;
    const late = queue.submission;
    const both = Promise.all([
      runDelivery(early),
      queue.time.wait(SECOND).then(() => runDelivery({ ...late, newId: () => "att_late" })),
    ]);
    await queue.time.run(both);
    // Then AWS may have it, whatever the first was told
    expect(queue.calls).toHaveLength(2);
    expect(queue.database.query("SELECT state, may_be_held, attempts FROM records")).toEqual([
      { state: "pending", may_be_held: 1, attempts: 2 },
    ]);
  });
});

describe("an answer that comes after the deadline", () => {
  it("turns uncertain into delivered when it is Success", async () => {
    const queue = new Queue();
    await queue.seal("a", await queue.product("a", 1), { age: 23 });
    queue.latency = 31 * MINUTE;
    const slow = runDelivery(queue.submission);
    const next = async () => {
      await queue.time.wait(29 * MINUTE);
      await runDelivery({ ...queue.submission, newId: () => "att_b" });
      return queue.states();
    };
    const [, meanwhile] = await queue.time.run(Promise.all([slow, next()]));
    expect(meanwhile).toEqual({ parked: 1 });
    expect(queue.calls).toHaveLength(1);
    expect(queue.states()).toEqual({ delivered: 1 });
  });
});
