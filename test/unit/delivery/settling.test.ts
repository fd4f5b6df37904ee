import { describe, expect, it } from "vitest";
import { putBack, settleByAnswer, settleByError, type Carried } from "../../../src/delivery/settling.ts";
import type { MarketplaceError, RecordAnswer } from "../../../src/marketplace/index.ts";

const now = { time: 1_000_000, random: () => 0.5 };
const fresh: Carried = {
  attempts: 0,
  mayBeHeld: false,
  isPending: false,
  isOutdated: false,
  deadline: 90_000_000,
};
const sentBefore: Carried = {
  attempts: 1,
  mayBeHeld: true,
  isPending: false,
  isOutdated: false,
  deadline: 90_000_000,
};

const said = (status: string): RecordAnswer => ({ kind: "result", status, meteringRecordId: "m-1" });

function error(advice: MarketplaceError["advice"], held: MarketplaceError["held"]): MarketplaceError {
  return {
    kind: "unknown-error",
    advice,
    held,
    code: "SomeException",
    message: "",
    requestId: null,
    httpStatus: 400,
  };
}

describe("a record that AWS answered for", () => {
  it("is delivered by Success, with AWS's receipt", () => {
    expect(settleByAnswer(fresh, said("Success"), now)).toEqual({
      state: "delivered",
      answer: "Success",
      meteringRecordId: "m-1",
    });
  });

  it("is delivered by DuplicateRecord if it was sent before: AWS holds these very bytes", () => {
    expect(settleByAnswer(sentBefore, said("DuplicateRecord"), now)).toMatchObject({ state: "delivered" });
  });

  it("is a conflict by DuplicateRecord if it was never sent before: someone else has metered that hour", () => {
    expect(settleByAnswer(fresh, said("DuplicateRecord"), now)).toMatchObject({
      state: "parked",
      reason: "conflict",
      mayBeHeld: false,
    });
  });

  it("is a conflict by DuplicateRecord, too, if every call before was surely refused", () => {
    const refusedBefore: Carried = {
      attempts: 1,
      mayBeHeld: false,
      isPending: false,
      isOutdated: false,
      deadline: 90_000_000,
    };
    expect(settleByAnswer(refusedBefore, said("DuplicateRecord"), now)).toMatchObject({
      state: "parked",
      reason: "conflict",
    });
  });

  it("waits by CustomerNotSubscribed, since the customer may be subscribed again", () => {
    const settled = settleByAnswer(fresh, said("CustomerNotSubscribed"), now);
    expect(settled).toMatchObject({ state: "waiting", mayBeHeld: false, retryAt: now.time + 15 * 60_000 });
  });

  it.each([
    ["unprocessed", "UnprocessedRecord"],
    ["absent", "NotInAnswer"],
  ] as const)("that is %s is said to be so", (kind, answer) => {
    expect(settleByAnswer(fresh, { kind }, now)).toMatchObject({ answer });
  });

  it("goes again when AWS has not processed it, and AWS does not hold it", () => {
    expect(settleByAnswer(fresh, { kind: "unprocessed" }, now)).toMatchObject({
      state: "pending",
      mayBeHeld: false,
    });
  });

  it.each<[string, RecordAnswer]>([
    ["in neither list", { kind: "absent" }],
    ["with a status that is new to us", said("SomethingNew")],
  ])("%s goes again, and AWS may hold it", (_what, answer) => {
    expect(settleByAnswer(fresh, answer, now)).toMatchObject({ state: "pending", mayBeHeld: true });
  });

  it("is not forgotten to be perhaps held by a later answer that is sure of itself only", () => {
    expect(settleByAnswer(sentBefore, { kind: "unprocessed" }, now)).toMatchObject({ mayBeHeld: true });
    expect(settleByAnswer(sentBefore, said("CustomerNotSubscribed"), now)).toMatchObject({ mayBeHeld: true });
  });
});

describe("a record whose call failed", () => {
  it.each([
    ["no", false],
    ["unknown", true],
  ] as const)("goes again after a passing fault; AWS may hold it: %s", (held, mayBeHeld) => {
    expect(settleByError(fresh, error("retry", held), now)).toMatchObject({ state: "pending", mayBeHeld });
  });

  it("goes again after a wrong setting: its product waits, and it has no fault", () => {
    const settled = settleByError(fresh, error("fix-setting", "no"), now);
    expect(settled).toMatchObject({ state: "pending", mayBeHeld: false });
  });

  it("waits for the deadline when its time is over by AWS's clock only", () => {
    const late: Carried = { ...fresh, deadline: now.time + 5 * 60_000 };
    const tooLate: MarketplaceError = { ...error("fix-record", "no"), kind: "timestamp-out-of-bounds" };
    expect(settleByError(late, tooLate, now)).toMatchObject({ state: "pending", retryAt: late.deadline });
    expect(settleByError(fresh, tooLate, now)).toMatchObject({ state: "parked", reason: "refused" });
  });

  it("that only the customer can mend waits a quarter of an hour", () => {
    expect(settleByError(fresh, error("tell-customer", "no"), now)).toEqual({
      state: "waiting",
      answer: "SomeException",
      retryAt: now.time + 15 * 60_000,
      mayBeHeld: false,
    });
  });

  it("is put back as it was when another of its call was the bad one", () => {
    const before = { state: "pending", answer: "SomeException", retryAt: now.time + 1 };
    expect(putBack(fresh, error("fix-record", "no"), now)).toEqual({ ...before, mayBeHeld: false });
    expect(putBack(sentBefore, error("fix-record", "no"), now)).toEqual({ ...before, mayBeHeld: true });
    expect(settleByError(fresh, error("retry", "no"), now)).toMatchObject(before);
  });

  it("is parked for another fault than its time, however near its deadline is", () => {
    const late: Carried = { ...fresh, deadline: now.time + 1 };
    expect(settleByError(late, error("fix-record", "no"), now)).toMatchObject({ state: "parked" });
  });

  it("is parked as refused when the record itself is wrong", () => {
    expect(settleByError(fresh, error("fix-record", "no"), now)).toMatchObject({
      state: "parked",
      reason: "refused",
    });
  });

  it("is parked as uncertain when it is wrong now, but AWS may hold it from before", () => {
    expect(settleByError(sentBefore, error("fix-record", "no"), now)).toMatchObject({
      state: "parked",
      reason: "uncertain",
    });
  });

  it.each([
    [0, 1001],
    [1, 2001],
    [2, 4001],
    [5, 32_001],
    [9, 512_001],
    [20, 600_001],
    [500, 600_001],
  ])("that AWS left unprocessed after %i calls waits up to %i ms, at random", (attempts, longest) => {
    const unprocessed = (random: number) =>
      settleByAnswer(
        { ...fresh, attempts, mayBeHeld: true },
        { kind: "unprocessed" },
        { time: 0, random: () => random },
      );
    expect(unprocessed(1)).toMatchObject({ retryAt: longest });
    expect(unprocessed(0)).toMatchObject({ retryAt: 1 });
  });
});
