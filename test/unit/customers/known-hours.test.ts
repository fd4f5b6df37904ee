import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isUnknown,
  toldTerms,
  UNREAD,
  withAnswer,
  withEmptyAnswer,
  type Dated,
  type KnownTerms,
} from "../../../src/customers/contracts/terms.ts";
import { decodeTerm, termOf } from "../../../src/meter/allowance.ts";
import { HOUR, hourOf, MINUTE } from "../../../src/meter/hours.ts";

const DAY = 24 * HOUR;
const start = Date.parse("2026-01-01T00:00:00Z");

const step = fc.record({
  kind: fc.constantFrom("part", "parts", "parts", "nothing", "renewal", "return", "setting"),
  wait: fc.integer({ min: 1, max: 4000 }).map((n) => n * 17 * MINUTE),
  ends: fc.integer({ min: 1, max: 60 }).map((n) => n * 7 * HOUR + 13 * MINUTE),
  quantity: fc.integer({ min: 0, max: 3 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What is known of a contract to which all kinds of things happen. */
class History {
  known: KnownTerms = UNREAD;
  now = start + HOUR;
  #agreement: Dated = {
    registeredAt: start,
    activatedAt: start,
    startsAt: start,
    termStartsAt: start,
    returnedAt: null,
  };
  #previousAt: number | null = null;

  take({ kind, wait, ends, quantity }: Step): void {
    this.now += wait;
    const { now } = this;
    if (kind === "renewal") this.#agreement = { ...this.#agreement, termStartsAt: now };
    else if (kind === "return") {
      this.#agreement = { ...this.#agreement, returnedAt: now - MINUTE };
      this.#await(hourOf(now - MINUTE));
    } else if (kind === "setting") this.#await(0);
    else {
      const last = { until: now + ends, quantity: String(quantity) };
      const first = { until: now + Math.ceil(ends / 2), quantity: String(quantity + 5) };
      this.hear({ part: [first], parts: [first, last], nothing: [] }[kind]);
    }
  }

  hear(steps: readonly { until: number; quantity: string }[]): void {
    const asked = { agreement: this.#agreement, now: this.now, previousAt: this.#previousAt };
    this.known =
      steps.length === 0
        ? withEmptyAnswer(this.known, asked)
        : withAnswer(this.known, { steps, per: "term" }, asked);
    this.#previousAt = this.now;
  }

  #await(since: number): void {
    this.known = { ...this.known, gap: { kind: "awaited", since, emptySince: null, began: null } };
  }
}

describe("over any history of a contract", () => {
  const histories = fc.array(step, { maxLength: 14 });

  it("each hour until now is of a term, once AWS has said the same for six hours", () => {
    const last = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 3 }));
    fc.assert(
      fc.property(histories, last, (steps, [isThere, quantity]) => {
        const history = new History();
        for (const step of steps) history.take(step);
        const until = history.now + 60 * DAY;
        for (let minutes = 0; minutes <= 370; minutes += 10) {
          history.now += 10 * MINUTE;
          history.hear(isThere ? [{ until, quantity: String(quantity) }] : []);
        }
        expect(isUnknown(history.known)).toBe(false);
        const terms = toldTerms(history.known, { per: "term", isEnded: false }).map(decodeTerm);
        expect(terms.map(({ since }) => since)).toEqual(
          terms.map(({ since }) => since).toSorted((a, b) => a - b),
        );
        for (let hour = hourOf(history.now - DAY); hour <= history.now; hour += HOUR)
          expect(termOf(terms, hour)).not.toBeNull();
      }),
      { numRuns: 1000 },
    );
  });

  it("less than before is believed by no single answer", () => {
    fc.assert(
      fc.property(histories, fc.constantFrom(...(["part", "nothing"] as const)), (steps, kind) => {
        const history = new History();
        for (const step of steps) history.take(step);
        const until = history.now + 60 * DAY;
        const whole = [
          { until: until - DAY, quantity: "9" },
          { until, quantity: "8" },
        ];
        history.now += 10 * MINUTE;
        history.hear(whole);
        history.now += 10 * MINUTE;
        history.hear(whole);
        const lately = ({ terms, ...known }: KnownTerms) => ({
          ...known,
          // Those that ended long ago are forgotten at some time.
          terms: terms.filter((term) => term.until === null || term.until > until - 90 * DAY),
        });
        const before = lately(history.known);
        fc.pre(before.gap.kind === "none");
        history.now += 10 * MINUTE;
        history.hear(kind === "nothing" ? [] : whole.slice(0, 1));
        expect(lately(history.known)).toMatchObject({ terms: before.terms, gap: { kind: "missing" } });
        history.now += 10 * MINUTE;
        history.hear(whole);
        expect(lately(history.known)).toEqual(before);
      }),
      { numRuns: 1000 },
    );
  });
});
