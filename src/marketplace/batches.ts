import type { UsageRecord } from "./model.ts";
import { byteLength, maxRecords, maxRequestBytes } from "./request-checks.ts";
import { batchMeterUsageJson, usageRecordJson } from "./request-json.ts";

/** Records in as many requests as they need. */
export interface Batches<T extends UsageRecord> {
  /** In the order given; each fits in one call. */
  readonly batches: readonly (readonly T[])[];
  /** Records that do not fit in a call even alone. */
  readonly tooLarge: readonly T[];
}

/**
 * Packs records of one product into BatchMeterUsage calls: at most 25 records and under 1 MB of UTF-8 each, in the
 * order given.
 *
 * @param productCode the code that the requests will carry, for records without `LicenseArn`
 */
export function packBatches<T extends UsageRecord>(records: readonly T[], productCode?: string): Batches<T> {
  const request = { UsageRecords: [], ...(productCode !== undefined && { ProductCode: productCode }) };
  const envelope = byteLength(batchMeterUsageJson(request));
  const batches: T[][] = [];
  const tooLarge: T[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const record of records) {
    // One more for the comma, which the first of a batch has not: never too little.
    const size = byteLength(usageRecordJson(record)) + 1;
    if (envelope + size >= maxRequestBytes) {
      tooLarge.push(record);
      continue;
    }
    const last = batches.at(-1);
    if (last === undefined || last.length === maxRecords || bytes + size >= maxRequestBytes) {
      batches.push([record]);
      bytes = envelope + size;
    } else {
      last.push(record);
      bytes += size;
    }
  }
  return { batches, tooLarge };
}
