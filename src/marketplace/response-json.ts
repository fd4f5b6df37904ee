import type { JsonObject } from "./aws-json.ts";
import { isJsonObject } from "./aws-json.ts";
import type {
  BatchMeterUsageResponse,
  MeterUsageResponse,
  RegisterUsageResponse,
  ResolveCustomerResponse,
  Tag,
  UsageAllocation,
  UsageRecord,
  UsageRecordResult,
} from "./model.ts";

/*
 * Responses from JSON. AWS marks no member as required and may add others: what is absent stays absent, what is new is
 * ignored, and only a list that is no list makes an answer unreadable (null).
 */

type Strings<K extends string> = { readonly [P in K]?: string };

/** The named members that are strings; AWS's empty string for "none" counts as absent. */
export function stringsIn<K extends string>(source: JsonObject, keys: readonly K[]): Strings<K> {
  const entries = keys.map((key) => [key, source[key]] as const);
  return Object.fromEntries(
    entries.filter(([, value]) => typeof value === "string" && value !== ""),
  ) as Strings<K>;
}

/** Seconds since 1970 from what AWS may send: a number, or the date text of its documentation's examples. */
export function secondsFrom(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value === "") return undefined;
  const seconds = /^[\d.eE+]+$/.test(value) ? Number(value) : Date.parse(value) / 1000;
  return Number.isFinite(seconds) ? seconds : undefined;
}

/** A list of objects; empty when absent, null when it is something else. */
export function objectsIn(source: JsonObject, key: string): readonly JsonObject[] | null {
  const list = source[key] ?? [];
  return Array.isArray(list) && list.every(isJsonObject) ? list : null;
}

function isTag(value: unknown): value is Tag {
  return isJsonObject(value) && typeof value["Key"] === "string" && typeof value["Value"] === "string";
}

function allocationIn(source: JsonObject): UsageAllocation | null {
  const { AllocatedUsageQuantity, Tags } = source;
  if (typeof AllocatedUsageQuantity !== "number") return null;
  if (Tags === undefined || Tags === null) return { AllocatedUsageQuantity };
  return Array.isArray(Tags) && Tags.every(isTag)
    ? { AllocatedUsageQuantity, Tags: Tags.map(({ Key, Value }) => ({ Key, Value })) }
    : null;
}

const recordStrings = ["Dimension", "CustomerIdentifier", "CustomerAWSAccountId", "LicenseArn"] as const;

function recordIn(source: JsonObject): Partial<UsageRecord> {
  const { Quantity } = source;
  const Timestamp = secondsFrom(source["Timestamp"]);
  const allocations = objectsIn(source, "UsageAllocations")?.map(allocationIn) ?? [];
  const whole = allocations.filter((allocation) => allocation !== null);
  return {
    ...(Timestamp !== undefined && { Timestamp }),
    ...stringsIn(source, recordStrings),
    ...(typeof Quantity === "number" && { Quantity }),
    ...(whole.length > 0 && whole.length === allocations.length && { UsageAllocations: whole }),
  };
}

function resultIn(source: JsonObject): UsageRecordResult {
  const { UsageRecord } = source;
  return {
    ...(isJsonObject(UsageRecord) && { UsageRecord: recordIn(UsageRecord) }),
    ...stringsIn(source, ["MeteringRecordId", "Status"]),
  };
}

export function batchMeterUsageFrom(json: JsonObject): BatchMeterUsageResponse | null {
  const results = objectsIn(json, "Results");
  const unprocessed = objectsIn(json, "UnprocessedRecords");
  if (results === null || unprocessed === null) return null;
  return { Results: results.map(resultIn), UnprocessedRecords: unprocessed.map(recordIn) };
}

export function meterUsageFrom(json: JsonObject): MeterUsageResponse {
  return stringsIn(json, ["MeteringRecordId"]);
}

export function registerUsageFrom(json: JsonObject): RegisterUsageResponse {
  const rotated = secondsFrom(json["PublicKeyRotationTimestamp"]);
  return {
    ...(rotated !== undefined && { PublicKeyRotationTimestamp: rotated }),
    ...stringsIn(json, ["Signature"]),
  };
}

export function resolveCustomerFrom(json: JsonObject): ResolveCustomerResponse {
  return stringsIn(json, ["CustomerIdentifier", "ProductCode", "CustomerAWSAccountId", "LicenseArn"]);
}
