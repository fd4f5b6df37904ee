import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptanceDeadline, HOUR } from "../../../src/meter/hours.ts";

const isAccepted = (usage: string, now: string): boolean =>
  Date.parse(now) < acceptanceDeadline(Date.parse(usage));

describe("how late AWS takes usage", () => {
  it.each([
    ["a second under 24 hours", "2026-11-22T10:00:01Z", "2026-11-23T10:00:00Z", true],
    ["24 hours exactly", "2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z", false],
    ["last month's until 06:00 on the first", "2026-11-30T23:00:00Z", "2026-12-01T05:59:59Z", true],
    ["last month's from 06:00 on the first", "2026-11-30T23:00:00Z", "2026-12-01T06:00:00Z", false],
    ["the year's last hour until 06:00", "2026-12-31T23:59:59Z", "2027-01-01T05:59:59Z", true],
    ["this month's after 06:00 on the first", "2026-12-01T00:00:00Z", "2026-12-01T06:00:00Z", true],
    ["last month's over 24 hours old, before 06:00", "2026-11-30T05:00:00Z", "2026-12-01T05:30:00Z", false],
    ["29 February's", "2028-02-29T12:00:00Z", "2028-03-01T05:59:59Z", true],
  ])("%s", (_what, usage, now, accepted) => {
    expect(isAccepted(usage, now)).toBe(accepted);
  });

  it("is never longer than 24 hours nor shorter than 6, and a later hour never closes earlier", () => {
    const time = fc.integer({ min: 0, max: 4_000_000_000_000 });
    fc.assert(
      fc.property(time, fc.integer({ min: 0, max: 24 * HOUR }), (usage, later) => {
        const open = acceptanceDeadline(usage) - usage;
        expect(open).toBeLessThanOrEqual(24 * HOUR);
        expect(open).toBeGreaterThan(6 * HOUR);
        expect(acceptanceDeadline(usage + later)).toBeGreaterThanOrEqual(acceptanceDeadline(usage));
      }),
    );
  });
});
