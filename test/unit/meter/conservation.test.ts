import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { step, Trial } from "./trial.ts";

describe("over any history of posts, duplicates, conflicts, voids, late usage, allowances, sealings, packings, restarts and crashes", () => {
  // oxlint-disable-next-line vitest/expect-expect -- each step of the trial expects
  it("the meter agrees with a reference that keeps every event, and no unit is lost or doubled", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (history) => {
        const trial = new Trial();
        for (const step of history) {
          await trial.take(step);
          trial.expectConserved();
        }
        // A restart would come to the same books, to the last of an account's fields.
        expect(trial.meter.recount()).toEqual([]);
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
