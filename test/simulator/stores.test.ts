import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { AwsClient } from "aws4fetch";
import { describe, expect, it } from "vitest";
import { createApp } from "../../simulator/src/app.ts";
import type { Call, MeteringRecord } from "../../simulator/src/model.ts";
import { Simulator } from "../../simulator/src/simulator.ts";
import { MemoryStore } from "../../simulator/src/store-memory.ts";
import { SqliteStore } from "../../simulator/src/store-sqlite.ts";
import type { Store } from "../../simulator/src/store.ts";
import { origin, sellerKey } from "./client.ts";
import { usage, type Agreement } from "./world.ts";

const record = (n: number, more: Partial<MeteringRecord> = {}): MeteringRecord => ({
  region: "us-east-1",
  operation: "BatchMeterUsage",
  productCode: "p",
  licenseArn: null,
  accountId: "111111111111",
  customerIdentifier: "",
  dimension: "d",
  timestamp: "2026-11-23T09:30:00.000Z",
  hour: "2026-11-23T09:00:00.000Z",
  quantity: n,
  allocations: [],
  meteringRecordId: `id-${n}`,
  receivedAt: "2026-11-23T10:00:00.000Z",
  ...more,
});

const call = (n: number): Call => ({
  operation: "ResolveCustomer",
  time: "2026-11-23T10:00:00.000Z",
  status: 200,
  error: null,
  records: n,
  requestId: `request-${n}`,
  region: "us-east-1",
  accessKeyId: "AKIDSIMULATOR0000000",
});

type With = (use: (store: Store) => void) => Promise<void>;

const inMemory: With = async (use) => use(new MemoryStore());
const inSqlite: With = (use) =>
  runInDurableObject(env.SIMULATED_AWS.getByName(crypto.randomUUID()), (_aws, { storage }) =>
    use(new SqliteStore(storage.sql)),
  );

// A simulation in memory must go as one on SQLite does.
describe.each([
  ["in memory", inMemory],
  ["in SQLite", inSqlite],
])("a store %s", (_where, withStore) => {
  it("keeps the last document under a key, and lists keys in order from a prefix and a place", async () => {
    await withStore((store) => {
      for (const key of ["p/2/b", "p/1/a", "p/2/a", "q/1/a"]) store.put("subscription", key, "first");
      store.put("subscription", "p/1/a", "second");
      expect(store.get("subscription", "p/1/a")).toBe("second");
      expect(store.get("customer", "p/1/a")).toBeUndefined();
      const keys = (options: object) =>
        store.list("subscription", { limit: 10, ...options }).map(({ key }) => key);
      expect(keys({ prefix: "p/" })).toEqual(["p/1/a", "p/2/a", "p/2/b"]);
      expect(keys({ prefix: "p/", after: "p/1/a" })).toEqual(["p/2/a", "p/2/b"]);
      expect(keys({ prefix: "p/2/" })).toEqual(["p/2/a", "p/2/b"]);
      expect(keys({ limit: 2 })).toEqual(["p/1/a", "p/2/a"]);
      store.remove("subscription", "p/1/a");
      expect(store.get("subscription", "p/1/a")).toBeUndefined();
    });
  });

  it("finds records by their place in the books, and lists the newest, or what follows, filtered", async () => {
    await withStore((store) => {
      for (const n of [1, 2, 3, 4])
        store.addRecord(`key-${n}`, record(n, { dimension: n % 2 ? "odd" : "even" }));
      expect(store.findRecord("key-3")).toEqual(record(3, { dimension: "odd" }));
      expect(store.findRecord("key-5")).toBeUndefined();
      const listed = (filter: object, page: object) =>
        store
          .records(filter, { limit: 10, ...page })
          .map(({ sequence, value }) => [sequence, value.quantity]);
      expect(listed({}, { limit: 2 })).toEqual([
        [3, 3],
        [4, 4],
      ]);
      expect(listed({}, { after: 1, limit: 2 })).toEqual([
        [2, 2],
        [3, 3],
      ]);
      expect(listed({ dimension: "odd", productCode: "p" }, {})).toEqual([
        [1, 1],
        [3, 3],
      ]);
      expect(listed({ region: "eu-west-1" }, {})).toEqual([]);
    });
  });

  it("lists calls alike, counts everything, and forgets it at once", async () => {
    await withStore((store) => {
      for (const n of [1, 2, 3]) store.addCall(call(n));
      store.addRecord("key", record(1));
      const calls = store.calls({ after: 1, limit: 1 });
      expect(calls).toEqual([{ sequence: 2, value: call(2) }]);
      expect(store.counts()).toEqual({ products: 0, agreements: 0, records: 1, calls: 3 });
      store.clear();
      expect(store.counts()).toEqual({ products: 0, agreements: 0, records: 0, calls: 0 });
      store.addCall(call(4));
      expect(store.calls({ limit: 10 })).toEqual([{ sequence: 1, value: call(4) }]);
      store.addRecord("key", record(2));
      expect(store.records({}, { limit: 10 })).toMatchObject([{ sequence: 1 }]);
    });
  });
});

describe("a simulated AWS in memory", () => {
  it("is a fetch handler with a clock of the caller's own", async () => {
    const machineNow = () => Date.parse("2026-11-23T10:00:00Z");
    const seller = { ...sellerKey, accountId: "999999999999" };
    const newId = () => crypto.randomUUID();
    const app = createApp(new Simulator({ store: new MemoryStore(), seller, machineNow, newId }));
    const control = async <Body>(path: string, body?: object): Promise<Body> => {
      const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
      return (await app.request(`${origin}/_simulator${path}`, init)).json<Body>();
    };
    await control("/products", { productCode: "p", dimensions: ["requests"] });
    const customer = await control<Agreement>("/agreements", { productCode: "p" });

    const datetime = "20261123T095900Z";
    const client = new AwsClient({ ...sellerKey, service: "aws-marketplace", region: "us-east-1" });
    const request = await client.sign(`${origin}/`, {
      method: "POST",
      headers: { "x-amz-target": "AWSMPMeteringService.BatchMeterUsage" },
      body: JSON.stringify({ UsageRecords: [usage(customer)] }),
      aws: { datetime },
    });
    expect((await app.fetch(request)).status).toBe(200);
    expect(await control("/records")).toMatchObject({ records: [{ quantity: 5 }] });
  });
});
