import { describe, expect, it } from "vitest";
import type { Agreement } from "../../../src/ledger/agreements.ts";
import { HOUR } from "../../../src/meter/hours.ts";
import { Shard } from "../../../src/meter/shard.ts";
import { UsageBatchBuilder } from "../../../src/meter/usage-batch.ts";
import { shardName } from "../../../src/meter/shard-name.ts";
import { NO_HAZARDS } from "../../simulation/process.ts";
import { Producers } from "../../simulation/producers.ts";
import { World } from "../../simulation/world.ts";
import { Queue } from "../delivery/queue.ts";
import { SqliteStorage } from "./sqlite-storage.ts";
import { settings } from "./test-meter.ts";

const START = Date.UTC(2027, 4, 14, 10, 30);

/** A gateway with one customer's usage of five hours, sealed and delivered. */
async function gateway({ start = START, zeroHeartbeat = false } = {}) {
  const world = new World(1, start);
  const id = `shard${Math.random().toString(36).slice(2)}`;
  const product = {
    id,
    productCode: id,
    concurrentAgreements: true,
    dimensions: [
      { name: "api", aggregation: "sum", divisor: 1, uniqueTag: null, late: "carry_forward" } as const,
    ],
    settleSeconds: 0,
    lateSettleSeconds: 0,
    dedupeDays: 35,
    zeroHeartbeat,
    shards: 1,
  };
  await world.addProduct(product);
  const { agreement } = await world.addAgreement(product);
  const producers = new Producers(world);
  for (let hour = 0; hour < 5; hour++) {
    for (let posts = 0; posts < 4; posts++) await producers.post(agreement, ["api"]);
    world.advanceTo(world.time + HOUR);
    await world.ring();
    await world.deliver();
  }
  return { world, agreement, producers, name: shardName(id, 0) };
}

const check = ({ world, name }: { world: World; name: string }) =>
  world.withShard(name, (shard) => shard.checkBooks());

const reports = (world: World) =>
  world.database.query("SELECT held_accounts, difference, handover_error FROM shard_reports");

describe("the self-check of a shard's books", () => {
  it("finds nothing where nothing is wrong, and writes nothing", async () => {
    const all = await gateway();
    expect(await check(all)).toBeNull();
    await all.world.withShard(all.name, (shard) => shard.wake());
    expect(reports(all.world)).toEqual([]);
  });

  it.each([
    [
      "a counter that drifted",
      "UPDATE balances SET delivered = delivered + 1",
      /delivered is \d+ by its counter and \d+/,
    ],
    ["a record whose quantity changed", "UPDATE records SET quantity = quantity + 1", /by its counter and/],
    [
      "a record that is gone, with its counter",
      "DELETE FROM records; DELETE FROM balances",
      /was sealed, and the records have 0/,
    ],
  ])("finds %s, and says so in its report until it is mended", async (_what, damage, difference) => {
    const all = await gateway();
    all.world.database.execute(damage);
    expect(await check(all)).toMatch(difference);
    await all.world.withShard(all.name, (shard) => shard.wake());
    expect(reports(all.world)).toMatchObject([{ difference: expect.stringMatching(difference) as unknown }]);
  });
});

describe("a shard that is woken", () => {
  it("seals and hands over what an alarm that was lost should have", async () => {
    const { world, agreement, producers, name } = await gateway();
    await producers.post(agreement, ["api"]);
    world.loseAlarm(name);
    world.advanceTo(world.time + 2 * HOUR);
    await world.ring();
    const before = world.database.query("SELECT id FROM records").length;
    await world.withShard(name, (shard) => shard.wake());
    expect(world.database.query("SELECT id FROM records").length).toBeGreaterThan(before);
  });

  it("tells of a hand-over that fails, tries again, and tells when it is over", async () => {
    const { world, agreement, producers } = await gateway();
    await producers.post(agreement, ["api"]);
    world.advanceTo(world.time + HOUR);
    world.database.execute(
      "CREATE TRIGGER broken BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no room'); END",
    );
    await world.ring();
    expect(reports(world)).toMatchObject([{ handover_error: expect.stringContaining("no room") as unknown }]);
    world.database.execute("DROP TRIGGER broken");
    world.advanceTo(world.time + 11_000);
    await world.ring();
    expect(reports(world)).toMatchObject([{ handover_error: null }]);
    world.hazards = NO_HAZARDS;
    const rows = await world.conservation([agreement satisfies Agreement]);
    expect(rows.every(({ pending, accepted }) => pending >= 0n && accepted > 0n)).toBe(true);
  });
});

describe("a shard that nobody has woken for long", () => {
  it.each([
    ["of the last day", "2027-05-14T10:30:00Z", "2027-05-15T21:35:00Z", "2027-05-14T23", 22],
    ["of the new month only", "2027-05-31T10:30:00Z", "2027-06-01T05:45:00Z", "2027-06-01T00", 5],
  ])("makes up for all heartbeats that AWS still takes: %s", async (_which, start, woken, first, hours) => {
    const { world, name } = await gateway({ start: Date.parse(start), zeroHeartbeat: true });
    world.database.execute("UPDATE agreements SET activated_at = 0");
    await world.withShard(name, (shard) => shard.wake());
    world.advanceTo(Date.parse(woken));
    await world.withShard(name, (shard) => shard.wake());
    const zeros = world.database.query<{ hour: number }>(
      "SELECT hour FROM records WHERE quantity = 0 ORDER BY hour",
    );
    const from = Date.parse(`${first}:00:00Z`);
    expect(zeros.map(({ hour }) => hour)).toEqual(Array.from({ length: hours }, (_, n) => from + n * HOUR));
  });
});

describe("an agreement that ends while the ledger fails", () => {
  it("has its usage handed over by the alarm, within seconds", async () => {
    const { world, agreement, producers, name } = await gateway();
    await producers.post(agreement, ["api"]);
    const count = () => world.database.query("SELECT id FROM records").length;
    const before = count();
    world.database.execute(
      "CREATE TRIGGER broken BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no room'); END",
    );
    await world.withShard(name, (shard) => shard.endAgreements([agreement.id]));
    world.database.execute("DROP TRIGGER broken");
    world.advanceTo(world.time + 11_000);
    await world.ring();
    expect(count()).toBeGreaterThan(before);
  });
});

describe("a self-check whose writing fails", () => {
  it("starts the shard over, so that nobody is told of what is not on disk", async () => {
    const storage = new SqliteStorage();
    const disk = Promise.withResolvers<void>();
    const deaths: string[] = [];
    const queue = new Queue();
    const [customer] = await queue.product("a", 1);
    const shard = new Shard({
      name: "a:0",
      storage: storage.open(),
      ledger: queue.ledger,
      now: () => START,
      sync: () => disk.promise,
      pause: () => Promise.resolve(),
      setAlarm: () => Promise.resolve(),
      inBackground: () => undefined,
      startOver: (cause) => deaths.push(cause),
      expectDelivery: () => Promise.resolve(),
      report: () => undefined,
    });
    const dimension = {
      name: "api",
      aggregation: "sum",
      divisor: 1,
      uniqueTag: null,
      late: "reject",
    } as const;
    const post = (id: string) => {
      const builder = new UsageBatchBuilder();
      builder.addUsage(
        { id: customer?.id ?? "", end: null },
        {
          id,

          dimension,
          quantity: 1,
          time: START,
          tagSet: "",
        },
      );
      return shard.ingest({ settings, batch: builder.build() });
    };
    // Given one event on its way to the disk, and another that waits behind it
    const answers = [post("1")];
    await Promise.resolve();
    answers.push(post("2"));
    const [table] = storage.query<{ name: string }>(
      "SELECT name FROM sqlite_master WHERE name LIKE 'journal_%'",
    );
    storage.query(
      `CREATE TRIGGER broken BEFORE INSERT ON ${table?.name} BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
    );
    // When the self-check writes what waits, and that fails
    await expect(shard.checkBooks()).rejects.toThrow("disk full");
    // Then memory is thrown away
    expect(deaths).toEqual([expect.stringContaining("disk full") as unknown]);
    disk.resolve();
    await Promise.allSettled(answers);
  });
});
