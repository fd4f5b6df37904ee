import { describe, expect, it } from "vitest";
import { isUnknown, toldTerms, type Known } from "../../../src/customers/contracts/terms.ts";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { after, DAY, early, end, first, nextEnd, start, told, whole, type Answer } from "./answers.ts";

describe("a contract that AWS's answers lack", () => {
  const missing: Answer = { now: early + 10 * MINUTE, nothing: true };
  const hour = early + HOUR;
  const known: [string, Answer[], (number | string | null)[][], boolean][] = [
    ["is not known from the next hour on", [missing], [[start, hour, "10"]], true],
    [
      "is not known for six hours",
      [missing, { now: early + 6 * HOUR, nothing: true }],
      [[start, hour, "10"]],
      true,
    ],
    [
      "is taken to include nothing since, once six hours are over",
      [missing, { now: early + 7 * HOUR, nothing: true }],
      [
        [start, hour, "10"],
        [hour, null, "0"],
      ],
      false,
    ],
    [
      "counts as never missing when AWS lists it again within six hours",
      [missing, { now: early + 2 * HOUR, until: end }],
      [whole],
      false,
    ],
    [
      "counts as never missing when AWS lists it again later",
      [missing, { now: early + 7 * HOUR, nothing: true }, { now: early + 8 * HOUR, until: end }],
      [whole],
      false,
    ],
    [
      "has begun its next term at its end when AWS lists it again after that",
      [missing, { now: early + 7 * HOUR, nothing: true }, { now: end + HOUR, until: nextEnd }],
      [whole, [end, nextEnd, "10"]],
      false,
    ],
  ];
  it.each(known)("%s", (_what, answers, terms, waits) => {
    expect(told([first, ...answers])).toEqual(terms);
    expect(isUnknown(after([first, ...answers]))).toBe(waits);
  });

  it("at its end leaves what follows unknown for six hours, and then nothing is", () => {
    const over: Answer = { now: end, nothing: true };
    expect(told([first, over])).toEqual([whole]);
    expect(isUnknown(after([first, over]))).toBe(true);
    expect(told([first, over, { now: end + HOUR, until: nextEnd }])).toEqual([whole, [end, nextEnd, "10"]]);
    const given = [first, over, { now: end + 6 * HOUR, nothing: true }] as const;
    expect(told(given)).toEqual([whole, [end, null, "0"]]);
    expect(told([...given, { now: end + DAY, until: nextEnd }])).toEqual([whole, [end, nextEnd, "10"]]);
  });

  it("draws on the same period when it is back, of which it had nothing", () => {
    const lacking = after([first, missing, { now: early + 7 * HOUR, nothing: true }]);
    const terms = lacking === null ? [] : toldTerms(lacking, { per: "term", isEnded: false });
    expect(terms.map(({ began }) => began)).toEqual([start, start]);
  });

  it("when its agreement ends, was in force until then", () => {
    expect(told([first, missing], true)).toEqual([[start, null, "10"]]);
    expect(told([first, { now: end, nothing: true }], true)).toEqual([[start, null, "10"]]);
    const given = [first, missing, { now: early + 7 * HOUR, nothing: true }] as const;
    expect(told(given, true)).toEqual([
      [start, hour, "10"],
      [hour, null, "0"],
    ]);
  });
});

describe("what a contract includes since a customer's return", () => {
  const back = end - 90 * DAY;
  const of = { returnedAt: back };
  const before = after([first]);
  const awaited = before === null ? null : { ...before, unknownSince: back };
  const tell = (known: Known | null, isEnded = false) =>
    known === null ? [] : toldTerms(known, { per: "term", isEnded });

  it("is not known until AWS has answered, and not when the agreement ends before that", () => {
    const empty: Answer = { now: back + HOUR, nothing: true, isAwaited: true, of };
    for (const known of [awaited, after([empty], awaited)]) {
      expect(isUnknown(known)).toBe(true);
      for (const isEnded of [false, true])
        expect(tell(known, isEnded)).toMatchObject([{ since: start, until: back }]);
    }
  });

  it("is nothing when AWS knows of none for long, and is one term with what AWS knows later", () => {
    const nothing = after([{ now: back + DAY, nothing: true, of }], awaited);
    expect(tell(nothing)).toMatchObject([{ until: back }, { since: back, until: null, quantity: "0" }]);
    const known = after([{ now: back + 2 * DAY, until: nextEnd, of }], nothing);
    expect(tell(known)).toMatchObject([{ until: back }, { since: back, until: nextEnd, quantity: "10" }]);
    expect(tell(known).at(-1)?.began).toBe(tell(nothing).at(-1)?.began);
  });

  it("is what it was when AWS has the same end", () => {
    expect(after([{ now: back + HOUR, until: end, of }], awaited)?.terms).toEqual(before?.terms);
  });
});

describe("a dimension that contracts include nothing of", () => {
  it("is known to include nothing, whatever was known", () => {
    const known = after([first]);
    const terms = known === null ? [] : toldTerms(known, { per: null, isEnded: false });
    expect(terms).toMatchObject([{ since: 0, until: null, quantity: "0" }]);
  });

  it("and then something again is not known until AWS has answered", () => {
    const known = after([first]);
    const again = known === null ? null : { ...known, unknownSince: 0 };
    expect(again === null ? null : toldTerms(again, { per: "term", isEnded: false })).toEqual([]);
    expect(isUnknown(after([{ now: early, nothing: true }], again))).toBe(true);
    expect(after([{ now: early, until: end }], again)?.terms).toEqual(known?.terms);
    const lacking = after(
      [early, early + 6 * HOUR].map((now) => ({ now, nothing: true })),
      again,
    );
    expect(lacking === null ? [] : toldTerms(lacking, { per: "term", isEnded: false })).toMatchObject([
      { since: 0, quantity: "0" },
    ]);
  });
});
