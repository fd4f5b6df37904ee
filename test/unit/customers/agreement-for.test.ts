import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { agreementFor, RANK, type Match } from "../../../src/customers/agreement-for.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 23, 14, 23);
const at = (hours: number): number => START + hours * HOUR;

/** An agreement that has registered at an hour; and has ended at one, if one is said, as the name has stood for it until then. */
const match = (
  id: string,
  {
    rank = RANK.account,
    from = 0,
    end = null,
    until = end,
  }: { rank?: Match["rank"]; from?: number; end?: number | null; until?: number | null } = {},
): Match => ({
  id,
  rank,
  shard: 0,
  name: "acme",
  registeredAt: at(from),
  since: at(from),
  endedAt: end === null ? null : at(end),
  usageUntil: end === null ? null : at(end + 1),
  until: until === null ? null : at(until),
});

/** What usage of a time is counted for; and how many agreements there are for it, where that is not clear. */
function counted(matches: readonly Match[], hours: number): string | number | null {
  const resolved = agreementFor(matches, at(hours));
  switch (resolved.kind) {
    case "found":
      return resolved.agreement.id;
    case "ambiguous":
      return resolved.count;
    case "unknown":
      return null;
  }
}

describe("a name", () => {
  it("that stands for nothing is unknown", () => {
    expect(agreementFor([], START)).toEqual({ kind: "unknown" });
  });

  it.each(Object.values(RANK))("of one agreement stands for it at any time: in its way %i", (rank) => {
    for (const hours of [-100, -1, 0, 1, 100]) expect(counted([match("one", { rank })], hours)).toBe("one");
  });

  it("of an agreement that has ended stands for it, also after that, so that the usage is refused for its end", () => {
    const ended = match("old", { end: 5 });
    for (const hours of [-1, 4, 5, 100]) expect(counted([ended], hours)).toBe("old");
    expect(agreementFor([ended], at(6))).toEqual({ kind: "found", agreement: ended });
  });

  it("of several that have ended stands for the last of them afterwards", () => {
    const matches = [match("first", { end: 2 }), match("second", { from: 3, end: 5 })];
    expect(counted(matches, 1)).toBe("first");
    expect(counted(matches, 2)).toBe("second");
    expect(counted(matches, 6)).toBe("second");
  });
});

describe("the seller's own id that has gone over to another agreement", () => {
  const old = match("old", { rank: RANK.ownId, end: 5 });
  const next = match("next", { rank: RANK.ownId, from: 7 });

  it("stands for the first until its end, to the millisecond, and for the other from then on", () => {
    expect(counted([old, next], -1)).toBe("old");
    expect(agreementFor([old, next], at(5) - 1)).toEqual({ kind: "found", agreement: old });
    expect(agreementFor([old, next], at(5))).toEqual({ kind: "found", agreement: next });
    expect(counted([old, next], 100)).toBe("next");
  });

  it("stands for each of several in its time", () => {
    const middle = match("middle", { rank: RANK.ownId, from: 6, end: 9 });
    expect([4, 5, 8, 9].map((hours) => counted([old, middle, next], hours))).toEqual([
      "old",
      "middle",
      "middle",
      "next",
    ]);
  });

  it("stands for the first until it left, though the customer has come back under it", () => {
    const back = match("old", { rank: RANK.ownId, until: 5 });
    expect(counted([back, next], 4)).toBe("old");
    expect(counted([back, next], 6)).toBe("next");
    // The one that it has gone over to has it no more, and the one that it has left goes on.
    expect(counted([back], 4)).toBe("old");
    expect(counted([back], 6)).toBeNull();
    // It ends once more.
    const left = match("old", { rank: RANK.ownId, until: 5, end: 9 });
    expect([4, 6, 9].map((hours) => counted([left], hours))).toEqual(["old", null, "old"]);
  });

  it("stands for one that came when the first had not ended, only after that", () => {
    const early = match("next", { rank: RANK.ownId, from: 1 });
    expect(counted([old, early], 3)).toBe("old");
  });
});

describe("an account with several agreements", () => {
  it("is not clear while two go on, also for usage of before the second came: which it is of, nobody knows", () => {
    const matches = [match("one"), match("two", { from: 3 })];
    for (const hours of [-1, 2, 4]) expect(counted(matches, hours)).toBe(2);
    expect(counted([...matches, match("three", { from: 50 })], 4)).toBe(3);
  });

  it("stands for the one that has ended, for usage of before the other came", () => {
    const matches = [match("old", { end: 5 }), match("next", { from: 3 })];
    expect(counted(matches, 2)).toBe("old");
    expect(agreementFor(matches, at(3) - 1)).toMatchObject({ kind: "found", agreement: { id: "old" } });
    // Both were there.
    expect(counted(matches, 3)).toBe(2);
    expect(counted(matches, 4)).toBe(2);
    expect(counted(matches, 5)).toBe("next");
  });

  it("stands for the one that had ended when the other came", () => {
    const matches = [match("old", { end: 5 }), match("next", { from: 7 })];
    expect([4, 5, 6, 8].map((hours) => counted(matches, hours))).toEqual(["old", "next", "next", "next"]);
  });
});

describe("any name at any time", () => {
  const hour = fc.integer({ min: -10, max: 10 });
  const anyMatch = (rank: Match["rank"]) =>
    fc
      .record({ id: fc.uuid(), from: hour, end: fc.option(hour) })
      .map(({ id, ...times }) => match(id, { rank, ...times }));
  const endOf = ({ until }: Match) => until ?? Number.MAX_SAFE_INTEGER;
  /** As `resolveNames` gives them: of one rank, those first that the name stood for first. */
  const anyMatches = fc
    .constantFrom(RANK.ownId, RANK.account)
    .chain((rank) => fc.array(anyMatch(rank), { maxLength: 4 }))
    .map((matches) => matches.toSorted((a, b) => endOf(a) - endOf(b)));

  it("stands for an agreement that has not ended by then, if there is one, and for one of those that it is the name of", () => {
    fc.assert(
      fc.property(anyMatches, hour, (matches, hours) => {
        const resolved = agreementFor(matches, at(hours));
        const going = matches.filter(({ endedAt }) => endedAt === null || at(hours) < endedAt);
        expect(resolved.kind === "unknown").toBe(matches.length === 0);
        if (resolved.kind === "ambiguous") expect(resolved.count).toBe(going.length);
        if (resolved.kind !== "found") return;
        expect(matches).toContain(resolved.agreement);
        expect(going.length === 0 || going.includes(resolved.agreement as Match)).toBe(true);
      }),
    );
  });

  it("is never ambiguous where it is the seller's own id, or where one agreement was there", () => {
    fc.assert(
      fc.property(anyMatches, hour, (matches, hours) => {
        const isOwn = matches.every(({ rank }) => rank === RANK.ownId);
        const going = matches.filter(({ until }) => until === null || at(hours) < until);
        const isAmbiguous = agreementFor(matches, at(hours)).kind === "ambiguous";
        expect(isAmbiguous && (isOwn || going.length < 2)).toBe(false);
      }),
    );
  });
});
