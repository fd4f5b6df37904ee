import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readableOn } from "../../../src/customers/registration/pages/layout.ts";

/** Of one part of a colour, from 0 to 255 (WCAG 2.2, relative luminance). */
function linear(part: number): number {
  const value = part / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

const luminance = ([red, green, blue]: readonly [number, number, number]): number =>
  0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);

/** WCAG 2.2, contrast ratio. */
function contrast(one: number, other: number): number {
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

const part = fc.nat(255);
const anyColor = fc.tuple(part, part, part);

const written = (color: readonly number[]): string =>
  `#${color.map((each) => each.toString(16).padStart(2, "0")).join("")}`;

describe("the text on the seller's colour", () => {
  it("has the contrast that WCAG AA asks for, whatever the colour, and the higher of the two", () => {
    fc.assert(
      fc.property(anyColor, fc.boolean(), (color, isUpperCase) => {
        const text = written(color);
        const chosen = readableOn(isUpperCase ? text.toUpperCase() : text);
        const onWhite = contrast(luminance(color), 1);
        const onBlack = contrast(luminance(color), 0);
        expect(chosen === "#fff" ? onWhite : onBlack).toBe(Math.max(onWhite, onBlack));
        expect(Math.max(onWhite, onBlack)).toBeGreaterThanOrEqual(4.5);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["#000000", "#fff"],
    ["#ffffff", "#000"],
    ["#1f4b99", "#fff"],
    ["#ffee00", "#000"],
    ["#757575", "#fff"],
    ["#767676", "#000"],
  ])("on %s is %s", (color, text) => {
    expect(readableOn(color)).toBe(text);
  });
});
