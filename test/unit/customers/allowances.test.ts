import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextTerm, termOf, type Allowed } from "../../../src/customers/contracts/allowances.ts";
import { lifeOf, type HeardNotice } from "../../../src/customers/life.ts";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";

const DAY = 24 * HOUR;
const start = Date.parse("2026-01-01T00:00:00Z");
const end = Date.parse("2027-01-01T00:00:00Z");
const nextEnd = Date.parse("2028-01-01T00:00:00Z");

type Term = Pick<Allowed, "since" | "until">;
type Dated = Parameters<typeof termOf>[0];

/** A notice of a legacy agreement. */
const heard = (
  kind: HeardNotice["kind"],
  occurredAt: number,
  facts: HeardNotice["facts"] = {},
): HeardNotice => ({
  id: `${kind} at ${occurredAt}`,
  source: "eventbridge",
  kind,
  occurredAt,
  awsAgreementId: null,
  licenseId: null,
  facts,
});

/** Of an agreement that its notices have told of. */
const agreement = (told: Partial<Dated> = {}): Dated => ({
  registeredAt: start + HOUR,
  activatedAt: start + 2 * HOUR,
  startsAt: start,
  termStartsAt: start,
  returnedAt: null,
  ...told,
});

describe("the term of a contract", () => {
  it.each([
    ["with the agreement", {}, start],
    ["with its present renewal", { termStartsAt: start + DAY }, start + DAY],
    [
      "with the customer's return",
      { termStartsAt: start + DAY - HOUR, returnedAt: start + DAY - MINUTE },
      start + DAY - MINUTE,
    ],
    [
      "at its activation, when no notice tells its start",
      { startsAt: null, termStartsAt: null },
      start + 2 * HOUR,
    ],
    [
      "at its registration, when nothing is told",
      { startsAt: null, termStartsAt: null, activatedAt: null },
      start + HOUR,
    ],
  ])("begins %s", (_what, told, since) => {
    expect(termOf(agreement(told), undefined, end, start + DAY)).toEqual({ since, until: end });
  });

  const known: Term = { since: start, until: end };
  const renewed = agreement({ termStartsAt: end });
  it.each<[string, Dated, Term, number | null, number, Term]>([
    ["goes on while it lasts", agreement(), known, end, end - 1, known],
    ["goes on when its renewal is agreed on in advance", renewed, known, nextEnd, end - 1, known],
    [
      "goes on when the agreement's start is told late",
      agreement(),
      { since: start + HOUR, until: end },
      end,
      end - 1,
      { since: start + HOUR, until: end },
    ],
    ["gets to know its end", agreement(), { since: start, until: null }, end, end - 1, known],
    ["keeps the end that is known", agreement(), known, null, end - 1, known],
    ["ends, and the next begins there", agreement(), known, nextEnd, end, { since: end, until: nextEnd }],
    ["ends, and what follows has no end", agreement(), known, null, end, { since: end, until: null }],
    ["stays over when nothing follows", agreement(), known, end, end + DAY, known],
    [
      "is another after a renewal before its end",
      agreement({ termStartsAt: end - 9 * DAY }),
      known,
      nextEnd,
      end - 9 * DAY,
      { since: end - 9 * DAY, until: nextEnd },
    ],
    [
      "is another when the customer has come back to another contract",
      agreement({ returnedAt: end - 90 * DAY }),
      known,
      nextEnd,
      end - 89 * DAY,
      { since: end - 90 * DAY, until: nextEnd },
    ],
    [
      "goes on when the customer has come back to the same contract",
      agreement({ returnedAt: end - 90 * DAY }),
      known,
      end,
      end - 89 * DAY,
      known,
    ],
    [
      "is one after a return, however often the contract is changed then",
      agreement({ returnedAt: end - 90 * DAY }),
      { since: end - 90 * DAY, until: nextEnd },
      nextEnd + DAY,
      end - 80 * DAY,
      { since: end - 90 * DAY, until: nextEnd },
    ],
    [
      "is one after a return that AWS begins another agreement for, however often its end is changed then",
      agreement({ termStartsAt: end - 90 * DAY, returnedAt: end - 90 * DAY + MINUTE }),
      { since: end - 90 * DAY + MINUTE, until: nextEnd },
      nextEnd + DAY,
      end - 80 * DAY,
      { since: end - 90 * DAY + MINUTE, until: nextEnd },
    ],
    [
      "is another after a renewal that names no end",
      agreement({ termStartsAt: end - 9 * DAY }),
      { since: start, until: null },
      null,
      end,
      { since: end - 9 * DAY, until: null },
    ],
  ])("%s", (_what, told, was, expiresAt, now, term) => {
    expect(termOf(told, was, expiresAt, now)).toEqual(term);
  });

  it("is not another one when the quantity was amended and the end has stayed", () => {
    const amended = agreement({ termStartsAt: start + 90 * DAY });
    expect(termOf(amended, known, end, start + 91 * DAY)).toEqual(known);
  });

  it("begins once and only once when the customer comes back, in whatever order that is told", () => {
    const [left, back] = [end - 90 * DAY, end - 80 * DAY];
    const minutes = (max: number) => fc.integer({ min: 0, max });
    const order = fc.record({
      told: fc.tuple(minutes(3 * 24 * 60), minutes(3 * 24 * 60), minutes(3 * 24 * 60)),
      registeredAfter: minutes(60),
      activatedAfter: minutes(60),
      amendedAfter: minutes(10 * 24 * 60),
      // AWS answers now and then that there is nothing.
      readings: fc.array(fc.tuple(minutes(20 * 24 * 60), fc.boolean()), { maxLength: 20, size: "max" }),
    });
    fc.assert(
      fc.property(order, ({ told, registeredAfter, activatedAfter, amendedAfter, readings }) => {
        const before = [
          heard("registered", start),
          heard("agreement_created", start, { startsAt: start }),
          heard("activated", start),
          heard("ending", left),
        ];
        const later = [
          heard("agreement_created", back, { startsAt: back }),
          heard("registered", back + registeredAfter * MINUTE),
          heard("activated", back + activatedAfter * MINUTE),
        ].map((notice, index) => ({ notice, at: notice.occurredAt + (told[index] ?? 0) * MINUTE }));
        let term: Term = { since: start, until: end };
        const begun = new Set<number>();
        const all = [...readings, [30 * 24 * 60, false] as const];
        for (const [after, isEmpty] of all.toSorted(([a], [b]) => a - b)) {
          const now = back + after * MINUTE;
          const known = later.filter(({ at }) => at <= now).map(({ notice }) => notice);
          const life = lifeOf([...before, ...known]);
          // While it has ended, it is not read.
          if (life.usageUntil !== null) continue;
          const expiresAt = after < amendedAfter ? nextEnd : nextEnd + DAY;
          term = termOf({ ...life, registeredAt: start }, term, isEmpty ? null : expiresAt, now);
          begun.add(term.since);
        }
        expect(begun.size).toBe(1);
        expect(term.since).toBeGreaterThanOrEqual(back);
      }),
      { numRuns: 2000 },
    );
  });

  it("is renewed once and only once, in whatever order AWS's notice and its entitlements tell it", () => {
    const order = fc.record({
      // From some days before the end to a day after it.
      renewedAfter: fc.integer({ min: -9 * 24 * 60, max: 24 * 60 }),
      noticeAfter: fc.integer({ min: 0, max: 5 * 24 * 60 }),
      entitlementAfter: fc.integer({ min: 0, max: 5 * 24 * 60 }),
      readings: fc.array(fc.integer({ min: -10 * 24 * 60, max: 10 * 24 * 60 }), {
        maxLength: 20,
        size: "max",
      }),
    });
    fc.assert(
      fc.property(order, ({ renewedAfter, noticeAfter, entitlementAfter, readings }) => {
        const renewedAt = end + renewedAfter * MINUTE;
        const noticeAt = renewedAt + noticeAfter * MINUTE;
        const extendedAt = renewedAt + entitlementAfter * MINUTE;
        const times = [
          ...readings.map((minutes) => end + minutes * MINUTE),
          noticeAt,
          extendedAt,
          end,
          end + 30 * DAY,
        ];
        let term = known;
        const included = new Set<number>();
        for (const now of times.toSorted((a, b) => a - b)) {
          const expiresAt = now >= extendedAt ? nextEnd : end;
          const isInForce = expiresAt > now;
          // The last hours of a term draw on it for a day; see allowancesOf.
          if (!isInForce && now < end + DAY) continue;
          const told = agreement({ termStartsAt: now >= noticeAt ? renewedAt : start });
          term = termOf(told, term, isInForce ? expiresAt : null, now);
          if (isInForce) included.add(term.since);
        }
        expect([...included]).toEqual(included.has(start) ? [start, term.since] : [term.since]);
        expect(term.since).toBeGreaterThan(start);
        expect(term.until).toBe(nextEnd);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("the next reading of a contract", () => {
  const allowed = (until: number | null): Allowed => ({
    dimension: "d",
    quantity: "1",
    per: "term",
    since: start,
    until,
    awaited: false,
  });
  const held = (expiresAt: number | null) => ({ dimension: "d", value: 1, expiresAt });

  it.each<[string, number | null, number | null, number, number]>([
    ["when the entitlement ends", end, null, end - HOUR, end],
    ["when the term ends", nextEnd, end, end - HOUR, end],
    ["a day later, when its last hours are sealed", null, end, end, end + DAY],
    ["at no certain time while no end is known", null, null, end, Infinity],
    ["at no certain time once all is over", end, end, end + DAY, Infinity],
  ])("is due %s", (_when, expiresAt, until, now, due) => {
    expect(nextTerm([held(expiresAt)], [allowed(until)], now)).toBe(due);
  });
});
