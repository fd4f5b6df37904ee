import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { agreements, allowing, bought, step, termsOf, Trial, type Allowing, type Step } from "./trial.ts";

/** Of one period each; in a month that has begun by one quantity it depends on the order what another one adds. */
const alike = (told: readonly Allowing[]): Allowing[] =>
  told.map((term) => {
    const { per, quantity } = told[0] ?? term;
    return { ...term, per, quantity: per === "month" ? quantity : term.quantity };
  });

/** The same, with usage of the contract's dimension only. */
const ofContract = (step: Step): Step =>
  step.kind === "post"
    ? {
        ...step,
        events: step.events.map((event) => ("voids" in event ? event : { ...event, dimension: bought })),
      }
    : step;

describe("over any history of usage that another hour bills, is taken back, or comes back in records", () => {
  it("what a contract includes is withheld, all of it and no more, by the hours in which it was used", async () => {
    const histories = fc.array(step.filter(({ kind }) => kind !== "allow").map(ofContract), {
      maxLength: 60,
      size: "max",
    });
    const contract = fc.record({
      terms: fc.array(allowing, { minLength: 1, maxLength: 3 }).map(alike).map(termsOf),
      /** It is known from this step on: hours that are over wait for it. */
      toldAt: fc.nat(30),
    });
    await fc.assert(
      fc.asyncProperty(histories, contract, async (history, { terms, toldAt }) => {
        const trial = new Trial();
        for (const [index, step] of history.entries()) {
          if (index === toldAt)
            for (const agreement of agreements) await trial.tell(agreement, bought, terms);
          await trial.take(step);
          trial.expectConserved();
        }
        for (const agreement of agreements) await trial.tell(agreement, bought, terms);
        trial.finish();
        for (const { agreement, dimension, withheld } of trial.meter.balances(agreements)) {
          if (dimension !== bought.name) continue;
          if (terms[0]?.per === "hour" && trial.voidedLate.has(agreement)) continue;
          expect(withheld).toBe(trial.reference.included(agreement, dimension, terms));
        }
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
