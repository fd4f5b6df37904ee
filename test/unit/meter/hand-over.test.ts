import { describe, expect, it } from "vitest";
import { createProduct } from "../../../src/catalog/products.ts";
import { Shard } from "../../../src/meter/shard.ts";
import { UsageBatchBuilder } from "../../../src/meter/usage-batch.ts";
import { WatchedLedger } from "../ledger/watched-ledger.ts";
import { SqliteStorage } from "./sqlite-storage.ts";
import { dimension, settings } from "./test-meter.ts";

/** What a shard takes of the queries that D1 allows an invocation. */

const START = Date.UTC(2027, 4, 14, 10, 30);
const D1_QUERIES = 1000;

/** A shard with usage of the current hour, of so many agreements. */
async function newShard(count: number) {
  const watched = new WatchedLedger();
  await createProduct(
    watched.ledger,
    {
      id: "p",
      name: "p",
      productCode: "p",
      region: "us-east-1",
      concurrentAgreements: true,
      signUpUrl: null,
      settleSeconds: 0,
      lateSettleSeconds: 0,
      dedupeDays: 35,
      zeroHeartbeat: false,
      shards: 1,
      dimensions: [dimension("d")],
    },
    START,
  );
  let alarm: number | null = null;
  const shard = new Shard({
    name: "p:0",
    storage: new SqliteStorage().open(),
    ledger: watched.ledger,
    now: () => START,
    sync: () => Promise.resolve(),
    pause: () => Promise.resolve(),
    setAlarm: (time) => {
      alarm = time;
      return Promise.resolve();
    },
    inBackground: () => undefined,
    startOver: (cause) => {
      throw new Error(cause);
    },
    expectDelivery: () => Promise.resolve(),
    report: () => undefined,
  });
  const agreements = Array.from({ length: count }, (_, n) => `agr_${String(n).padStart(5, "0")}`);
  const batch = new UsageBatchBuilder();
  for (const id of agreements)
    batch.addUsage(
      { id, end: null },
      { id, dimension: dimension("d"), quantity: 1_000_000_000, time: START, tagSet: "" },
    );
  await shard.ingest({ settings, batch: batch.build() });
  watched.forget();
  const records = () => watched.database.query("SELECT id FROM records").length;
  const ring = () => {
    alarm = null;
    return shard.alarm();
  };
  return { watched, shard, agreements, records, alarm: () => alarm, ring };
}

describe("agreements of one shard that end together", () => {
  it("are handed over together", async () => {
    const { watched, shard, agreements, records } = await newShard(2000);
    await shard.endAgreements(agreements);
    expect(records()).toBe(2000);
    expect(watched.count).toBeLessThan(100);
  });
});

describe("hand-overs that have piled up while the ledger failed", () => {
  it("are given to it by as many invocations as D1's limit needs, one after another at once", async () => {
    const { watched, shard, agreements, records, alarm, ring } = await newShard(320);
    watched.database.execute(
      "CREATE TRIGGER broken BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no room'); END",
    );
    for (const agreement of agreements) await shard.endAgreements([agreement]);
    expect(alarm()).toBeGreaterThan(START);
    watched.database.execute("DROP TRIGGER broken");
    const given: number[] = [];
    for (let invocation = 0; invocation < 3; invocation++) {
      watched.forget();
      await ring();
      expect(watched.count).toBeLessThan(D1_QUERIES);
      given.push(records());
      // The next invocation is to begin at once, and none when all is there.
      expect(alarm()).toBe(invocation < 2 ? START : null);
    }
    expect(given).toEqual([150, 300, 320]);
  });
});
