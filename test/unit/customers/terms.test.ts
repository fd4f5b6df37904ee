import { describe, expect, it } from "vitest";
import { lifeOf, type HeardNotice } from "../../../src/customers/life.ts";
import { isUnknown, toldTerms, type Dated, type KnownTerms } from "../../../src/customers/contracts/terms.ts";
import { HOUR, MINUTE, SECOND } from "../../../src/meter/hours.ts";
import { after, DAY, early, end, first, nextEnd, start, told, whole, type Answer } from "./answers.ts";

describe("the first term of a contract", () => {
  it.each<[string, Partial<Dated>, number]>([
    ["with the agreement", {}, start],
    ["with its present renewal", { termStartsAt: start + HOUR }, start + HOUR],
    [
      "with the customer's return",
      { termStartsAt: start + HOUR, returnedAt: start + HOUR + MINUTE },
      start + HOUR + MINUTE,
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
  ])("begins %s", (_what, of, since) => {
    expect(told([{ ...first, of }])).toEqual([[since, end, "10"]]);
  });

  it("waits for AWS while the agreement is new, and then is taken to include nothing", () => {
    const hours = (from: number, to: number): Answer[] =>
      [from, to].map((hour) => ({ nothing: true, now: start + hour * HOUR }));
    // Active since the second hour.
    for (const answers of [hours(1, 1), hours(1, 7.9), hours(6, 11.9)]) {
      expect(told(answers)).toEqual([]);
      expect(isUnknown(after(answers))).toBe(true);
    }
    for (const answers of [hours(1, 8), hours(6, 12)]) {
      expect(told(answers)).toEqual([[start, null, "0"]]);
      expect(isUnknown(after(answers))).toBe(false);
    }
  });

  it("waits a day while no activation is known", () => {
    const of = { activatedAt: null };
    const empty = (hour: number): Answer => ({ nothing: true, now: start + hour * HOUR, of });
    expect(isUnknown(after([empty(1), empty(24.9)]))).toBe(true);
    expect(isUnknown(after([empty(1), empty(25)]))).toBe(false);
  });

  it("that AWS tells of late is the same period, of which nothing was included", () => {
    const of = { startsAt: null, termStartsAt: null, activatedAt: null };
    const nothing = [start + DAY, start + 2 * DAY].map((now): Answer => ({ nothing: true, now, of }));
    const before = after(nothing);
    const late: Answer = { now: start + 3 * DAY, until: end };
    const known = after([...nothing, late]);
    const began = (known: KnownTerms) =>
      toldTerms(known, { per: "term", isEnded: false }).map((term) => term.began);
    expect(began(known)).toEqual(began(before));
    expect(told([...nothing, late])).toEqual([[start, end, "10"]]);
  });
});

describe("the term of a contract", () => {
  const renewed = { termStartsAt: end };
  const returned = { returnedAt: end - 90 * DAY };
  it.each<[string, Answer[], (number | string | null)[][]]>([
    ["goes on while it lasts", [first, { now: end - 1, until: end }], [whole]],
    [
      "goes on when its renewal is agreed on in advance, and the next begins where it ends",
      [first, { now: end - 1, until: nextEnd, of: renewed }],
      [whole, [end, nextEnd, "10"]],
    ],
    [
      "is another quantity in advance, and the next is that of AWS's last answer",
      [
        first,
        { now: early, until: nextEnd, quantity: "20" },
        { now: early + DAY, until: nextEnd, quantity: "30" },
      ],
      [
        [start, end, "30"],
        [end, nextEnd, "30"],
      ],
    ],
    [
      "goes on when the agreement's start is told late",
      [
        { ...first, of: { startsAt: null, termStartsAt: null } },
        { now: end - 1, until: end },
      ],
      [[start + 2 * HOUR, end, "10"]],
    ],
    [
      "gets to know its end",
      [
        { now: start + DAY, until: null },
        { now: end - 1, until: end },
      ],
      [whole],
    ],
    [
      "keeps its end when AWS names none any more",
      [first, { now: end - 1, until: null }],
      [whole, [end, null, "10"]],
    ],
    [
      "ends sooner, when AWS says so for six hours",
      [first, { now: early, until: early + DAY }, { now: early + 6 * HOUR, until: early + DAY }],
      [[start, early + DAY, "10"]],
    ],
    [
      "is amended: what it includes is more",
      [first, { now: early, until: end, quantity: "17" }],
      [[start, end, "17"]],
    ],
    [
      "is amended to less, when AWS says so for six hours",
      [
        first,
        { now: early, until: end, quantity: "7" },
        { now: early + 6 * HOUR, until: end, quantity: "7" },
      ],
      [[start, end, "7"]],
    ],
    ["ends, and the next begins there", [first, { now: end, until: nextEnd }], [whole, [end, nextEnd, "10"]]],
    [
      "ends, and the next begins with the agreement's next beginning",
      [first, { now: end + 40 * DAY, until: nextEnd, of: { returnedAt: end + 30 * DAY } }],
      [whole, [end, end + 30 * DAY, "0"], [end + 30 * DAY, nextEnd, "10"]],
    ],
    [
      "is another after a renewal before its end",
      [first, { now: early, until: nextEnd, of: { termStartsAt: early } }],
      [
        [start, early, "10"],
        [early, nextEnd, "10"],
      ],
    ],
    [
      "is another when the customer has come back to another contract",
      [first, { now: end - 89 * DAY, until: nextEnd, of: returned }],
      [
        [start, end - 90 * DAY, "10"],
        [end - 90 * DAY, nextEnd, "10"],
      ],
    ],
    [
      "goes on when the customer has come back to the same contract",
      [first, { now: end - 89 * DAY, until: end, of: returned }],
      [whole],
    ],
    [
      "is one after a return, however often the contract is changed then",
      [
        first,
        { now: end - 89 * DAY, until: nextEnd, of: returned },
        { now: end - 80 * DAY, until: nextEnd, quantity: "20", of: returned },
      ],
      [
        [start, end - 90 * DAY, "10"],
        [end - 90 * DAY, nextEnd, "20"],
      ],
    ],
    [
      "is another after a renewal of one that has no end",
      [
        { now: start + DAY, until: null },
        { now: early, until: null, of: { termStartsAt: early } },
        { now: end, until: null, of: { termStartsAt: early } },
      ],
      [
        [start, early, "10"],
        [early, null, "10"],
      ],
    ],
    [
      "is one when its renewal is heard of first, while AWS still shows the old end",
      [
        first,
        { now: early, until: end, of: { termStartsAt: early } },
        { now: early + DAY, until: nextEnd, of: { termStartsAt: early } },
      ],
      [whole, [end, nextEnd, "10"]],
    ],
    [
      "is one when its renewal is heard of after AWS has shown it, and its end is changed then",
      [
        first,
        { now: end, until: nextEnd },
        { now: end + DAY, until: nextEnd, of: { termStartsAt: end + SECOND } },
        { now: end + 2 * DAY, until: nextEnd, quantity: "20", of: { termStartsAt: end + SECOND } },
      ],
      [whole, [end, nextEnd, "20"]],
    ],
  ])("%s", (_what, answers, terms) => {
    expect(told(answers)).toEqual(terms);
  });

  it("is kept for 62 days after its end, and longer while it is the last but one", () => {
    const ends = [1, 2, 3].map((years) => end + years * 365 * DAY);
    const answers = [first, ...ends.map((until, index) => ({ now: [end, ...ends][index] ?? 0, until }))];
    expect(told(answers).map(([since]) => since)).toEqual(ends.slice(0, 2));
  });

  it("is the same one after an amendment, whose notice names a start", () => {
    const amendedAt = start + 90 * DAY;
    const heard = (
      kind: HeardNotice["kind"],
      occurredAt: number,
      facts: HeardNotice["facts"] = {},
    ): HeardNotice => ({
      id: `${kind} at ${occurredAt}`,
      source: "eventbridge",
      kind,
      occurredAt,
      awsAgreementId: "agmt-1",
      licenseId: null,
      facts,
    });
    const amendment = { intent: "AMEND", previousAgreementId: "agmt-1", startsAt: amendedAt, endsAt: end };
    const of = lifeOf([
      heard("registered", start),
      heard("agreement_created", start, { startsAt: start, endsAt: end }),
      heard("activated", start),
      heard("agreement_created", amendedAt, amendment),
    ]);
    const answers: Answer[] = [
      first,
      { now: amendedAt, nothing: true, of },
      { now: amendedAt + 10 * MINUTE, until: end, quantity: "15", of },
      { now: end - DAY, until: nextEnd, quantity: "15", of },
    ];
    expect(told(answers)).toEqual([
      [start, end, "15"],
      [end, nextEnd, "15"],
    ]);
  });
});
