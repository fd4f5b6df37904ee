import { describe, expect, it } from "vitest";
import { explanations, needsNote, offeredActions, offeredForHeld } from "../../../src/parked/rules.ts";
import { actionKinds, parkReasons } from "../../../src/ledger/schema.ts";

const now = 10_000_000;
const MINUTE = 60_000;
const parked = {
  reason: "refused",
  deadline: now + 60 * MINUTE,
  lastAnswer: "InvalidTagException",
  usageUntil: null,
} as const;

const actions = (facts: Parameters<typeof offeredActions>[0]) =>
  offeredActions(facts, now).map(({ action }) => action);

describe("what is offered for a parked record", () => {
  it("always ends with writing it off, with words for each", () => {
    for (const reason of parkReasons) {
      const offered = offeredActions({ ...parked, reason }, now);
      expect(offered.at(-1)?.action).toBe("write_off");
      expect(offered.every(({ advice }) => advice.length > 30)).toBe(true);
      expect(explanations[reason].length).toBeGreaterThan(40);
    }
  });

  it("is to send it again only while AWS takes it, and only if it is somebody's", () => {
    expect(actions(parked)).toEqual(["send_again", "roll_over", "write_off"]);
    expect(actions({ ...parked, deadline: now + 2 * MINUTE + 1 })).toContain("send_again");
    expect(actions({ ...parked, deadline: now + 2 * MINUTE })).toEqual(["roll_over", "write_off"]);
    expect(actions({ ...parked, lastAnswer: "UnknownAgreement" })).toEqual(["roll_over", "write_off"]);
  });

  it("warns before what could bill a customer twice", () => {
    const adviceOf = (reason: "conflict" | "uncertain" | "expired") =>
      offeredActions({ ...parked, reason }, now).find(({ action }) => action === "roll_over")?.advice ?? "";
    expect(adviceOf("conflict")).toContain("Only if the other program has metered other usage");
    expect(adviceOf("uncertain")).toContain("otherwise the customer pays twice");
    expect(adviceOf("expired")).not.toContain("Only if");
  });

  it("joins no other hour once AWS takes no usage of its agreement", () => {
    for (const reason of parkReasons) {
      expect(actions({ ...parked, reason, usageUntil: now + 1 })).toContain("roll_over");
      const over = offeredActions({ ...parked, reason, usageUntil: now }, now);
      expect(over.map(({ action }) => action)).not.toContain("roll_over");
      expect(over.at(-1)).toMatchObject({
        action: "write_off",
        advice: expect.stringContaining("has ended") as unknown,
      });
    }
    // AWS may have it all the same.
    expect(actions({ ...parked, reason: "uncertain", usageUntil: now })).toEqual([
      "mark_delivered",
      "write_off",
    ]);
  });

  it("is marked as delivered only where AWS may have it", () => {
    for (const reason of parkReasons)
      expect(actions({ ...parked, reason }).includes("mark_delivered")).toBe(reason === "uncertain");
  });
});

describe("what is offered for held usage", () => {
  const actions = (usageUntil: number | null) => offeredForHeld(usageUntil, now).map(({ action }) => action);

  it("is to release it while AWS takes usage of its agreement", () => {
    expect(actions(null)).toEqual(["release", "write_off"]);
    expect(actions(now + 1)).toEqual(["release", "write_off"]);
    expect(actions(now)).toEqual(["write_off"]);
  });
});

describe("a note", () => {
  it("is asked for where nobody can see the reason from the books", () => {
    expect(actionKinds.filter(needsNote)).toEqual(["write_off", "mark_delivered"]);
  });
});
