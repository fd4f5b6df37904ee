import { describe, expect, it } from "vitest";
import { QUERIES_ALLOWED } from "../../../src/ledger/counted-ledger.ts";
import { MINUTE, SECOND } from "../../../src/meter/hours.ts";
import { failing, Queue, START, success } from "./queue.ts";

/** What a Queue's D1 refuses fails a test, too: here is seen how near it comes. */
const largest = ({ invocations }: Queue): number => Math.max(...invocations);

/** So many records of a product that AWS takes no more. */
async function expired(queue: Queue, count: number): Promise<void> {
  await queue.seal("a", await queue.product("a", count), { age: 25 });
}

/** Lets runs follow each other, none of which may leave a record that it has sent unsettled. */
async function sendAll(queue: Queue): Promise<void> {
  while ((await queue.run()).next === "at_once") {
    expect(queue.states()).not.toHaveProperty("sent");
    queue.time.advance(1);
  }
}

describe("more records than one invocation may send", () => {
  it("of ten thousand go at AWS's rate of ten calls a second, though each takes 450 ms: in 41 seconds", async () => {
    const queue = new Queue();
    queue.latency = 450;
    await queue.seal("a", await queue.product("a", 10_000));
    expect(await queue.tick()).toMatchObject({ next: "never", faults: [] });
    expect(queue.states()).toEqual({ delivered: 10_000 });
    expect(queue.calls).toHaveLength(400);
    const last = queue.calls.at(-1)?.at ?? 0;
    expect(Math.round((last + queue.latency - START) / SECOND)).toBe(41);
    const perSecond = Map.groupBy(queue.calls, ({ at }) => Math.floor(at / SECOND));
    for (const calls of perSecond.values()) expect(calls.length).toBeLessThanOrEqual(10);
    // Statements of each invocation, as docs/decisions/0020 says them.
    expect(queue.invocations).toEqual([941, 940, 138]);
  }, 60_000);

  it("are settled as far as they were sent, and a product's last success is written, when the invocation ends", async () => {
    const queue = new Queue();
    queue.latency = 450;
    await queue.seal("a", await queue.product("a", 6000));
    expect(await queue.run()).toMatchObject({ next: "at_once", faults: [] });
    const { delivered = 0, ...others } = queue.states();
    expect(delivered).toBe(queue.calls.length * 25);
    expect(others).toEqual({ pending: 6000 - delivered });
    expect(queue.database.query("SELECT last_success_at > ? AS told FROM deliveries", START)).toEqual([
      { told: 1 },
    ]);
  }, 60_000);

  it("are settled, too, when each call has a bad one that is searched for", async () => {
    const queue = new Queue();
    const customers = await queue.product("a", 2500);
    await queue.seal("a", customers);
    const bad = new Set(customers.filter((_, n) => n % 25 === 7).map(({ licenseArn }) => licenseArn));
    queue.answer = (request) =>
      request.UsageRecords.some(({ LicenseArn }) => bad.has(LicenseArn ?? ""))
        ? failing("invalid-tag")
        : success(request);
    await sendAll(queue);
    expect(queue.states()).toEqual({ delivered: 2400, parked: 100 });
    expect(queue.invocations.length).toBeGreaterThan(2);
    expect(largest(queue)).toBeLessThan(QUERIES_ALLOWED - 30);
  }, 60_000);

  it("are settled, too, when the calls of two hundred products fail", async () => {
    const queue = new Queue();
    for (let n = 0; n < 200; n++) await queue.seal(`p${n}`, await queue.product(`p${n}`, 1));
    queue.answer = () => failing("internal-service-error");
    await sendAll(queue);
    expect(queue.states()).toEqual({ pending: 200 });
    expect(queue.invocations.length).toBeGreaterThan(1);
    expect(largest(queue)).toBeLessThan(QUERIES_ALLOWED - 30);
  }, 60_000);

  it("are not sent again at once after a failure of all: those that have failed wait for another tick", async () => {
    const queue = new Queue();
    await queue.seal("a", await queue.product("a", 100));
    queue.answer = () => failing("throttled");
    expect(await queue.run()).toMatchObject({ next: "later" });
  });
});

describe("more records than one invocation may give up", () => {
  it("are given up by others that follow, and what is due is sent meanwhile", async () => {
    const queue = new Queue();
    await expired(queue, 10_000);
    queue.database.query("UPDATE records SET may_be_held = 1");
    await queue.seal("b", await queue.product("b", 1));
    expect(await queue.run()).toMatchObject({ next: "at_once" });
    expect(queue.states()).toEqual({ parked: 10_000, delivered: 1 });
    expect(await queue.run()).toMatchObject({ next: "never" });
  }, 60_000);
});

describe("more records than one invocation may bring back", () => {
  it("are brought back by others that follow, though each is another shard's", async () => {
    const queue = new Queue();
    await expired(queue, 500);
    queue.database.query("UPDATE agreements SET shard = CAST(substr(account_id, 9) AS INTEGER)");
    await queue.seal("b", await queue.product("b", 5000));
    expect(await queue.run()).toMatchObject({ next: "at_once", faults: [] });
    expect(queue.states()).toMatchObject({ rolled_over: 200, rolling: 300 });
    await queue.tick();
    expect(queue.states()).toEqual({ rolled_over: 500, delivered: 5000 });
    expect(largest(queue)).toBeLessThan(QUERIES_ALLOWED - 30);
  }, 60_000);

  it("of shards that fail wait for another tick, and keep neither others' nor what is sent waiting", async () => {
    const queue = new Queue();
    await expired(queue, 500);
    queue.database.query("UPDATE agreements SET shard = substr(account_id, 12) IN ('0', '1', '2')");
    await queue.seal("b", await queue.product("b", 1));
    const asked: string[] = [];
    queue.takeBack = (shard, records) => {
      asked.push(shard);
      return shard === "a:1" ? Promise.reject(new Error("it hangs")) : Promise.resolve(records.map(() => 7));
    };
    expect(await queue.run()).toMatchObject({ next: "later", faults: [new Error("it hangs")] });
    expect(queue.states()).toEqual({ rolled_over: 350, rolling: 150, delivered: 1 });
    expect(asked.filter((shard) => shard === "a:1")).toHaveLength(1);
    queue.takeBack = (_shard, records) => Promise.resolve(records.map(() => 7));
    await queue.run();
    expect(queue.states()).toEqual({ rolled_over: 500, delivered: 1 });
    expect(
      queue.database.query("SELECT DISTINCT rolled_into FROM records WHERE state = 'rolled_over'"),
    ).toEqual([{ rolled_into: 7 }]);
  }, 60_000);
});

describe("shards that all hang", () => {
  it("keep what is to be sent waiting for less than a minute, and no run goes on with them at once", async () => {
    const queue = new Queue();
    await expired(queue, 100);
    queue.database.query("UPDATE agreements SET shard = CAST(substr(account_id, 9) AS INTEGER)");
    await queue.seal("b", await queue.product("b", 1));
    queue.takeBack = async () => {
      await queue.time.wait(20 * SECOND);
      throw new Error("it hangs");
    };
    const { next, faults } = await queue.run();
    expect({ next, faults: faults.length }).toEqual({ next: "later", faults: 5 });
    expect(queue.states()).toEqual({ rolling: 100, delivered: 1 });
    expect((queue.calls[0]?.at ?? 0) - START).toBeLessThan(MINUTE);
  });
});

describe("a ledger that fails", () => {
  it("ends the run, and no call is begun after it", async () => {
    const queue = new Queue();
    await queue.seal("a", await queue.product("a", 500));
    // Once, for what became of one call.
    queue.database.execute(
      "CREATE TRIGGER broken BEFORE UPDATE ON attempts WHEN NEW.id GLOB 'att_*_3_*' BEGIN SELECT RAISE(ABORT, 'died'); END",
    );
    await expect(queue.run()).rejects.toThrow("died");
    expect(queue.calls.length).toBeLessThanOrEqual(8);
    queue.database.execute("DROP TRIGGER broken");
    queue.time.advance(MINUTE);
    await queue.run();
    expect(queue.states()).toEqual({ delivered: 500 });
  });
});
