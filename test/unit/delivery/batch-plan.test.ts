import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planBatches } from "../../../src/delivery/batch-plan.ts";
import type { DueRecord } from "../../../src/delivery/due-records.ts";

const record = (n: number, overrides: Partial<DueRecord> = {}): DueRecord => ({
  id: String(n),
  productId: "a",
  productCode: null,
  agreementId: "agr",
  dimension: "api",
  bytes: 200,
  isUrgent: false,
  ...overrides,
});

const sizes = (batches: readonly (readonly DueRecord[])[]) => batches.map(({ length }) => length);

describe("the plan of calls", () => {
  it("fills calls of 25, in order", () => {
    const due = Array.from({ length: 60 }, (_, n) => record(n));
    const batches = planBatches(due, false);
    expect(sizes(batches)).toEqual([25, 25, 10]);
    expect(batches.flat()).toEqual(due);
  });

  it("leaves a call that is not full for later when more waits, unless no call is full", () => {
    const due = Array.from({ length: 60 }, (_, n) => record(n));
    expect(sizes(planBatches(due, true))).toEqual([25, 25]);
    expect(sizes(planBatches(due.slice(0, 10), true))).toEqual([10]);
    expect(sizes(planBatches(due.slice(0, 50), true))).toEqual([25, 25]);
  });

  it("leaves no call with an urgent record for later, however many wait", () => {
    const due = [
      record(1, { productId: "b", isUrgent: true }),
      ...Array.from({ length: 30 }, (_, n) => record(n + 2)),
    ];
    expect(sizes(planBatches(due, true))).toEqual([1, 25]);
  });

  it("has one product in a call, and none with a ProductCode beside one without", () => {
    const due = [
      record(1),
      record(2, { productId: "b" }),
      record(3, { productCode: "a" }),
      record(4),
      record(5, { productId: "b" }),
    ];
    const ids = planBatches(due, false).map((batch) => batch.map(({ id }) => id));
    expect(ids).toEqual([["1", "4"], ["2", "5"], ["3"]]);
  });

  it("keeps a call under 1 MB, and sends what is larger alone", () => {
    const due = [
      record(1, { bytes: 500_000 }),
      record(2, { bytes: 490_000 }),
      record(3),
      record(4, { bytes: 2e6 }),
    ];
    expect(sizes(planBatches(due, false))).toEqual([2, 1, 1]);
  });

  it("plans each record once, takes ceil(n / 25) calls a product, and puts no record before a more urgent one of its product", () => {
    const product = fc.constantFrom("a", "b", "c");
    fc.assert(
      fc.property(fc.array(product, { maxLength: 200 }), (products) => {
        const due = products.map((productId, n) => record(n, { productId }));
        const batches = planBatches(due, false);
        const byProduct = Map.groupBy(batches, ([first]) => first?.productId);
        for (const [id, own] of byProduct) {
          const wanted = due.filter(({ productId }) => productId === id);
          expect(own.flat()).toEqual(wanted);
          expect(own).toHaveLength(Math.ceil(wanted.length / 25));
        }
        expect(batches.flat()).toHaveLength(due.length);
      }),
    );
  });
});
