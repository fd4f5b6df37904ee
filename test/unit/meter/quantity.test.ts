import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatQuantity, jsonNano, MAX_EVENT_QUANTITY, parseQuantity } from "../../../src/meter/quantity.ts";

/** What a quantity is read as: its exact decimal, or why it is refused. */
function reading(input: unknown): string {
  const parsed = parseQuantity(input);
  return parsed.ok ? formatQuantity(BigInt(parsed.value)) : parsed.problem;
}

describe("a quantity", () => {
  it.each([
    [0, "0"],
    [5, "5"],
    [0.1, "0.1"],
    [1e-9, "0.000000001"],
    [1.5e3, "1500"],
    [999_999_999_999_999, "999999999999999"],
    ["0.123456789", "0.123456789"],
    ["007.50", "7.5"],
    ["1E+3", "1000"],
    ["0e99", "0"],
    ["-0", "0"],
    ["0.1000000000000", "0.1"],
    ["123456789012345.123456789", "123456789012345.123456789"],
  ])("given as %j is exactly %s", (input, exact) => {
    expect(reading(input)).toBe(exact);
  });

  it.each([
    [-1, "negative"],
    ["-0.000000001", "negative"],
    ["0.0000000001", "too_many_decimals"],
    [1e-10, "too_many_decimals"],
    [0.1 + 0.2, "too_many_decimals"],
    ["1000000000000001", "too_large"],
    [1e16, "too_large"],
    ["1e999", "too_large"],
    [Number.NaN, "not_a_number"],
    [Number.POSITIVE_INFINITY, "too_large"],
    ["", "not_a_number"],
    [" 1", "not_a_number"],
    ["1,5", "not_a_number"],
    ["0x10", "not_a_number"],
    ["1.", "not_a_number"],
    ["NaN", "not_a_number"],
    [true, "not_a_number"],
    [null, "not_a_number"],
    [[1], "not_a_number"],
    [{}, "not_a_number"],
  ])("given as %j is refused: %s", (input, problem) => {
    expect(reading(input)).toBe(problem);
  });

  it("given as a decimal string of up to nine places, is read and written without loss", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: MAX_EVENT_QUANTITY }), (nano) => {
        expect(parseQuantity(formatQuantity(nano))).toEqual({ ok: true, value: jsonNano(nano) });
      }),
    );
  });
});
