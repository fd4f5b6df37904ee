import type { BatchMeterUsageResponse, UsageRecord } from "../marketplace/index.ts";
import { HOUR, hourOf, SECOND } from "../meter/hours.ts";
import type { RecordAnswer } from "./settling.ts";

/**
 * Finds what AWS said of each record of a call, in the call's order. AWS promises no order, and its echo of a
 * timestamp may be cut to the hour, so records are known by what AWS itself tells them apart by: the customer, the
 * dimension and the hour.
 */
export function matchResults(
  sent: readonly UsageRecord[],
  response: BatchMeterUsageResponse,
): RecordAnswer[] {
  const answers = new Map<string, RecordAnswer>();
  for (const echo of response.UnprocessedRecords) answers.set(identityOf(echo), { kind: "unprocessed" });
  for (const { UsageRecord: echo, Status, MeteringRecordId } of response.Results) {
    if (echo === undefined || Status === undefined) continue;
    answers.set(identityOf(echo), {
      kind: "result",
      status: Status,
      meteringRecordId: MeteringRecordId ?? null,
    });
  }
  return sent.map((record) => answers.get(identityOf(record)) ?? { kind: "absent" });
}

function identityOf(record: Partial<UsageRecord>): string {
  const hour = hourOf((record.Timestamp ?? 0) * SECOND) / HOUR;
  const customer = record.LicenseArn ?? record.CustomerAWSAccountId ?? record.CustomerIdentifier ?? "";
  return JSON.stringify([customer, record.Dimension, hour]);
}
