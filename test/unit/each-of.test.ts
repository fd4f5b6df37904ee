import { describe, expect, it } from "vitest";
import { eachOf, faultsOf } from "../../src/each-of.ts";

const never = new Promise<never>(() => undefined);

describe("something that is done for each of many", () => {
  it("and hangs for some takes their places only, not the turn of the others", async () => {
    const done: number[] = [];
    const isDone = Promise.withResolvers<undefined>();
    const work = async (n: number): Promise<void> => {
      if (n % 10 === 3) await never;
      done.push(n);
      if (done.length === 27) isDone.resolve(undefined);
      await Promise.resolve();
    };
    void faultsOf(
      Array.from({ length: 30 }, (_, n) => n),
      work,
      { atOnce: 4 },
    );
    await isDone.promise;
    expect(done).toHaveLength(27);
  });

  it("is done for no more at a time than is said, and one by one when nothing is", async () => {
    const most = async (options?: { atOnce: number }) => {
      let [now, peak] = [0, 0];
      const work = async (): Promise<void> => {
        peak = Math.max(peak, (now += 1));
        await new Promise((resolve) => setImmediate(resolve));
        now -= 1;
      };
      await faultsOf([1, 2, 3, 4, 5, 6, 7], work, options);
      return peak;
    };
    expect([await most(), await most({ atOnce: 3 }), await most({ atOnce: 9 })]).toEqual([1, 3, 7]);
  });

  it("and fails for some is tried for all, and says each failure, also one that is thrown at once", async () => {
    const tried: number[] = [];
    const work = (n: number): Promise<void> => {
      tried.push(n);
      if (n === 1) throw new Error("at once");
      return n === 2 ? Promise.reject(new Error("later")) : Promise.resolve();
    };
    expect(await faultsOf([0, 1, 2, 3], work)).toEqual([new Error("at once"), new Error("later")]);
    await expect(eachOf([0, 1, 2, 3], work)).rejects.toThrow("at once");
    expect(tried).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  });
});
