import { describe, expect, it } from "vitest";
import { jsonRows } from "../../../src/meter/json-rows.ts";

const bytes = (text: string): number => new TextEncoder().encode(text).byteLength;

describe("rows of JSON", () => {
  it.each([
    ["one byte a character", "x"],
    ["three bytes a character", "水"],
  ])("stay below the 2 MB that a value may have, at %s, and lose nothing", (_what, character) => {
    const items = Array.from({ length: 60 }, (_, n) => character.repeat(70_000 + n));
    const rows = [...jsonRows(items)];
    expect(Math.max(...rows.map(({ json }) => bytes(json)))).toBeLessThan(2_000_000);
    expect(rows.flatMap(({ json }) => JSON.parse(json) as string[])).toEqual(items);
    expect(rows.length).toBeGreaterThan(1);
  });

  it("hold as many items as they may, and each says which is its first", () => {
    const rows = [...jsonRows([1, 2, 3, 4, 5], { maxItems: 2 })];
    expect(rows).toEqual([
      { first: 1, json: "[1,2]" },
      { first: 3, json: "[3,4]" },
      { first: 5, json: "[5]" },
    ]);
  });

  it("end where they have been given enough text, unless one item alone has more", () => {
    const rows = [...jsonRows(["aaaa", "bbbbbbbbbbbbbbbb", "cc"], { maxUnits: 10 })];
    expect(rows.map(({ json }) => json)).toEqual(['["aaaa"]', '["bbbbbbbbbbbbbbbb"]', '["cc"]']);
  });

  it("are none for nothing", () => {
    expect([...jsonRows([])]).toEqual([]);
  });
});
