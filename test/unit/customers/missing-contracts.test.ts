import { describe, expect, it } from "vitest";
import { isUnknown, toldTerms, type KnownTerms } from "../../../src/customers/contracts/terms.ts";
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
      "is not known for six hours more, when nobody could ask meanwhile",
      [
        missing,
        ...[7, 12.9].map((hours) => ({
          now: early + hours * HOUR,
          nothing: true as const,
          silentFor: hours === 7 ? 6.5 * HOUR : MINUTE,
        })),
      ],
      [[start, hour, "10"]],
      true,
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

  it("at its end leaves what follows unknown, too, when it is asked for long after", () => {
    expect(isUnknown(after([first, { now: end + DAY, nothing: true }]))).toBe(true);
  });

  it("draws on the same period when it is back, of which it had nothing", () => {
    const lacking = after([first, missing, { now: early + 7 * HOUR, nothing: true }]);
    const terms = toldTerms(lacking, { per: "term", isEnded: false });
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

describe("a part of a contract that AWS's answers lack", () => {
  const middle = Date.parse("2026-06-01T00:00:00Z");
  const now = start + 2 * DAY;
  const both = [
    { until: middle, quantity: "15" },
    { until: end, quantity: "5" },
  ];
  const bought: Answer = { now: start + DAY, steps: both };
  const lacking = (hours: number, rest: Partial<Answer> = {}): Answer => ({
    now: now + hours * HOUR,
    until: middle,
    ...rest,
  });
  const all = told([bought]);

  it.each<[string, Partial<Answer>]>([
    ["one of its entitlements", {}],
    [
      "some of its quantity",
      {
        steps: [
          { until: middle, quantity: "14" },
          { until: end, quantity: "5" },
        ],
      },
    ],
    [
      "some of a later quantity",
      {
        steps: [
          { until: middle, quantity: "15" },
          { until: end, quantity: "4" },
        ],
      },
    ],
    [
      "some of its time",
      {
        steps: [
          { until: middle, quantity: "15" },
          { until: end - DAY, quantity: "5" },
        ],
      },
    ],
  ])("is %s, which is not known for six hours", (_what, rest) => {
    for (const answers of [[lacking(0, rest)], [lacking(0, rest), lacking(5.9, rest)]]) {
      expect(told([bought, ...answers])).toEqual([[start, now, "15"]]);
      expect(isUnknown(after([bought, ...answers]))).toBe(true);
      expect(told([bought, ...answers, { now: now + 5.95 * HOUR, steps: both }])).toEqual(all);
    }
    expect(isUnknown(after([bought, lacking(0, rest), lacking(6, rest)]))).toBe(false);
  });

  it("is gone when AWS has said so for six hours", () => {
    expect(told([bought, lacking(0), lacking(6)])).toEqual([[start, middle, "10"]]);
  });

  it("is counted anew when more is lacking, or when nobody could ask", () => {
    const nothing: Answer = { now: now + 3 * HOUR, nothing: true };
    expect(isUnknown(after([bought, lacking(0), nothing, { ...nothing, now: now + 6 * HOUR }]))).toBe(true);
    expect(isUnknown(after([bought, lacking(0), lacking(6, { silentFor: 5 * HOUR })]))).toBe(true);
    // When less is lacking, AWS has said no more than that all the time.
    expect(told([bought, { ...nothing, now }, lacking(6)])).toEqual([[start, middle, "10"]]);
  });

  it("was in force when its agreement ends", () => {
    expect(told([bought, lacking(0)], true)).toEqual([
      [start, middle, "15"],
      [middle, null, "5"],
    ]);
  });

  it("is none when all of it begins anew", () => {
    const renewed: Answer = { now: early + DAY, until: nextEnd, quantity: "1", of: { termStartsAt: early } };
    expect(told([first, renewed]).at(-1)).toEqual([early, nextEnd, "1"]);
    expect(told([first, { now: end, until: nextEnd, quantity: "1" }]).at(-1)).toEqual([end, nextEnd, "1"]);
  });

  it("is none when AWS names an end where it named none", () => {
    expect(
      told([
        { now: start + DAY, until: null },
        { now: early, until: end },
      ]),
    ).toEqual([whole]);
  });
});

describe("what a contract includes since a customer's return", () => {
  const back = end - 90 * DAY;
  const of = { returnedAt: back };
  const before = after([first]);
  const awaited: KnownTerms = {
    ...before,
    gap: { kind: "awaited", since: back, emptySince: null, began: null },
  };
  const tell = (known: KnownTerms, isEnded = false) => toldTerms(known, { per: "term", isEnded });
  const empty = (hours: number): Answer => ({ now: back + hours * HOUR, nothing: true, of });

  it.each([
    ["until AWS has answered", []],
    ["by an empty answer", [empty(1)]],
    ["by empty answers of less than six hours", [empty(1), empty(6.9)]],
    ["by the first empty answer, though the return is heard of late", [empty(30)]],
  ])("is not known %s, and not when the agreement ends before that", (_when, answers) => {
    const known = after(answers, awaited);
    expect(isUnknown(known)).toBe(true);
    for (const isEnded of [false, true])
      expect(tell(known, isEnded)).toMatchObject([{ since: start, until: back }]);
  });

  it("is nothing when AWS knows of none for long, and is one term with what AWS knows later", () => {
    const nothing = after([empty(1), empty(7)], awaited);
    expect(tell(nothing)).toMatchObject([{ until: back }, { since: back, until: null, quantity: "0" }]);
    const known = after([{ now: back + 2 * DAY, until: nextEnd, of }], nothing);
    expect(tell(known)).toMatchObject([{ until: back }, { since: back, until: nextEnd, quantity: "10" }]);
    expect(tell(known).at(-1)?.began).toBe(tell(nothing).at(-1)?.began);
  });

  it("is what it was when AWS has the same end", () => {
    expect(after([{ now: back + HOUR, until: end, of }], awaited).terms).toEqual(before.terms);
  });

  it("is what AWS says first, though it is less", () => {
    const less: Answer = { now: back + HOUR, until: end, quantity: "7", of };
    expect(isUnknown(after([less], awaited))).toBe(false);
  });
});

describe("a dimension that contracts include nothing of", () => {
  it("is known to include nothing, whatever was known", () => {
    const terms = toldTerms(after([first]), { per: null, isEnded: false });
    expect(terms).toMatchObject([{ since: 0, until: null, quantity: "0" }]);
  });

  it("and then something again is not known until AWS has answered", () => {
    const known = after([first]);
    const again: KnownTerms = { ...known, gap: { kind: "awaited", since: 0, emptySince: null, began: null } };
    expect(toldTerms(again, { per: "term", isEnded: false })).toEqual([]);
    expect(isUnknown(after([{ now: early, nothing: true }], again))).toBe(true);
    expect(after([{ now: early, until: end }], again).terms).toEqual(known.terms);
    // Of another of the contract's dimensions less may be included.
    expect(isUnknown(after([{ now: early, until: end, quantity: "7" }], again))).toBe(false);
    const lacking = after(
      [early, early + 6 * HOUR].map((now) => ({ now, nothing: true })),
      again,
    );
    expect(toldTerms(lacking, { per: "term", isEnded: false })).toMatchObject([{ since: 0, quantity: "0" }]);
  });
});
