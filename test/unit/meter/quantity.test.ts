import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatQuantity,
  jsonNano,
  MAX_EVENT_QUANTITY,
  nanoOf,
  parseQuantity,
} from "../../../src/meter/quantity.ts";

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

describe("a quantity as text", () => {
  it.each([
    [0n, "0"],
    [1n, "0.000000001"],
    [-1n, "-0.000000001"],
    [-250_000_000n, "-0.25"],
    [12_000_000_000n, "12"],
    [-12_500_000_000n, "-12.5"],
  ])("of %s billionths is %s, and is read back", (nano, text) => {
    expect(formatQuantity(nano)).toBe(text);
    expect(nanoOf(text)).toBe(nano);
  });

  it("is read back whatever it is", () => {
    fc.assert(
      fc.property(fc.bigInt(), (nano) => {
        expect(nanoOf(formatQuantity(nano))).toBe(nano);
        expect(BigInt(jsonNano(nano))).toBe(nano);
      }),
    );
  });

  it("is a number in JSON only while a double has all of it", () => {
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    expect([jsonNano(most), jsonNano(-most)]).toEqual([Number(most), Number(-most)]);
    expect([jsonNano(most + 1n), jsonNano(-most - 1n)]).toEqual([String(most + 1n), String(-most - 1n)]);
  });

  it("is taken up to 10^15 units, and not with more zeros than anything has", () => {
    expect(parseQuantity("1e15")).toEqual({ ok: true, value: jsonNano(MAX_EVENT_QUANTITY) });
    expect(parseQuantity("1000000000000000.000000001")).toEqual({ ok: false, problem: "too_large" });
    expect(parseQuantity("1e999")).toEqual({ ok: false, problem: "too_large" });
    expect(parseQuantity(0)).toEqual({ ok: true, value: 0 });
  });
});
