import { findCustomer, findLicense, findProduct, findSubscription, isLive, usageEnd } from "../agreements.ts";
import { book, type Booking } from "../books.ts";
import { hourOf } from "../clock.ts";
import type { Agreement, Product } from "../model.ts";
import { awsError, fail, succeed, type Outcome } from "../wire/errors.ts";
import type { BatchMeterUsageInput, UsageRecordInput } from "../wire/inputs.ts";
import { offersBatchMeterUsage } from "../wire/regions.ts";
import type { Caller, World } from "../world.ts";
import { rules, type Batch, type BatchRecord } from "./batch-rules.ts";

export interface UsageRecordResult {
  readonly UsageRecord: UsageRecordInput;
  readonly MeteringRecordId?: string;
  readonly Status: string;
}

export interface BatchMeterUsageOutput {
  readonly Results: readonly UsageRecordResult[];
  readonly UnprocessedRecords: readonly UsageRecordInput[];
}

/** Whether a fault keeps the record at an index from being processed. */
export type IsUnprocessed = (record: UsageRecordInput, index: number) => boolean;

/**
 * Judges a batch as a whole, in the order of the switches, and then each of its records. A batch that is refused has
 * changed nothing.
 */
export function batchMeterUsage(
  world: World,
  caller: Caller,
  input: BatchMeterUsageInput,
  isUnprocessed: IsUnprocessed = () => false,
): Outcome<BatchMeterUsageOutput> {
  if (!offersBatchMeterUsage(caller.region) || world.switches.disabledRegions.includes(caller.region)) {
    return fail("DisabledApiException", "The API is disabled in the Region.");
  }
  const batch = readBatch(world, caller, input);
  for (const rule of world.switches.checkOrder) {
    const error = rules[rule](batch, world, caller);
    if (error !== null) return { ok: false, error };
  }
  const repeated = findRepeated(world, caller, batch);
  if (repeated !== null) return { ok: false, error: repeated };

  const results: UsageRecordResult[] = [];
  const unprocessed: UsageRecordInput[] = [];
  for (const [index, record] of batch.records.entries()) {
    if (isUnprocessed(record.input, index)) unprocessed.push(record.input);
    else results.push(meter(world, caller, batch, record));
  }
  return succeed({ Results: results, UnprocessedRecords: unprocessed });
}

/** Finds what the records speak of; whether that is right is for the rules. */
function readBatch(world: World, caller: Caller, input: BatchMeterUsageInput): Batch {
  const named = input.ProductCode ? findProduct(world.store, input.ProductCode, caller.accountId) : undefined;
  const records = input.UsageRecords.map((record) => {
    const agreement = findAgreement(world, named, record);
    const product = named ?? (agreement && findProduct(world.store, agreement.productCode, caller.accountId));
    return { input: record, agreement, product, timestamp: Math.round(record.Timestamp * 1000) };
  });
  return { productCode: input.ProductCode || null, product: named, records };
}

function findAgreement(
  { store, now, switches }: World,
  product: Product | undefined,
  record: UsageRecordInput,
): Agreement | undefined {
  if (record.LicenseArn) return findLicense(store, record.LicenseArn);
  if (product === undefined) return undefined;
  if (record.CustomerIdentifier) {
    const agreement = findCustomer(store, record.CustomerIdentifier);
    return agreement?.productCode === product.productCode ? agreement : undefined;
  }
  if (!record.CustomerAWSAccountId) return undefined;
  const { productCode } = product;
  return findSubscription(store, productCode, record.CustomerAWSAccountId, (found) =>
    isLive(found, now, switches),
  );
}

function findRepeated(world: World, caller: Caller, { records }: Batch) {
  if (world.switches.inRequestDuplicate === "firstWins") return null;
  const keys = records.map((record) =>
    JSON.stringify([
      record.agreement?.agreementId,
      record.input.Dimension,
      hourOf(record.timestamp),
      caller.region,
    ]),
  );
  if (new Set(keys).size === keys.length) return null;
  return awsError("ValidationException", "A customer's dimension has more than one record for one hour.");
}

function meter(world: World, caller: Caller, batch: Batch, record: BatchRecord): UsageRecordResult {
  const { input, agreement, timestamp } = record;
  const echo =
    world.switches.echoTimestamp === "hour" ? { ...input, Timestamp: hourOf(timestamp) / 1000 } : input;
  // Usage after its licence's end has failed the batch by now; a legacy customer was no longer subscribed then.
  if (
    agreement === undefined ||
    timestamp > usageEnd(agreement) ||
    !isLive(agreement, world.now, world.switches)
  ) {
    return { UsageRecord: echo, Status: "CustomerNotSubscribed" };
  }
  const entry = {
    operation: "BatchMeterUsage" as const,
    region: caller.region,
    productCode: agreement.productCode,
    accountId: agreement.accountId,
    customerIdentifier: agreement.customerIdentifier,
    dimension: input.Dimension,
    timestamp,
    quantity: input.Quantity ?? 0,
    allocations: input.UsageAllocations ?? [],
  };
  const licenseArn = input.LicenseArn ?? null;
  // Only the switch "doubleBook" lets both through: the books then hold, and bill, the hour under each.
  if (licenseArn !== null && batch.productCode !== null) book(world, { ...entry, licenseArn: null });
  const booking = book(world, { ...entry, licenseArn });
  const meteringRecordId = booking.record.meteringRecordId;
  return { UsageRecord: echo, MeteringRecordId: meteringRecordId, Status: statusOf(booking, world) };
}

function statusOf({ result }: Booking, { switches }: World): string {
  switch (result) {
    case "booked":
      return "Success";
    case "repeated":
      return switches.identicalResubmit === "success" ? "Success" : "DuplicateRecord";
    case "taken":
      return "DuplicateRecord";
  }
}
