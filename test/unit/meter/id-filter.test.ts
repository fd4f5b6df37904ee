import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fingerprinter } from "../../../src/meter/fingerprint.ts";
import { IdFilter, MERGED_RUNS, prefixOf } from "../../../src/meter/id-filter.ts";
import { RunIds } from "../../../src/meter/run-ids.ts";

const run = (number: number, fingerprints: readonly number[]) => ({
  number,
  prefixes: Uint32Array.from(
    fingerprints.toSorted((a, b) => a - b),
    prefixOf,
  ),
});

const RUN_SIZE = 65_000;

/** A run of usual size. */
function fullRun(number: number) {
  const print = fingerprinter(`agr_${number}`);
  return run(
    number,
    Array.from({ length: RUN_SIZE }, (_, n) => print(`id-${n}`)),
  );
}

/** How often a filter says "maybe" to ids that are in none of its runs. */
function falseCandidates(filter: IdFilter | null, ids: number): number {
  const print = fingerprinter("agr_of nobody");
  let maybe = 0;
  for (let n = 0; n < ids; n++) if (filter?.candidates(print(`other-${n}`)).length !== 0) maybe += 1;
  return maybe;
}

const fingerprint = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 52 - 1 }),
  fc.constantFrom(0, 1, 2 ** 51, 2 ** 52 - 1),
);

describe("a filter of ids", () => {
  it("names the run of every fingerprint in it, alone and merged", () => {
    const runs = fc.array(fc.array(fingerprint, { minLength: 1, maxLength: 50 }), {
      minLength: 1,
      maxLength: MERGED_RUNS,
    });
    fc.assert(
      fc.property(runs, (values) => {
        const members = values.map((fingerprints, number) => run(number, fingerprints));
        const singles = members.map((member) => IdFilter.of([member]));
        const filter = IdFilter.of(singles.flatMap((single) => single?.members() ?? []));
        for (const [number, fingerprints] of values.entries()) {
          for (const value of fingerprints) {
            expect(singles[number]?.candidates(value)).toEqual([number]);
            expect(filter?.candidates(value)).toContain(number);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it("says of nearly all ids that are not in it that they are not, and takes 20 bits an id", () => {
    const filter = IdFilter.of([fullRun(1)]);
    // 4 in 65 536 by construction: 12 of these.
    expect(falseCandidates(filter, 200_000)).toBeLessThan(40);
    expect(((filter?.bytes ?? Infinity) / RUN_SIZE) * 8).toBeLessThan(20.1);
  });

  it("does so for sixteen runs, too, so that five million ids fit 13 MB", () => {
    const filter = IdFilter.of(Array.from({ length: MERGED_RUNS }, (_, number) => fullRun(number)));
    // 4 in 4096 by construction: 98 of these.
    expect(falseCandidates(filter, 100_000)).toBeLessThan(200);
    expect(((filter?.bytes ?? Infinity) / (MERGED_RUNS * RUN_SIZE)) * 5_000_000).toBeLessThan(13_000_000);
  });

  it("gives up when ids are so unevenly spread that its offsets do not reach; such runs are each looked at", () => {
    const same = Array.from({ length: 70_000 }, (_, n) => n);
    expect(IdFilter.of([run(1, same)])).toBeNull();
    const ids = new RunIds([1, 2].map((number) => ({ ...run(number, same), firsts: [0] })));
    const looked: number[] = [];
    const look = (number: number) => {
      looked.push(number);
      return null;
    };
    ids.find(7, look);
    expect(looked).toEqual([1, 2]);
    ids.forget(new Set([1]));
    ids.find(7, look);
    expect(looked).toEqual([1, 2, 2]);
  });
});

describe("packed runs", () => {
  it("are looked through where the fingerprint may be, on both sides of a block's end", () => {
    const ids = new RunIds([{ ...run(3, [1, 5, 5, 9]), firsts: [1, 5] }]);
    const looked: number[] = [];
    ids.find(5, (_run, block) => {
      looked.push(block);
      return null;
    });
    expect(looked).toEqual([1, 0]);
  });

  it("are forgotten one by one, though their filters are merged", () => {
    const values = Array.from({ length: MERGED_RUNS + 1 }, (_, number) => number * 2 ** 40);
    const ids = new RunIds(values.map((value, number) => ({ ...run(number, [value]), firsts: [value] })));
    const has = (number: number) =>
      ids.find(values[number] ?? 0, (found) => (found === number ? true : null));
    ids.forget(new Set([0, 16]));
    expect([0, 1, 15, 16].map(has)).toEqual([null, true, true, null]);
  });
});
