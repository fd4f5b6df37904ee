import type { DueRecord } from "./due-records.ts";

/** AWS takes at most 25 records a call (AWS API reference, BatchMeterUsage). */
export const MAX_RECORDS = 25;

/** A call must stay under 1 MB (AWS API reference, BatchMeterUsage); what AWS's envelope adds is far below the rest. */
const MAX_BYTES = 990_000;

/**
 * Groups records into calls, the most urgent first: one product a call, never records with a ProductCode beside records
 * without, and each as full as can be.
 *
 * @param due the most urgent first
 * @param more whether others wait behind them: a call that they would make fuller is left to be planned with them,
 * unless that is urgent
 */
export function planBatches(due: readonly DueRecord[], more: boolean): DueRecord[][] {
  const open = new Map<string, { records: DueRecord[]; bytes: number }>();
  const batches: DueRecord[][] = [];
  const unfilled = new Set<DueRecord[]>();
  for (const record of due) {
    const key = JSON.stringify([record.productId, record.productCode]);
    const batch = open.get(key);
    if (
      batch !== undefined &&
      batch.records.length < MAX_RECORDS &&
      batch.bytes + record.bytes <= MAX_BYTES
    ) {
      batch.records.push(record);
      batch.bytes += record.bytes;
      continue;
    }
    if (batch !== undefined) unfilled.delete(batch.records);
    const records = [record];
    open.set(key, { records, bytes: record.bytes });
    batches.push(records);
    unfilled.add(records);
  }
  for (const batch of unfilled) if (batch.length === MAX_RECORDS) unfilled.delete(batch);
  // When no call is full there are more products than calls could serve better.
  if (!more || unfilled.size === batches.length) return batches;
  return batches.filter((batch) => !unfilled.has(batch) || batch.some(({ isUrgent }) => isUrgent));
}
