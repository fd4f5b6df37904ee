import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BatchMeterUsageResponse, UsageRecord } from "../../../src/marketplace/index.ts";
import { answersFor } from "../../../src/marketplace/index.ts";
import { usage } from "./stand-in.ts";

function response(more: Partial<BatchMeterUsageResponse>): BatchMeterUsageResponse {
  return { Results: [], UnprocessedRecords: [], ...more };
}

const { LicenseArn: _arn, CustomerAWSAccountId: _account, ...anonymous } = usage();

describe("each record's part of an answer", () => {
  it("is found whatever order AWS answers in, and however it rounds the time", () => {
    const records = fc.uniqueArray(
      fc.tuple(fc.integer({ min: 1, max: 500_000 }), fc.constantFrom("a", "b")),
      {
        minLength: 1,
        maxLength: 25,
        selector: ([hour, dimension]) => `${hour} ${dimension}`,
      },
    );
    fc.assert(
      fc.property(
        records,
        fc.integer({ min: 0, max: 3599 }),
        fc.infiniteStream(fc.nat()),
        (keys, second, order) => {
          // Given records in any hours, and an answer to all of them in another order with hours for times
          const sent = keys.map(([hour, Dimension]) => usage({ Timestamp: hour * 3600 + second, Dimension }));
          const results = sent.map((record, index) => ({
            UsageRecord: { ...record, Timestamp: record.Timestamp - second },
            MeteringRecordId: `m-${index}`,
            Status: "Success",
          }));
          const weights = new Map(results.map((result) => [result, order.next().value]));
          const shuffled = results.toSorted((a, b) => (weights.get(a) ?? 0) - (weights.get(b) ?? 0));

          // When the answers are matched, then each record has its own
          expect(answersFor(sent, response({ Results: shuffled }))).toEqual(
            sent.map((_, index) => ({ kind: "result", status: "Success", meteringRecordId: `m-${index}` })),
          );
        },
      ),
    );
  });

  it("tells what AWS could not process from what it did not mention", () => {
    const [done, later, silent] = [usage(), usage({ Dimension: "storage" }), usage({ Dimension: "seats" })];
    const answer = response({
      Results: [{ UsageRecord: done, Status: "DuplicateRecord" }],
      UnprocessedRecords: [later],
    });

    expect(answersFor([done, later, silent], answer)).toEqual([
      { kind: "result", status: "DuplicateRecord", meteringRecordId: null },
      { kind: "unprocessed" },
      { kind: "absent" },
    ]);
  });

  it("is the first of two, and a result rather than a record to repeat: what AWS says it holds, it holds", () => {
    const answer = response({
      Results: [
        { UsageRecord: usage(), Status: "Success", MeteringRecordId: "m-1" },
        { UsageRecord: usage(), Status: "DuplicateRecord" },
      ],
      UnprocessedRecords: [usage()],
    });
    expect(answersFor([usage()], answer)).toEqual([
      { kind: "result", status: "Success", meteringRecordId: "m-1" },
    ]);
  });

  it("is absent where AWS left the status out: an id alone says nothing", () => {
    const answer = response({ Results: [{ UsageRecord: usage(), MeteringRecordId: "m-1" }] });
    expect(answersFor([usage()], answer)).toEqual([{ kind: "absent" }]);
  });

  it("is never that of another agreement of the same account", () => {
    const other = usage({ LicenseArn: "arn:aws:license-manager::111122223333:license:l-other" });
    const answer = response({ Results: [{ UsageRecord: other, Status: "Success" }] });
    expect(answersFor([usage()], answer)).toEqual([{ kind: "absent" }]);
  });

  it("is found by the identity that was sent when the echo names the customer in more ways", () => {
    const sent: UsageRecord = { ...anonymous, CustomerIdentifier: "X01EXAMPLEX" };
    const echo = { ...sent, CustomerAWSAccountId: "111122223333" };
    const answer = response({ Results: [{ UsageRecord: echo, Status: "Success" }] });
    expect(answersFor([sent], answer)).toMatchObject([{ kind: "result", status: "Success" }]);
  });

  it("is absent where the echo is", () => {
    expect(answersFor([usage()], response({ Results: [{ Status: "Success" }] }))).toEqual([
      { kind: "absent" },
    ]);
  });
});
