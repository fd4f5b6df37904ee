import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { surroundingsOf } from "../../../src/customers/surroundings.ts";
import { answerInTime } from "../../../src/meter/answer-in-time.ts";

const never = new Promise<never>(() => undefined);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a shard that does not answer", () => {
  it("has failed after twenty seconds, by its name", async () => {
    const answer = answerInTime("p:0", never);
    const [end] = await Promise.all([Promise.allSettled([answer]), vi.advanceTimersByTimeAsync(20_000)]);
    expect(end).toEqual([
      { status: "rejected", reason: new Error("shard p:0 has not answered for 20 seconds") },
    ]);
  });

  it("is waited for until then", async () => {
    const slow = new Promise((answer) => setTimeout(() => answer("done"), 19_000));
    const answer = answerInTime("p:0", slow);
    await vi.advanceTimersByTimeAsync(19_000);
    expect(await answer).toBe("done");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is so whatever the customers' work asks of it", async () => {
    const shard = { endAgreements: () => never, conservation: () => never, decide: () => never };
    const env = { DB: {}, METER_SHARD: { getByName: () => shard } } as unknown as Env;
    const { shards } = surroundingsOf(env);
    const asked = Promise.allSettled([
      shards("p:0").endAgreements([]),
      shards("p:0").conservation([]),
      shards("p:0").decide([]),
    ]);
    await vi.advanceTimersByTimeAsync(20_000);
    expect((await asked).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  });
});
