import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allocationsOf, apportion, tagSetOf, tagsOf } from "../../../src/meter/allocations.ts";
import { UNIT } from "../../../src/meter/quantity.ts";

const sum = (values: Iterable<bigint>): bigint => [...values].reduce((a, b) => a + b, 0n);

/** Amounts whose sum is at least zero, as an account's open usage and carry are. */
const amounts = fc
  .uniqueArray(fc.string({ maxLength: 4 }), { minLength: 1, maxLength: 8 })
  .chain((sets) =>
    fc
      .array(fc.bigInt({ min: -UNIT + 1n, max: 5n * UNIT }), {
        minLength: sets.length,
        maxLength: sets.length,
      })
      .map((values) => new Map(sets.map((set, index) => [set, values[index] ?? 0n]))),
  )
  .filter((map) => sum(map.values()) >= 0n);

describe("a tag set", () => {
  it("is the same whatever order its tags were posted in", () => {
    expect(tagSetOf({ b: "2", a: "1" })).toBe(tagSetOf({ a: "1", b: "2" }));
  });

  it("is empty for usage without tags", () => {
    expect([tagSetOf(undefined), tagSetOf(null), tagSetOf({})]).toEqual(["", "", ""]);
  });

  it("tells apart what would look the same if it were glued together", () => {
    expect(tagSetOf({ a: "b=c" })).not.toBe(tagSetOf({ "a=b": "c" }));
  });
});

describe("splitting a record's quantity over its tag sets", () => {
  it("gives whole shares that are not negative and add up to the quantity", () => {
    fc.assert(
      fc.property(amounts, (used) => {
        const quantity = sum(used.values()) / UNIT;
        const shares = apportion(quantity, used, UNIT);
        expect(sum(shares.values())).toBe(quantity);
        expect([...shares.values()].every((share) => share >= 0n)).toBe(true);
      }),
    );
  });

  it("rounds nobody up by a unit or more", () => {
    fc.assert(
      fc.property(amounts, (used) => {
        const shares = apportion(sum(used.values()) / UNIT, used, UNIT);
        for (const [set, share] of shares) expect(share * UNIT - (used.get(set) ?? 0n)).toBeLessThan(UNIT);
      }),
    );
  });

  it("gives the units that are left to the largest remainders", () => {
    const used = new Map([
      ["a", 1_400_000_000n],
      ["b", 1_700_000_000n],
      ["c", 900_000_000n],
    ]);
    expect(apportion(4n, used, UNIT)).toEqual(
      new Map([
        ["a", 1n],
        ["b", 2n],
        ["c", 1n],
      ]),
    );
  });
});

describe("the allocations of a record", () => {
  it("are none when no usage was tagged", () => {
    expect(allocationsOf(new Map([["", 5n]]))).toBeNull();
  });

  it("name each tag set once, and the untagged rest last", () => {
    const shares = new Map([
      ["", 1n],
      [tagSetOf({ team: "x" }), 2n],
      [tagSetOf({ team: "y" }), 0n],
    ]);
    expect(allocationsOf(shares)).toEqual([
      { quantity: 2, tags: [["team", "x"]] },
      { quantity: 1, tags: [] },
    ]);
  });

  it("fold what is beyond AWS's 2500 into the untagged rest, so that the sum stays", () => {
    const shares = new Map(Array.from({ length: 3000 }, (_, n) => [tagSetOf({ user: `u${n}` }), 1n]));
    const allocations = allocationsOf(shares) ?? [];
    expect(allocations).toHaveLength(2500);
    expect(allocations.reduce((total, { quantity }) => total + quantity, 0)).toBe(3000);
    expect(allocations.at(-1)).toEqual({ quantity: 501, tags: [] });
  });

  it("stay under AWS's 1 MB however long the tags are", () => {
    const long = (n: number) =>
      Object.fromEntries(
        ["a", "b", "c", "d", "e"].map((key) => [key.padEnd(100, "k"), `${n}`.padEnd(256, "v")]),
      );
    const shares = new Map(Array.from({ length: 2000 }, (_, n) => [tagSetOf(long(n)), 3n]));
    const wire = (allocationsOf(shares) ?? []).map(({ quantity, tags }) => ({
      AllocatedUsageQuantity: quantity,
      Tags: tags.map(([Key, Value]) => ({ Key, Value })),
    }));
    expect(JSON.stringify(wire).length).toBeLessThan(1_000_000);
    expect(wire.reduce((total, allocation) => total + allocation.AllocatedUsageQuantity, 0)).toBe(6000);
  });
});

describe("the order of allocations", () => {
  const set = (team: string) => tagSetOf({ team });

  it("is by share, the largest first, and by the tags of equals", () => {
    const shares = new Map([
      [set("b"), 2n],
      [set("d"), 1n],
      [set("a"), 2n],
      [set("c"), 7n],
    ]);
    const order = () => allocationsOf(shares)?.map(({ quantity, tags }) => [quantity, tags[0]?.[1]]);
    const wanted = [
      [7, "c"],
      [2, "a"],
      [2, "b"],
      [1, "d"],
    ];
    expect(order()).toEqual(wanted);
    const again = [...shares].toReversed();
    shares.clear();
    for (const [key, share] of again) shares.set(key, share);
    expect(order()).toEqual(wanted);
  });

  it("of equal remainders decides for the first of the tags who gets a unit more", () => {
    const half = UNIT / 2n;
    for (const sets of [
      ["a", "b", "c"],
      ["c", "b", "a"],
      ["b", "c", "a"],
    ]) {
      const shares = apportion(1n, new Map(sets.map((team) => [set(team), half])), UNIT);
      expect(shares.get(set("a"))).toBe(1n);
      expect(shares.get(set("b"))).toBe(0n);
    }
  });

  it("gives a unit more to the larger remainder, whatever the tags", () => {
    const used = new Map([
      [set("a"), UNIT / 4n],
      [set("b"), (3n * UNIT) / 4n],
    ]);
    expect(apportion(1n, used, UNIT)).toEqual(
      new Map([
        [set("a"), 0n],
        [set("b"), 1n],
      ]),
    );
  });

  it("has tags in the order of their keys, and none for the empty set", () => {
    expect(tagsOf(tagSetOf({ b: "2", a: "1", c: "3" })).map(([key]) => key)).toEqual(["a", "b", "c"]);
    expect(tagsOf("")).toEqual([]);
  });
});
