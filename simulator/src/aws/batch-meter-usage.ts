import { randomId } from "../random-id.ts";
import type { Agreement, Product, State, StoredRecord } from "../state.ts";
import { checkAllocations } from "./allocations.ts";
import { fail, succeed, type AwsError, type Outcome } from "./errors.ts";
import { readBatch, type BatchRequest, type WireRecord } from "./batch-request.ts";
import { acceptsTimestamp, hourOf } from "./time-window.ts";

export interface UsageRecordResult {
  readonly UsageRecord: WireRecord;
  readonly MeteringRecordId?: string;
  readonly Status: string;
}

export interface BatchResponse {
  readonly Results: readonly UsageRecordResult[];
  readonly UnprocessedRecords: readonly WireRecord[];
}

export interface BatchContext {
  readonly state: State;
  readonly region: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** A record that has passed every check of the batch, with whom it is about; null for an unknown customer. */
interface Checked {
  readonly record: WireRecord;
  readonly agreement: Agreement | null;
  readonly product: Product;
}

/**
 * BatchMeterUsage. Everything is checked before anything is stored: AWS refuses a batch whole. Then each record is
 * answered for itself; the first quantity for a customer, dimension and hour stays for ever.
 */
export function batchMeterUsage(body: unknown, context: BatchContext): Outcome<BatchResponse> {
  const request = readBatch(body);
  if (!request.ok) return request;
  const checked: Checked[] = [];
  for (const record of request.value.records) {
    const outcome = check(record, request.value, context);
    if (!outcome.ok) return outcome;
    checked.push(outcome.value);
  }
  const products = new Set(checked.map(({ product }) => product.productCode));
  if (products.size > 1) {
    return fail("InvalidLicenseException", "All usage records in a request must belong to one product.");
  }
  return succeed({ Results: checked.map((one) => store(one, context)), UnprocessedRecords: [] });
}

function check(record: WireRecord, request: BatchRequest, context: BatchContext): Outcome<Checked> {
  const found = findCustomer(record, request, context);
  if (!found.ok) return found;
  const { product } = found.value;
  if (!product.dimensions.includes(record.Dimension)) {
    return fail(
      "InvalidUsageDimensionException",
      `The usage dimension ${record.Dimension} is not defined for the product.`,
    );
  }
  const problem: AwsError | null = checkAllocations(record);
  if (problem !== null) return { ok: false, error: problem };
  if (!acceptsTimestamp(record.Timestamp * 1000, context.now)) {
    return fail("TimestampOutOfBoundsException", "The timestamp value is out of the accepted range.");
  }
  return succeed({ record, ...found.value });
}

type Customer = Pick<Checked, "agreement" | "product">;

function findCustomer(
  record: WireRecord,
  { productCode }: BatchRequest,
  { state }: BatchContext,
): Outcome<Customer> {
  if (record.LicenseArn !== undefined) {
    if (productCode !== undefined) {
      return fail(
        "InvalidProductCodeException",
        "ProductCode must not be provided together with LicenseArn.",
      );
    }
    const agreement = state.agreementByLicense(record.LicenseArn);
    const product = agreement === null ? null : state.product(agreement.productCode);
    const foreign =
      record.CustomerAWSAccountId !== undefined && record.CustomerAWSAccountId !== agreement?.accountId;
    if (agreement === null || product === null || foreign || !isActive(agreement, record.Timestamp * 1000)) {
      return fail(
        "InvalidLicenseException",
        "The license is not valid, or not active at the time of the usage.",
      );
    }
    return succeed({ agreement, product });
  }
  const product = productCode === undefined ? null : state.product(productCode);
  if (product === null || product.concurrentAgreements) {
    return fail(
      "InvalidProductCodeException",
      "The product code passed does not match the product code used for publishing the product.",
    );
  }
  const customer = record.CustomerAWSAccountId ?? record.CustomerIdentifier ?? "";
  const agreement = state.agreementsByCustomer(product.productCode, customer)[0] ?? null;
  return succeed({
    agreement: agreement !== null && isActive(agreement, record.Timestamp * 1000) ? agreement : null,
    product,
  });
}

/** By the hour: AWS cuts a record's time down to it. */
function isActive({ startsAt, endsAt }: Agreement, time: number): boolean {
  return hourOf(time) >= hourOf(startsAt) && (endsAt === null || hourOf(time) <= hourOf(endsAt));
}

function store(
  { record, agreement, product }: Checked,
  { state, region, now }: BatchContext,
): UsageRecordResult {
  if (agreement === null) return { UsageRecord: record, Status: "CustomerNotSubscribed" };
  const identity = product.concurrentAgreements ? agreement.licenseArn : agreement.accountId;
  const key = JSON.stringify([
    region,
    product.productCode,
    identity,
    record.Dimension,
    hourOf(record.Timestamp * 1000),
  ]);
  const quantity = record.Quantity ?? 0;
  const held = state.record(key);
  if (held !== null) {
    const Status = held.quantity === quantity ? "Success" : "DuplicateRecord";
    return { UsageRecord: record, MeteringRecordId: held.meteringRecordId, Status };
  }
  const stored: StoredRecord = {
    key,
    region,
    productCode: product.productCode,
    licenseArn: record.LicenseArn ?? null,
    accountId: agreement.accountId,
    customerIdentifier: record.CustomerIdentifier ?? null,
    dimension: record.Dimension,
    timestamp: record.Timestamp * 1000,
    quantity,
    allocations: record.UsageAllocations ?? null,
    meteringRecordId: randomId(),
    receivedAt: now,
  };
  state.putRecord(stored);
  return { UsageRecord: record, MeteringRecordId: stored.meteringRecordId, Status: "Success" };
}
