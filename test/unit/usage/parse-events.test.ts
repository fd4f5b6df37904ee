import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatQuantity, parseQuantity } from "../../../src/meter/quantity.ts";
import { parseEvents } from "../../../src/usage/parse-events.ts";

/** What the quantity of an event with this text in its place is read as. */
function reading(source: string): string {
  const event = parseEvents(`{"id": "x", "quantity": ${source}}`) as { quantity: unknown };
  const parsed = parseQuantity(event.quantity);
  return parsed.ok ? formatQuantity(BigInt(parsed.value)) : parsed.problem;
}

describe("a quantity that is a JSON number", () => {
  it("is what the producer wrote, however many digits it has", () => {
    const decimal = fc.stringMatching(/^(0|[1-9]\d{0,14})(\.\d{1,9})?$/);
    fc.assert(
      fc.property(decimal, (source) => {
        const exact = parseQuantity(source);
        expect(reading(source)).toBe(exact.ok ? formatQuantity(BigInt(exact.value)) : exact.problem);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ["10000000.000784001", "10000000.000784001"],
    ["999999999999999.999999999", "999999999999999.999999999"],
    ["123456789012345.6e-3", "123456789012.3456"],
    ["0.30000000000000004", "too_many_decimals"],
    ["9007199254740993", "too_large"],
    ["1e400", "too_large"],
    ["-10000000.000784001", "negative"],
  ])("%s is read as %s", (source, expected) => {
    expect(reading(source)).toBe(expected);
  });

  it("is exact in an array of events, too, and nothing else in an event changes", () => {
    const text =
      '[{"id":"1234567890123456","quantity":10000000.000784001,"tags":{"quantity":10000000.000784001}},{"quantity":1}]';
    expect(parseEvents(text)).toEqual([
      { id: "1234567890123456", quantity: "10000000.000784001", tags: { quantity: 10000000.000784 } },
      { quantity: "1" },
    ]);
  });
});
