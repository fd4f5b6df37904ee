import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchResults } from "../../../src/delivery/match-results.ts";
import type { UsageRecord } from "../../../src/marketplace/index.ts";

const hour = 1_795_428_000;
const license = (n: number): string => `arn:aws:license-manager::111122223333:license:l-${n}`;

/** Records of different customers, dimensions or hours, as one call carries them. */
const calls = fc.uniqueArray(
  fc.record({
    Timestamp: fc.integer({ min: hour, max: hour + 4 * 3600 - 1 }),
    Dimension: fc.constantFrom("a", "b"),
    LicenseArn: fc.integer({ min: 1, max: 5 }).map(license),
    Quantity: fc.integer({ min: 0, max: 100 }),
  }),
  {
    minLength: 1,
    maxLength: 25,
    selector: ({ Timestamp, Dimension, LicenseArn }) =>
      JSON.stringify([Math.floor(Timestamp / 3600), Dimension, LicenseArn]),
  },
);

describe("matching AWS's results to the records of a call", () => {
  it("finds each record's own, whatever the order, with timestamps echoed whole or cut to the hour", () => {
    const shuffled = calls.chain((sent) => {
      const order = fc.shuffledSubarray([...sent.keys()], { minLength: sent.length });
      return fc.record({ sent: fc.constant<UsageRecord[]>(sent), order, cut: fc.boolean() });
    });
    fc.assert(
      fc.property(shuffled, ({ sent, order, cut }) => {
        const results = sent.map((record, index) => ({
          UsageRecord: cut ? { ...record, Timestamp: Math.floor(record.Timestamp / 3600) * 3600 } : record,
          Status: "Success",
          MeteringRecordId: `m-${index}`,
        }));
        const response = { Results: order.flatMap((index) => results[index] ?? []), UnprocessedRecords: [] };
        expect(matchResults(sent, response)).toEqual(
          sent.map((_record, index) => ({
            kind: "result",
            status: "Success",
            meteringRecordId: `m-${index}`,
          })),
        );
      }),
    );
  });

  it("tells what is unprocessed from what is in neither list", () => {
    const sent = [1, 2, 3].map((n): UsageRecord => ({
      Timestamp: hour,
      Dimension: "a",
      Quantity: n,
      LicenseArn: license(n),
    }));
    const response = {
      Results: [{ UsageRecord: sent[1] ?? {}, Status: "DuplicateRecord" }],
      UnprocessedRecords: [sent[2] ?? {}],
    };
    expect(matchResults(sent, response)).toEqual([
      { kind: "absent" },
      { kind: "result", status: "DuplicateRecord", meteringRecordId: null },
      { kind: "unprocessed" },
    ]);
  });

  it("takes nothing for a record from a result without an echo or a status", () => {
    const sent: UsageRecord[] = [{ Timestamp: hour, Dimension: "a", LicenseArn: license(1) }];
    expect(
      matchResults(sent, {
        Results: [{ Status: "Success" }, { UsageRecord: sent[0] ?? {} }],
        UnprocessedRecords: [],
      }),
    ).toEqual([{ kind: "absent" }]);
  });
});
