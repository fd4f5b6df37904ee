import { describe, expect, it } from "vitest";
import { explanations, needsNote, offeredActions } from "../../../src/parked/rules.ts";
import { actionKinds, parkReasons } from "../../../src/ledger/schema.ts";

const now = 10_000_000;
const MINUTE = 60_000;
const parked = { reason: "refused", deadline: now + 60 * MINUTE, lastAnswer: "InvalidTagException" } as const;

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

  it("is marked as delivered only where AWS may have it", () => {
    for (const reason of parkReasons)
      expect(actions({ ...parked, reason }).includes("mark_delivered")).toBe(reason === "uncertain");
  });
});

describe("a note", () => {
  it("is asked for where nobody can see the reason from the books", () => {
    expect(actionKinds.filter(needsNote)).toEqual(["write_off", "mark_delivered"]);
  });
});
