import type {
  BatchMeterUsageRequest,
  MeterUsageRequest,
  RegisterUsageRequest,
  ResolveCustomerRequest,
  Tag,
  UsageAllocation,
  UsageRecord,
} from "./model.ts";

/*
 * Requests as JSON. Every field is named here, in one order, so that the same request makes the same bytes whoever
 * built the object and whatever else is in it: a repeat is safe only while it is identical.
 */

function tagOut({ Key, Value }: Tag): Tag {
  return { Key, Value };
}

function allocationOut({ AllocatedUsageQuantity, Tags }: UsageAllocation): UsageAllocation {
  return { AllocatedUsageQuantity, ...(Tags !== undefined && { Tags: Tags.map(tagOut) }) };
}

function recordOut(record: UsageRecord): Record<keyof UsageRecord, unknown> {
  return {
    Timestamp: record.Timestamp,
    Dimension: record.Dimension,
    CustomerIdentifier: record.CustomerIdentifier,
    Quantity: record.Quantity,
    UsageAllocations: record.UsageAllocations?.map(allocationOut),
    CustomerAWSAccountId: record.CustomerAWSAccountId,
    LicenseArn: record.LicenseArn,
  };
}

/** The JSON of one record, as it stands inside a request. */
export function usageRecordJson(record: UsageRecord): string {
  return JSON.stringify(recordOut(record));
}

export function batchMeterUsageJson({ UsageRecords, ProductCode }: BatchMeterUsageRequest): string {
  return JSON.stringify({ UsageRecords: UsageRecords.map(recordOut), ProductCode });
}

export function meterUsageJson(request: MeterUsageRequest): string {
  const { ProductCode, Timestamp, UsageDimension, UsageQuantity, DryRun, UsageAllocations, ClientToken } =
    request;
  const allocations = UsageAllocations?.map(allocationOut);
  const head = { ProductCode, Timestamp, UsageDimension, UsageQuantity, DryRun };
  return JSON.stringify({ ...head, UsageAllocations: allocations, ClientToken });
}

export function registerUsageJson({ ProductCode, PublicKeyVersion, Nonce }: RegisterUsageRequest): string {
  return JSON.stringify({ ProductCode, PublicKeyVersion, Nonce });
}

export function resolveCustomerJson({ RegistrationToken }: ResolveCustomerRequest): string {
  return JSON.stringify({ RegistrationToken });
}
