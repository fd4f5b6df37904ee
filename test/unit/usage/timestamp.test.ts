import { describe, expect, it } from "vitest";
import { parseTimestamp } from "../../../src/usage/timestamp.ts";

const iso = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());

describe("a timestamp", () => {
  it.each([
    ["2026-11-23T10:15:00Z", "2026-11-23T10:15:00.000Z"],
    ["2026-11-23t10:15:00z", "2026-11-23T10:15:00.000Z"],
    ["2026-11-23 10:15:00Z", "2026-11-23T10:15:00.000Z"],
    ["2026-11-23T10:15:00.123Z", "2026-11-23T10:15:00.123Z"],
    ["2026-11-23T10:59:59.999999999Z", "2026-11-23T10:59:59.999Z"],
    ["2026-11-23T10:15:00+02:00", "2026-11-23T08:15:00.000Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    [1_795_428_672, "2026-11-23T10:11:12.000Z"],
    [1_795_428_672.5, "2026-11-23T10:11:12.500Z"],
    ["1795428672", "2026-11-23T10:11:12.000Z"],
    [0, "1970-01-01T00:00:00.000Z"],
  ])("given as %j is %s", (input, expected) => {
    expect(iso(parseTimestamp(input))).toBe(expected);
  });

  it.each([
    ["without an offset", "2026-11-23T10:15:00"],
    ["of a date alone", "2026-11-23"],
    ["of a day that is not in the calendar", "2026-02-30T00:00:00Z"],
    ["of a 25th hour", "2026-11-23T25:00:00Z"],
    ["in milliseconds", 1_795_428_672_000],
    ["below zero", -1],
    ["that is text", "now"],
    ["that is empty", ""],
    ["that is not a number", Number.NaN],
    ["that is a boolean", true],
    ["that is an object", {}],
  ])("%s is refused", (_what, input) => {
    expect(parseTimestamp(input)).toBeNull();
  });
});
