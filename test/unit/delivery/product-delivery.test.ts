import { describe, expect, it } from "vitest";
import {
  afterFault,
  afterSuccess,
  afterWrongSetting,
  noDelivery,
} from "../../../src/delivery/product-delivery.ts";
import { failing } from "./queue.ts";

const MINUTE = 60_000;
const now = 1_000_000;

function errorOf(kind: "access-denied" | "timeout") {
  const outcome = failing(kind);
  if (outcome.ok) throw new Error("it is an error");
  return outcome.error;
}

describe("how the delivery of a product goes", () => {
  it("knows nothing before the first call", () => {
    expect(noDelivery("a")).toEqual({
      productId: "a",
      lastSuccessAt: null,
      failures: 0,
      notBefore: 0,
      pausedAt: null,
      errorCode: null,
      errorDetail: null,
    });
  });

  it.each([
    [0, 1001],
    [1, 2001],
    [3, 8001],
    [9, 512_001],
    [10, 600_001],
    [60, 600_001],
  ])("waits after %i failures up to %i ms, at random, after a passing fault", (failures, longest) => {
    const before = { ...noDelivery("a"), failures, lastSuccessAt: 7 };
    const after = (random: number) =>
      afterFault(before, errorOf("timeout"), { time: now, random: () => random });
    expect(after(1).notBefore - now).toBe(longest);
    expect(after(0).notBefore - now).toBe(1);
    expect(after(0)).toMatchObject({
      productId: "a",
      failures: failures + 1,
      lastSuccessAt: 7,
      pausedAt: null,
      errorCode: "timeout",
      errorDetail: "timeout",
    });
  });

  it("pauses since the first of its wrong settings, and is tried each five minutes", () => {
    const first = afterWrongSetting(noDelivery("a"), errorOf("access-denied"), now);
    expect(first).toMatchObject({ pausedAt: now, notBefore: now + 5 * MINUTE, failures: 1 });
    const second = afterWrongSetting(first, errorOf("access-denied"), now + 5 * MINUTE);
    expect(second).toMatchObject({ pausedAt: now, notBefore: now + 10 * MINUTE, failures: 2 });
    expect(second.errorCode).toBe("access-denied");
  });

  it("is as new after a success, but for its time", () => {
    const ill = afterWrongSetting(noDelivery("a"), errorOf("access-denied"), now);
    expect(afterSuccess(ill, now + 1)).toEqual({ ...noDelivery("a"), lastSuccessAt: now + 1 });
  });
});
