import { describe, expect, it } from "vitest";
import { simulate } from "./simulation.ts";

/** Seeds that once broke a promise, with the hours that it took. */
const REGRESSIONS: readonly (readonly [seed: number, hours: number])[] = [];

describe("the gateway in a world where everything goes wrong", () => {
  it.each(Array.from({ length: 10 }, (_, tens) => tens * 20))(
    "loses nothing and bills nothing twice, with the 20 seeds from %i on",
    async (from) => {
      let delivered = 0;
      for (let seed = from; seed < from + 20; seed++) {
        const outcome = await simulate(seed, 12);
        expect(outcome).toMatchObject({ seed, lost: 0, doubled: 0 });
        delivered += outcome.delivered;
      }
      expect(delivered).toBeGreaterThan(100);
    },
  );

  it.each(REGRESSIONS)("keeps its promises with seed %i, which has once broken one", async (seed, hours) => {
    expect(await simulate(seed, hours)).toMatchObject({ lost: 0, doubled: 0 });
  });

  it("goes the same way again for the same seed", async () => {
    const first = await simulate(7, 24);
    expect(first.faults).toBeGreaterThan(10);
    expect(await simulate(7, 24)).toEqual(first);
  });
});
