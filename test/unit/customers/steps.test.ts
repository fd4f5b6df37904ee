import { describe, expect, it } from "vitest";
import { nextTerm } from "../../../src/customers/contracts/allowances.ts";
import { totalsByDimension, stepsOf } from "../../../src/customers/contracts/steps.ts";
import { UNREAD, withAnswer, type KnownTerms } from "../../../src/customers/contracts/terms.ts";
import { HOUR } from "../../../src/meter/hours.ts";
import { UNIT } from "../../../src/meter/quantity.ts";

const DAY = 24 * HOUR;
const start = Date.parse("2026-01-01T00:00:00Z");
const middle = Date.parse("2026-07-01T00:00:00Z");
const end = Date.parse("2027-01-01T00:00:00Z");

const part = (value: number | boolean | string, expiresAt: number | null) => ({
  dimension: "calls",
  value,
  expiresAt,
});
const units = (count: bigint) => (count * UNIT).toString();

describe("entitlements of one dimension", () => {
  it("add up, and as one ends, the others are left", () => {
    expect(stepsOf([part(10, end), part(5, middle)], 1)).toEqual([
      { until: middle, quantity: units(15n) },
      { until: end, quantity: units(10n) },
    ]);
    expect(stepsOf([part(10, null), part(5, middle), part(1, middle)], 1)).toEqual([
      { until: middle, quantity: units(16n) },
      { until: null, quantity: units(10n) },
    ]);
  });

  it("are whole units, and what is no number includes none and ends with the others", () => {
    expect(stepsOf([part(2.5, end), part(2.5, end), part(true, middle)], 10)).toEqual([
      { until: end, quantity: units(50n) },
    ]);
    expect(stepsOf([part("unlimited", end), part(-1, end)], 1)).toEqual([{ until: end, quantity: "0" }]);
    expect(stepsOf([], 1)).toEqual([]);
  });

  it("are shown as their sum, which ends with the first of them", () => {
    expect(totalsByDimension([part(10, end), part(5, middle), { ...part(1, null), dimension: "a" }])).toEqual(
      [
        { dimension: "a", value: 1, expiresAt: null },
        { dimension: "calls", value: 15, expiresAt: middle },
      ],
    );
  });

  it("are one term, of which less is included from the first end on", () => {
    const agreement = {
      registeredAt: start,
      activatedAt: start,
      startsAt: start,
      termStartsAt: start,
      returnedAt: null,
    };
    const hear = (known: KnownTerms, parts: Parameters<typeof stepsOf>[0], now: number) =>
      withAnswer(known, { steps: stepsOf(parts, 1), per: "hour" }, { agreement, now, previousAt: null });
    const both = [part(10, end), part(5, middle)];
    const known = hear(UNREAD, both, start + DAY);
    const term = { per: "hour", began: start };
    expect(known.terms).toEqual([
      { ...term, since: start, until: middle, quantity: units(15n) },
      { ...term, since: middle, until: end, quantity: units(10n) },
    ]);
    expect(hear(known, both, start + 2 * DAY)).toEqual(known);
    expect(hear(known, [part(10, end)], middle)).toEqual(known);
    // An amendment counts for what is left of the term.
    expect(hear(known, [part(12, end)], middle).terms.map(({ quantity }) => quantity)).toEqual([
      units(15n),
      units(12n),
    ]);
  });
});

describe("the next reading of a contract", () => {
  const allowance = (until: number | null) => {
    const term = { since: start, until, quantity: "1", per: "term", began: start } as const;
    return { dimension: "d", terms: [term], accountedUntil: start, gap: { kind: "none" } } as const;
  };

  it.each<[string, number | null, number | null, number, number]>([
    ["when an entitlement ends", middle, end, start, middle],
    ["when a term ends", end, middle, start, middle],
    ["at no certain time while no end is known", null, null, start, Infinity],
    ["at no certain time once all is over", middle, middle, middle, Infinity],
  ])("is due %s", (_when, expiresAt, until, now, due) => {
    const allowed = [allowance(until), { dimension: "e", ...UNREAD }];
    expect(nextTerm([part(1, expiresAt)], allowed, now)).toBe(due);
  });
});
