import type { BatchMeterUsageResponse, UsageRecord, UsageRecordResultStatus } from "./model.ts";
import { identities, usageKey, usageKeyBy } from "./usage-key.ts";

/** What one answer says of one record. */
export type RecordAnswer =
  | {
      readonly kind: "result";
      readonly status: UsageRecordResultStatus;
      readonly meteringRecordId: string | null;
    }
  /** Failed inside AWS: to be sent again as it was. */
  | { readonly kind: "unprocessed" }
  /** AWS gave it no status, so AWS may or may not hold it: to be sent again as it was. */
  | { readonly kind: "absent" };

/** An echo may name the customer in more ways than the request did: it is found by each. */
function keysOf(echo: Partial<UsageRecord>): readonly string[] {
  return identities
    .filter((identity) => echo[identity] !== undefined)
    .map((identity) => usageKeyBy(identity, echo));
}

/**
 * Finds each record's part of an answer, in the order of the records.
 *
 * By whose it is, dimension and hour: AWS promises neither the order of its results nor that the echoed timestamp is the
 * one that was sent.
 */
export function answersFor(
  records: readonly UsageRecord[],
  response: BatchMeterUsageResponse,
): readonly RecordAnswer[] {
  const answers = new Map<string, RecordAnswer>();
  const note = (echo: Partial<UsageRecord>, answer: RecordAnswer): void => {
    for (const key of keysOf(echo)) if (!answers.has(key)) answers.set(key, answer);
  };
  for (const { UsageRecord: echo = {}, Status, MeteringRecordId } of response.Results) {
    if (Status === undefined) continue;
    note(echo, { kind: "result", status: Status, meteringRecordId: MeteringRecordId ?? null });
  }
  for (const echo of response.UnprocessedRecords) note(echo, { kind: "unprocessed" });
  return records.map((record) => answers.get(usageKey(record)) ?? { kind: "absent" });
}
