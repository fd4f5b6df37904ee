import type {
  BatchMeterUsageRequest,
  MeterUsageRequest,
  RegisterUsageRequest,
  ResolveCustomerRequest,
  UsageRecord,
} from "./model.ts";
import type { Fault } from "./field-checks.ts";
import {
  checkAllocations,
  fault,
  firstFault,
  integer,
  maxQuantity,
  optional,
  text,
  timestamp,
} from "./field-checks.ts";
import { usageKey } from "./usage-key.ts";

/** AWS API reference, BatchMeterUsage: "up to 25 UsageRecords at a time". */
export const maxRecords = 25;

/** AWS API reference, BatchMeterUsage: "less than 1 MB", names included. Read as the smaller of its two meanings. */
export const maxRequestBytes = 1_000_000;

const utf8 = new TextEncoder();

/** How many bytes a text is on the wire. */
export function byteLength(text: string): number {
  return utf8.encode(text).byteLength;
}

const dimension = text(1, 255);
const quantity = optional(integer(0, maxQuantity));
const productCodeText = {
  is: /^[-a-zA-Z0-9/=:_.@]*$/,
  words: "consist of letters, digits and - / = : _ . @",
};
// AWS's pattern allows an empty code, which names no product.
const productCode = text(1, 255, productCodeText);
const customerIdentifier = optional(text(1, 255));
const accountId = optional(text(1, 255, { is: /^[0-9]+$/, words: "consist of digits" }));
const licenseArn = optional(
  text(1, 2048, {
    is: /^arn:aws[a-zA-Z-]*:[A-Za-z0-9][A-Za-z0-9_/.-]{0,62}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,1023}$/,
    words: "be an ARN, such as arn:aws:license-manager::111122223333:license:l-0123",
  }),
);

function checkFields(record: UsageRecord): Fault | null {
  const { UsageAllocations: allocations } = record;
  return firstFault(
    () => timestamp("Timestamp", record.Timestamp),
    () => dimension("Dimension", record.Dimension),
    () => quantity("Quantity", record.Quantity),
    () => customerIdentifier("CustomerIdentifier", record.CustomerIdentifier),
    () => accountId("CustomerAWSAccountId", record.CustomerAWSAccountId),
    () => licenseArn("LicenseArn", record.LicenseArn),
    () => (allocations && checkAllocations("UsageAllocations", allocations, record.Quantity ?? 0)) ?? null,
  );
}

/**
 * A record says whose it is in one of two ways: `LicenseArn`, which also names the product, or an id of the customer
 * under the request's `ProductCode`. Both at once would bill the hour twice (AWS API reference, BatchMeterUsage).
 */
function checkIdentity(record: UsageRecord, productCode: string | undefined): Fault | null {
  if (record.CustomerIdentifier !== undefined && record.CustomerAWSAccountId !== undefined) {
    return fault(
      "CustomerIdentifier",
      "must not be sent together with CustomerAWSAccountId: one of them is enough",
    );
  }
  if (record.LicenseArn !== undefined) {
    if (productCode !== undefined) {
      return fault(
        "LicenseArn",
        "must not be sent together with the request's ProductCode: AWS would bill twice",
      );
    }
    return record.CustomerAWSAccountId === undefined
      ? fault("CustomerAWSAccountId", "must be there beside LicenseArn")
      : null;
  }
  if (productCode === undefined) return fault("LicenseArn", "must be there in a request without ProductCode");
  return record.CustomerAWSAccountId === undefined && record.CustomerIdentifier === undefined
    ? fault("CustomerAWSAccountId", "or CustomerIdentifier must say whose usage it is")
    : null;
}

/** The fault of the first record that has one. */
function checkRecords(records: readonly UsageRecord[], productCode: string | undefined): Fault | null {
  const seen = new Map<string, number>();
  for (const [index, record] of records.entries()) {
    const found = checkFields(record) ?? checkIdentity(record, productCode);
    if (found !== null) return { ...found, record: index };
    const key = usageKey(record);
    const earlier = seen.get(key);
    if (earlier !== undefined) {
      const rule = `names the same customer, dimension and hour as record ${earlier}: AWS would bill only one of the two`;
      return fault("Timestamp", rule, index);
    }
    seen.set(key, index);
  }
  return null;
}

/**
 * Holds a request against the model before it leaves, so that AWS need not refuse 25 records for one.
 *
 * @param json the request as it will travel
 */
export function checkBatchMeterUsage(request: BatchMeterUsageRequest, json: string): Fault | null {
  const { UsageRecords: records, ProductCode } = request;
  if (records.length > maxRecords) {
    return fault("UsageRecords", `must hold at most ${maxRecords} records; it holds ${records.length}`);
  }
  const bytes = byteLength(json);
  return firstFault(
    () => optional(productCode)("ProductCode", ProductCode),
    () => checkRecords(records, ProductCode),
    () =>
      bytes < maxRequestBytes ? null : fault("UsageRecords", `must be under 1 MB; they are ${bytes} bytes`),
  );
}

export function checkMeterUsage(request: MeterUsageRequest, json: string): Fault | null {
  const { UsageAllocations: allocations, UsageQuantity = 0 } = request;
  const bytes = byteLength(json);
  return firstFault(
    () => productCode("ProductCode", request.ProductCode),
    () => timestamp("Timestamp", request.Timestamp),
    () => dimension("UsageDimension", request.UsageDimension),
    () => quantity("UsageQuantity", request.UsageQuantity),
    () => (allocations && checkAllocations("UsageAllocations", allocations, UsageQuantity)) ?? null,
    () => optional(text(1, 64))("ClientToken", request.ClientToken),
    () =>
      bytes < maxRequestBytes
        ? null
        : fault("UsageAllocations", `must be under 1 MB; they are ${bytes} bytes`),
  );
}

export function checkRegisterUsage(request: RegisterUsageRequest): Fault | null {
  return firstFault(
    () => productCode("ProductCode", request.ProductCode),
    () => integer(1, maxQuantity)("PublicKeyVersion", request.PublicKeyVersion),
    () => optional(text(0, 255))("Nonce", request.Nonce),
  );
}

/** AWS gives the token no greatest length; ours is far above any real one, and far below what a stranger could post. */
const longestToken = 20_000;

export function checkResolveCustomer({ RegistrationToken }: ResolveCustomerRequest): Fault | null {
  return text(1, longestToken)("RegistrationToken", RegistrationToken);
}
