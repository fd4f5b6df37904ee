import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { shardName } from "../../src/meter/shard-name.ts";
import { admin, json, newProduct, type TestProduct, type UsageAnswer } from "./support/gateway.ts";

const SIZE = 1000;

/** Requests that can wait for one write: as many as 50 000 events are. One more is on its way to the disk. */
const WAITING = 50;

/** Lets a shard's disk take as long for its next write as the test wants; every write before it is done. */
async function stallDisk(product: TestProduct): Promise<{ recover(): Promise<void> }> {
  const stub = env.METER_SHARD.getByName(shardName(product.id, 0));
  const recovered = Promise.withResolvers<void>();
  await runInDurableObject(stub, (_shard, { storage }) => {
    const sync = storage.sync.bind(storage);
    storage.sync = async () => {
      await recovered.promise;
      await sync();
    };
  });
  return { recover: () => runInDurableObject(stub, () => recovered.resolve()) };
}

const eventsOf = (name: string, customers: readonly string[], quantity: number) =>
  Array.from({ length: SIZE }, (_, n) => ({
    id: `${name}-${n}`,
    customer: customers[n % customers.length],
    dimension: "api",
    quantity,
  }));

/** Posts requests side by side, each of a thousand events, and shows which have been answered so far. */
function flood(product: TestProduct, requests: readonly unknown[]) {
  const answers = new Map<number, Response>();
  const all = requests.map(async (body, index) => {
    const answer = await product.post(body);
    answers.set(index, answer);
    return answer;
  });
  return { answers, all: Promise.all(all) };
}

/** The account of a customer whose agreement lives on this shard. */
async function customerOf(product: TestProduct, shard: number): Promise<string> {
  for (;;) {
    const agreement = await product.agree();
    if (agreement.shard === shard) return agreement.accountId ?? "";
  }
}

const booksOf = async ({ id }: TestProduct) =>
  (await json<{ totals: unknown }>(admin("GET", `/v1/conservation?product=${id}`))).totals;

const countedIn = async (answer: Response | undefined) => {
  if (answer === undefined) throw new Error("a request was not answered");
  const { accepted, duplicates } = await json<UsageAnswer>(answer);
  return { status: answer.status, accepted, duplicates };
};

const deadline = { timeout: 20_000 };

describe("a shard that gets more than it can write", () => {
  it("asks producers to slow down, counts nothing of what it refused, and all of what it took", async () => {
    // Given a shard whose disk is slow, and twice as many requests as can wait for it
    const product = await newProduct();
    const customer = (await product.agree()).accountId ?? "";
    expect((await product.post(eventsOf("before", [customer], 1))).status).toBe(202);
    const disk = await stallDisk(product);
    const requests = Array.from({ length: 2 * (WAITING + 1) }, (_, n) =>
      eventsOf(`r${n}`, [customer], n + 2),
    );
    const { answers, all } = flood(product, requests);

    // Then those that cannot wait are refused at once
    await vi.waitUntil(() => answers.size === requests.length - WAITING - 1, deadline);
    const refused = new Set(answers.keys());
    for (const answer of answers.values()) {
      expect(answer.status).toBe(429);
      expect(answer.headers.get("retry-after")).toBe("1");
      expect(await json(answer)).toMatchObject({ code: "overloaded", status: 429 });
    }
    // And the others are counted when the disk has recovered
    await disk.recover();
    await all;
    const taken = [...requests.keys()].filter((index) => !refused.has(index));
    let sum = SIZE;
    for (const index of taken) {
      expect(await countedIn(answers.get(index))).toEqual({ status: 202, accepted: SIZE, duplicates: 0 });
      sum += SIZE * (index + 2);
    }
    const counted = String(sum);
    expect(await booksOf(product)).toMatchObject({ accepted: counted, open: counted, conserved: true });

    // And a retry of all counts what was refused, and nothing else
    for (const [index, request] of requests.entries()) {
      const again = refused.has(index)
        ? { status: 202, accepted: SIZE, duplicates: 0 }
        : { status: 202, accepted: 0, duplicates: SIZE };
      expect(await countedIn(await product.post(request))).toEqual(again);
    }
    const everything = String(SIZE * requests.reduce((total, _, index) => total + index + 2, 1));
    expect(await booksOf(product)).toMatchObject({ accepted: everything, conserved: true });
  });

  it("refuses a request of several shards as a whole, and a retry counts each of its events once", async () => {
    const product = await newProduct({ shards: 2 });
    const [stalled, healthy] = [await customerOf(product, 0), await customerOf(product, 1)];
    expect((await product.post(eventsOf("before", [stalled, healthy], 1))).status).toBe(202);
    const disk = await stallDisk(product);
    const { answers, all } = flood(
      product,
      Array.from({ length: WAITING + 2 }, (_, n) => eventsOf(`r${n}`, [stalled], 1)),
    );
    await vi.waitUntil(() => answers.size === 1, deadline);

    const both = eventsOf("both", [stalled, healthy], 1);
    expect((await product.post(both)).status).toBe(429);
    await disk.recover();
    await all;
    expect(await countedIn(await product.post(both))).toEqual({
      status: 202,
      accepted: SIZE / 2,
      duplicates: SIZE / 2,
    });
    const sum = String(SIZE * (1 + WAITING + 1 + 1));
    expect(await booksOf(product)).toMatchObject({ accepted: sum, conserved: true });
  });
});
