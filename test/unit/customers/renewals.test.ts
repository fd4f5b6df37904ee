import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isUnknown,
  toldTerms,
  UNREAD,
  withAnswer,
  withEmptyAnswer,
  type KnownTerms,
} from "../../../src/customers/contracts/terms.ts";
import { lifeOf, type HeardNotice } from "../../../src/customers/life.ts";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";

const DAY = 24 * HOUR;
const start = Date.parse("2026-01-01T00:00:00Z");
const end = Date.parse("2027-01-01T00:00:00Z");
const nextEnd = Date.parse("2028-01-01T00:00:00Z");

const heard = (
  kind: HeardNotice["kind"],
  occurredAt: number,
  facts: HeardNotice["facts"] = {},
  awsAgreementId: string | null = null,
): HeardNotice => ({
  id: `${kind} at ${occurredAt}`,
  source: "eventbridge",
  kind,
  occurredAt,
  awsAgreementId,
  licenseId: null,
  facts,
});

/** What the gateway reads: when, and whether AWS's answer is empty though there is a contract. */
interface Reading {
  readonly now: number;
  readonly isEmpty: boolean;
}

/** What happens to a contract as AWS has it, and when its notices come. */
interface History {
  readonly notices: readonly { readonly notice: HeardNotice; readonly at: number }[];
  /** When AWS's entitlement has another end: the last that has come counts. */
  readonly ends: readonly { readonly at: number; readonly end: number }[];
  readonly readings: readonly Reading[];
}

/** What is known of one whose customer has come back. */
const awaited = (known: KnownTerms, since: number): KnownTerms => ({
  ...known,
  gap: { kind: "awaited", since, emptySince: null, began: null },
});

/** Reads a contract through its history; while something is not known, every ten minutes. */
function read({ notices, ends, readings }: History): { known: KnownTerms; beginnings: Set<number> } {
  let known = UNREAD;
  let isOver = false;
  let previousAt: number | null = null;
  const beginnings = new Set<number>();
  const left = readings.toSorted((a, b) => a.now - b.now);
  while (left.length > 0) {
    const soon: number = isUnknown(known) && previousAt !== null ? previousAt + 10 * MINUTE : Infinity;
    const next = soon < (left[0]?.now ?? 0) ? { now: soon, isEmpty: false } : left.shift();
    if (next === undefined) break;
    const { now, isEmpty } = next;
    const life = lifeOf(notices.filter(({ at }) => at <= now).map(({ notice }) => notice));
    const asked = { agreement: { ...life, registeredAt: start }, now, previousAt };
    previousAt = now;
    // An agreement that has ended is not read; and on its return what is known is not known any more.
    if (life.usageUntil !== null) {
      isOver = true;
      continue;
    }
    if (isOver) known = awaited(known, life.returnedAt ?? 0);
    isOver = false;
    const until = ends.findLast(({ at }) => at <= now)?.end ?? null;
    known =
      isEmpty || until === null || until <= now
        ? withEmptyAnswer(known, asked)
        : withAnswer(known, { steps: [{ until, quantity: "10" }], per: "term" }, asked);
    for (const { quantity, began, since } of toldTerms(known, { per: "term", isEnded: false }))
      if (quantity !== "0" && since <= now) beginnings.add(began);
  }
  return { known, beginnings };
}

const minutes = (max: number, min = 0) => fc.integer({ min, max }).map((minutes) => minutes * MINUTE);

/** Readings at the times that something happens, at others, and long after, so that less is believed. */
const readingsOf = (times: readonly number[], others: readonly (readonly [number, boolean])[]): Reading[] => [
  ...times.map((now) => ({ now, isEmpty: false })),
  ...others.map(([after, isEmpty]) => ({ now: end + after, isEmpty })),
  { now: end + 40 * DAY, isEmpty: false },
  { now: end + 41 * DAY, isEmpty: false },
];

const others = fc.array(fc.tuple(minutes(20 * 24 * 60, -100 * 24 * 60), fc.boolean()), {
  maxLength: 20,
  size: "max",
});

const begin = [
  heard("registered", start),
  heard("agreement_created", start, { startsAt: start, endsAt: end }, "agmt-1"),
  heard("activated", start),
].map((notice) => ({ notice, at: start }));

describe("a contract that is renewed", () => {
  it("begins one more term, in whatever order AWS's notice and its entitlements tell of it, and whatever they lack", () => {
    const history = fc.record({
      // From some days before the end to a day after it.
      renewedAfter: minutes(24 * 60, -9 * 24 * 60),
      noticeAfter: minutes(5 * 24 * 60),
      entitlementAfter: minutes(5 * 24 * 60),
      amendedBefore: minutes(300 * 24 * 60, 24 * 60),
      changedAfter: minutes(20 * 24 * 60),
      others,
    });
    fc.assert(
      fc.property(history, (told) => {
        const renewedAt = end + told.renewedAfter;
        const amendedAt = end - told.amendedBefore;
        const amended = { intent: "AMEND", previousAgreementId: "agmt-1", startsAt: amendedAt, endsAt: end };
        const renewed = {
          intent: "RENEW",
          previousAgreementId: "agmt-2",
          startsAt: renewedAt,
          endsAt: nextEnd,
        };
        const extendedAt = renewedAt + told.entitlementAfter;
        const { known, beginnings } = read({
          notices: [
            ...begin,
            { notice: heard("agreement_created", amendedAt, amended, "agmt-2"), at: amendedAt },
            {
              notice: heard("agreement_created", renewedAt, renewed, "agmt-3"),
              at: renewedAt + told.noticeAfter,
            },
          ],
          ends: [
            { at: start, end },
            { at: extendedAt, end: nextEnd },
            { at: extendedAt + told.changedAfter, end: nextEnd - DAY },
          ],
          readings: readingsOf(
            [start + HOUR, amendedAt, renewedAt + told.noticeAfter, extendedAt, end],
            told.others,
          ),
        });
        expect(beginnings.size).toBe(2);
        expect(known.terms.filter(({ quantity }) => quantity !== "0")).toHaveLength(2);
        expect(known.gap).toEqual({ kind: "none" });
        expect(known.terms.at(-1)?.until).toBe(nextEnd - DAY);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a customer who comes back to another contract", () => {
  it("has one more term, in whatever order that is told", () => {
    const [left, back] = [end - 90 * DAY, end - 80 * DAY];
    const history = fc.record({
      told: fc.tuple(minutes(3 * 24 * 60), minutes(3 * 24 * 60), minutes(3 * 24 * 60)),
      registeredAfter: minutes(60),
      activatedAfter: minutes(60),
      changedAfter: minutes(10 * 24 * 60),
      others,
    });
    fc.assert(
      fc.property(history, ({ told, registeredAfter, activatedAfter, changedAfter, others }) => {
        const later = [
          heard("agreement_created", back, { startsAt: back }),
          heard("registered", back + registeredAfter),
          heard("activated", back + activatedAfter),
        ].map((notice, index) => ({ notice, at: notice.occurredAt + (told[index] ?? 0) }));
        const { known, beginnings } = read({
          notices: [...begin, { notice: heard("ending", left), at: left }, ...later],
          ends: [
            { at: start, end },
            { at: left, end: nextEnd },
            { at: back + changedAfter, end: nextEnd - DAY },
          ],
          readings: readingsOf([start + HOUR, ...later.map(({ at }) => at)], others),
        });
        expect(beginnings.size).toBe(2);
        expect(known.terms.at(-1)).toMatchObject({ until: nextEnd - DAY });
        expect(known.terms.at(-1)?.since).toBeGreaterThanOrEqual(back);
      }),
      { numRuns: 2000 },
    );
  });
});
