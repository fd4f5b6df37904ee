import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../../../src/meter/hours.ts";
import { allowed, sealingOf, start, use } from "./test-allowance.ts";

describe("usage that a contract includes in a term", () => {
  it("is so much in a term, and anew in the next; what the last one left is lost", async () => {
    const meter = await allowed("5", "term");
    expect(await use(meter, start, "3")).toEqual([]);
    const renewal = start + 40 * 24 * HOUR;
    expect(await use(meter, renewal - HOUR, "1")).toEqual([]);
    await meter.allow("5", { per: "term", since: renewal }, renewal);
    expect(await use(meter, renewal, "6")).toEqual([1]);
    // And a term that is read again is not a new one.
    await meter.allow("5", { per: "term", since: renewal }, renewal);
    expect(await use(meter.restart(), renewal + HOUR, "6")).toEqual([6]);
    expect(meter.books).toMatchObject({ withheld: "9", sealed: "7" });
  });

  it("is the last term's in hours of before that are sealed when the next has begun", async () => {
    const meter = await allowed("5", "term");
    expect(await use(meter, start, "3")).toEqual([]);
    const renewal = start + 3 * HOUR;
    const before = renewal - HOUR;
    await meter.accept([{ quantity: "4", time: before }], before);
    await meter.accept([{ quantity: "5", time: renewal }], renewal);
    for (const quantity of ["5", "6"]) {
      await meter.allow(quantity, { per: "term", since: renewal }, renewal);
      meter.pack(renewal);
      meter.restart();
    }
    expect(meter.seal(sealingOf(before)).map((record) => record.quantity)).toEqual([2]);
    expect(meter.seal(sealingOf(renewal))).toEqual([]);
    expect(await use(meter, renewal + HOUR, "3")).toEqual([2]);
    expect(meter.books).toMatchObject({ withheld: "11" });
  });

  it("is none of a term of before when the contract includes it by another period meanwhile", async () => {
    const meter = await allowed("5", "term");
    const [month, renewal] = [start + HOUR, start + 3 * HOUR];
    await meter.allow("0", { per: "month", since: start }, month);
    await meter.accept([{ quantity: "4", time: start }], start + MINUTE);
    await meter.allow("1", { per: "term", since: renewal }, renewal);
    expect(meter.seal(sealingOf(renewal)).map((record) => record.quantity)).toEqual([3]);
  });
});
