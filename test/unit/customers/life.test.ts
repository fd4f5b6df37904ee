import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lifeOf, type HeardNotice } from "../../../src/customers/life.ts";
import { stateOf } from "../../../src/ledger/agreements.ts";
import { noticeKinds, type NoticeFacts, type NoticeKind } from "../../../src/ledger/schema.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 10, 23, 14, 23);

let sequence = 0;
const heard = (
  kind: NoticeKind,
  minutes: number,
  facts: NoticeFacts = {},
  awsAgreementId: string | null = null,
  licenseId: string | null = null,
): HeardNotice => ({
  id: `n${(sequence += 1)}`,
  source: kind === "registered" ? "gateway" : "eventbridge",
  kind,
  occurredAt: START + minutes * MINUTE,
  awsAgreementId,
  licenseId,
  facts,
});

const at = (minutes: number): number => START + minutes * MINUTE;

describe("an agreement's life", () => {
  it("is pending until AWS says that it is active", () => {
    expect(stateOf(lifeOf([]), START)).toBe("pending");
    expect(stateOf(lifeOf([heard("agreement_created", 0)]), START)).toBe("pending");
    const active = lifeOf([heard("agreement_created", 0), heard("activated", 1)]);
    expect(active).toMatchObject({ activatedAt: at(1), usageUntil: null });
    expect(stateOf(active, at(1))).toBe("active");
  });

  it("has a final hour from the licence's end on, and no usage from the first end that was said", () => {
    // A cancellation as a real listing has sent it: the two ends half a minute apart.
    const life = lifeOf([heard("activated", 0), heard("agreement_ended", 1), heard("ending", 1.5)]);
    expect(life).toMatchObject({ endedAt: at(1), usageUntil: at(1.5) + HOUR });
    expect(stateOf(life, at(1.5) + HOUR - 1)).toBe("ending");
    expect(stateOf(life, at(1.5) + HOUR)).toBe("ended");
  });

  it("has it from the agreement's end on while the licence's is not known", () => {
    expect(lifeOf([heard("activated", 0), heard("agreement_ended", 1)]).usageUntil).toBe(at(1) + HOUR);
  });

  it("keeps the first end of those that say the same", () => {
    const ends = [heard("agreement_ended", 1), heard("agreement_ended", 30)];
    expect(lifeOf([heard("activated", 0), ...ends])).toMatchObject({ endedAt: at(1) });
    const licences = [heard("ending", 1), heard("ending", 30)];
    expect(lifeOf([heard("activated", 0), ...licences]).usageUntil).toBe(at(1) + HOUR);
  });

  it("is over when AWS closes the final hour early", () => {
    const life = lifeOf([heard("activated", 0), heard("ending", 10), heard("closed", 40)]);
    expect(life).toMatchObject({ endedAt: at(10), usageUntil: at(40) });
  });

  it("still has an hour when only the closing notice has come", () => {
    expect(lifeOf([heard("activated", 0), heard("closed", 40)]).usageUntil).toBe(at(40) + HOUR);
  });

  it("goes on when the customer subscribes again", () => {
    const life = lifeOf([heard("activated", 0), heard("ending", 10), heard("activated", 20)]);
    expect(life).toMatchObject({ activatedAt: at(0), returnedAt: at(20), endedAt: null, usageUntil: null });
    expect(lifeOf([heard("activated", 0), heard("activated", 20)]).returnedAt).toBeNull();
  });

  it("is pending again when the customer of one that has ended comes back, until AWS says that it is active", () => {
    const ended = [heard("activated", 0), heard("ending", 10)];
    const back = [...ended, heard("registered", 70)];
    expect(lifeOf(back)).toMatchObject({
      activatedAt: null,
      returnedAt: at(70),
      usageUntil: null,
    });
    expect(lifeOf([...back, heard("activated", 71)])).toMatchObject({ activatedAt: at(71), endedAt: null });
  });

  it("is not brought back by a form in its final hour, whose token may be of before the end, but by AWS's word", () => {
    const ended = [heard("activated", 0, {}, null, "l-1"), heard("ending", 10, {}, null, "l-1")];
    for (const minutes of [11, 69]) {
      const kept = [...ended, heard("registered", minutes, {}, null, "l-1")];
      expect(lifeOf(kept)).toMatchObject({ activatedAt: at(0), returnedAt: null, endedAt: at(10) });
      expect(lifeOf([...kept, heard("activated", minutes + 1)]).usageUntil).toBeNull();
    }
    const unnamed = [...ended, heard("registered", 11)];
    expect(lifeOf(unnamed).endedAt).toBe(at(10));
    // Under another licence it is surely bought anew.
    const anew = [...ended, heard("registered", 11, {}, null, "l-2")];
    expect(lifeOf(anew)).toMatchObject({ activatedAt: null, returnedAt: at(11), usageUntil: null });
  });

  it("goes on as it was when its customer comes again meanwhile", () => {
    const life = lifeOf([heard("activated", 0), heard("registered", 5)]);
    expect(life).toMatchObject({ activatedAt: at(0), usageUntil: null });
    const ended = lifeOf([heard("activated", 0), heard("registered", 5), heard("ending", 10)]);
    expect(ended).toMatchObject({ activatedAt: at(0), endedAt: at(10) });
  });

  it("is active once AWS has taken usage, which undoes no end", () => {
    expect(lifeOf([heard("seen_active", 3), heard("seen_active", 4)]).activatedAt).toBe(at(3));
    expect(lifeOf([heard("activated", 0), heard("seen_active", 3)]).activatedAt).toBe(at(0));
    expect(lifeOf([heard("ending", 10), heard("seen_active", 20)])).toMatchObject({
      activatedAt: at(20),
      endedAt: at(10),
    });
  });

  it.each(["registered", "activated"] as const)(
    "has ended when its end is of the same moment as %s",
    (kind) => {
      for (const end of ["ending", "agreement_ended", "closed"] as const) {
        const life = lifeOf([heard(end, 10), heard(kind, 10)]);
        expect([end, life.endedAt]).toEqual([end, at(10)]);
      }
    },
  );

  it("is not ended by the end of an agreement of another id", () => {
    for (const first of ["agreement_created", "activated", "ending"] as const) {
      const known = lifeOf([heard(first, 0, {}, "agmt-2"), heard("agreement_ended", 1, {}, "agmt-1")]);
      expect(known).toMatchObject({ awsAgreementId: "agmt-2", endedAt: first === "ending" ? at(0) : null });
    }
    const same = [heard("activated", 0, {}, "agmt-1"), heard("agreement_ended", 1, {}, "agmt-1")];
    expect(lifeOf(same).endedAt).toBe(at(1));
    expect(lifeOf([heard("activated", 0), heard("agreement_ended", 1, {}, "agmt-1")]).endedAt).toBe(at(1));
    expect(lifeOf([heard("activated", 0, {}, "agmt-1"), heard("agreement_ended", 1)]).endedAt).toBe(at(1));
  });

  it("keeps the id that it is known by, until it is active under another, or renewed", () => {
    for (const kind of ["agreement_created", "ending"] as const) {
      const life = lifeOf([heard("activated", 0, {}, "agmt-1"), heard(kind, 1, {}, "agmt-2")]);
      expect([kind, life.awsAgreementId]).toEqual([kind, "agmt-1"]);
    }
    const active = [heard("activated", 0, {}, "agmt-1"), heard("activated", 1, {}, "agmt-2")];
    expect(lifeOf([...active, heard("activated", 2)]).awsAgreementId).toBe("agmt-2");
  });

  it("goes on when AWS has renewed it without a word, and the end of the agreement before is heard", () => {
    const renewed = [heard("activated", 0, {}, "agmt-1"), heard("activated", 100, {}, "agmt-2")];
    const ended = heard("agreement_ended", 100.5, { status: "EXPIRED" }, "agmt-1");
    expect(lifeOf([...renewed, ended])).toMatchObject({ activatedAt: at(0), endedAt: null });
  });

  it("goes on under another licence when the one before ends", () => {
    const under = (kind: NoticeKind, minutes: number, licence: string | null) =>
      heard(kind, minutes, {}, null, licence);
    const upgrade = [under("activated", 0, "l-1"), under("activated", 50, "l-2")];
    expect(lifeOf([...upgrade, under("ending", 51, "l-1")]).endedAt).toBeNull();
    expect(lifeOf([...upgrade, under("ending", 51, "l-2")]).endedAt).toBe(at(51));
    expect(lifeOf([...upgrade, under("ending", 51, null)]).endedAt).toBe(at(51));
    expect(lifeOf([under("activated", 0, null), under("ending", 51, "l-1")]).endedAt).toBe(at(51));
    const back = [under("activated", 0, "l-1"), under("registered", 50, "l-2")];
    expect(lifeOf([...back, under("ending", 51, "l-1")]).endedAt).toBeNull();
  });

  it("is over when AWS closes it, and what is said of it afterwards opens no other hour", () => {
    const closed = [heard("activated", 0), heard("closed", 40)];
    const later = [heard("ending", 45), heard("agreement_ended", 46), heard("failed", 47)];
    expect(lifeOf([...closed, ...later]).usageUntil).toBe(at(40) + HOUR);
    const twice = [heard("activated", 0), heard("ending", 10), heard("closed", 40), heard("closed", 50)];
    expect(lifeOf(twice).usageUntil).toBe(at(40));
    expect(lifeOf([heard("failed", 1), heard("ending", 5)])).toMatchObject({ usageUntil: at(1) });
    const ended = lifeOf([
      heard("activated", 0),
      heard("agreement_ended", 10),
      heard("closed", 40),
      heard("ending", 50),
    ]);
    expect(ended.usageUntil).toBe(at(40));
  });

  it("is not brought back by a renewal when its licence has ended, nor by the news of its beginning", () => {
    const renewal = heard("agreement_created", 11, { previousAgreementId: "agmt-1" }, "agmt-2");
    expect(lifeOf([heard("activated", 0), heard("ending", 10), renewal]).endedAt).toBe(at(10));
    const news = heard("agreement_created", 11, {}, "agmt-1");
    expect(lifeOf([heard("activated", 0), heard("agreement_ended", 10), news]).endedAt).toBe(at(10));
  });

  it("is what the one of two notices of a moment says that has the later id", () => {
    const created = (id: string, minutes: number): HeardNotice => ({
      ...heard("agreement_created", 0, { endsAt: at(minutes) }),
      id,
    });
    for (const notices of [
      [created("a", 100), created("b", 200)],
      [created("b", 200), created("a", 100)],
    ]) {
      expect(lifeOf(notices).endsAt).toBe(at(200));
    }
  });

  it("that failed to begin has never been billable; one that had begun goes on", () => {
    expect(lifeOf([heard("failed", 1)])).toMatchObject({ activatedAt: null, usageUntil: at(1) });
    expect(lifeOf([heard("activated", 0), heard("failed", 1)]).usageUntil).toBeNull();
  });

  it.each(["RENEWED", "REPLACED", "SUPERSEDED"])("goes on in another agreement after %s", (status) => {
    expect(lifeOf([heard("activated", 0), heard("agreement_ended", 1, { status })]).usageUntil).toBeNull();
  });

  it("goes on under the id of the renewal, whichever of the two notices is first", () => {
    const created = heard("agreement_created", 0, { startsAt: at(0), endsAt: at(100) }, "agmt-1");
    const renewal = (minutes: number) =>
      heard(
        "agreement_created",
        minutes,
        { intent: "RENEW", previousAgreementId: "agmt-1", startsAt: at(100), endsAt: at(200) },
        "agmt-2",
      );
    const ended = heard("agreement_ended", 100, { status: "EXPIRED" }, "agmt-1");
    for (const minutes of [99, 101]) {
      expect(lifeOf([created, heard("activated", 1), ended, renewal(minutes)])).toEqual({
        awsAgreementId: "agmt-2",
        startsAt: at(0),
        endsAt: at(200),
        termStartsAt: at(100),
        activatedAt: at(1),
        returnedAt: null,
        freeTrial: false,
        endedAt: null,
        usageUntil: null,
      });
    }
  });

  it("goes on as it was when its renewal ends before it has begun", () => {
    const created = heard("agreement_created", 0, { startsAt: at(0), endsAt: at(100) }, "agmt-1");
    const facts = { intent: "RENEW", previousAgreementId: "agmt-1", startsAt: at(100), endsAt: at(200) };
    const renewed = [created, heard("activated", 1), heard("agreement_created", 50, facts, "agmt-2")];
    const cancelled = heard("agreement_ended", 60, { status: "CANCELLED" }, "agmt-2");
    expect(lifeOf([...renewed, cancelled])).toMatchObject({
      awsAgreementId: "agmt-1",
      endsAt: at(100),
      termStartsAt: at(0),
      endedAt: null,
    });
    const expired = heard("agreement_ended", 100, { status: "EXPIRED" }, "agmt-1");
    expect(lifeOf([...renewed, cancelled, expired]).endedAt).toBe(at(100));
    const later = heard("agreement_ended", 120, { status: "CANCELLED" }, "agmt-2");
    expect(lifeOf([...renewed, later]).endedAt).toBe(at(120));
  });

  it("is a free trial by what the customer's browser says, until AWS says", () => {
    const browser = (minutes: number) => heard("registered", minutes, { freeTrial: true });
    expect(lifeOf([browser(5)]).freeTrial).toBe(true);
    const told = heard("activated", 3, { freeTrial: false });
    expect(lifeOf([told, browser(5)]).freeTrial).toBe(false);
    expect(lifeOf([browser(1), told]).freeTrial).toBe(false);
  });

  it("is no free trial any more when it is renewed", () => {
    const renewal = heard("agreement_created", 20, { previousAgreementId: "agmt-1" }, "agmt-2");
    expect(lifeOf([heard("registered", 0, { freeTrial: true }), renewal]).freeTrial).toBe(false);
  });

  it("begins another term when it is renewed, and none when it is amended or told again", () => {
    const first = heard("agreement_created", 0, { intent: "NEW", startsAt: at(0) }, "agmt-1");
    const amended = { intent: "AMEND", previousAgreementId: "agmt-1", startsAt: at(50) };
    expect(lifeOf([heard("agreement_created", 50, amended, "agmt-2")])).toMatchObject({
      awsAgreementId: "agmt-2",
      termStartsAt: null,
    });
    const others = [
      heard("agreement_created", 50, amended, "agmt-2"),
      heard("agreement_created", 60, { intent: "NEW", startsAt: at(60) }, "agmt-3"),
      heard("agreement_created", 70, { startsAt: at(70) }),
    ];
    for (const other of others) expect(lifeOf([first, other])).toMatchObject({ termStartsAt: at(0) });
    for (const renewal of [
      { intent: "RENEW", startsAt: at(80) },
      { previousAgreementId: "agmt-1", startsAt: at(80) },
    ])
      expect(lifeOf([first, heard("agreement_created", 80, renewal, "agmt-4")])).toMatchObject({
        startsAt: at(0),
        termStartsAt: at(80),
      });
  });

  it("knows of a free trial, and of its end", () => {
    expect(lifeOf([heard("activated", 0, { freeTrial: true })]).freeTrial).toBe(true);
    const later = [heard("activated", 0, { freeTrial: true }), heard("activated", 9, { freeTrial: false })];
    expect(lifeOf(later).freeTrial).toBe(false);
  });

  const anyNotice: fc.Arbitrary<HeardNotice> = fc.record({
    id: fc.uuid(),
    source: fc.constantFrom("gateway", "eventbridge"),
    kind: fc.constantFrom(...noticeKinds),
    // Few moments, so that many notices are of the same.
    occurredAt: fc.integer({ min: 0, max: 5 }).map(at),
    awsAgreementId: fc.constantFrom(null, "agmt-1", "agmt-2"),
    licenseId: fc.constantFrom(null, "l-1", "l-2"),
    facts: fc.constantFrom<NoticeFacts>(
      {},
      { freeTrial: true },
      { status: "CANCELLED" },
      { status: "RENEWED" },
      { previousAgreementId: "agmt-1", startsAt: at(3) },
    ),
  });

  it("comes to the same in whatever order its notices arrive, and however often", () => {
    const notices = fc.uniqueArray(anyNotice, { selector: ({ id }) => id, maxLength: 8 });
    fc.assert(
      fc.property(
        notices.chain((sent) =>
          fc.tuple(fc.constant(sent), fc.shuffledSubarray(sent, { minLength: sent.length })),
        ),
        ([sent, arrived]) => {
          expect(lifeOf(arrived)).toEqual(lifeOf(sent));
        },
      ),
    );
  });

  it("never has its final hour closed before it ended, nor longer open than an hour after an end that was said", () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyNotice, { selector: ({ id }) => id, maxLength: 8 }), (notices) => {
        const { endedAt, usageUntil } = lifeOf(notices);
        expect(endedAt === null).toBe(usageUntil === null);
        if (endedAt === null || usageUntil === null) return;
        expect(usageUntil).toBeGreaterThanOrEqual(endedAt);
        const last = Math.max(...notices.map(({ occurredAt }) => occurredAt));
        expect(usageUntil).toBeLessThanOrEqual(last + HOUR);
      }),
    );
  });
});
