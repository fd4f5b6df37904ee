import { isInWindow } from "../acceptance-window.ts";
import { isLive, usageEnd } from "../agreements.ts";
import { hourOf } from "../clock.ts";
import type { Agreement, Product } from "../model.ts";
import type { Rule } from "../switches.ts";
import { checkAllocations, checkTags } from "../usage-checks.ts";
import { awsError, type AwsError } from "../wire/errors.ts";
import type { UsageRecordInput } from "../wire/inputs.ts";
import type { Caller, World } from "../world.ts";

export interface BatchRecord {
  readonly input: UsageRecordInput;
  readonly agreement: Agreement | undefined;
  /** The listing, if it is the caller's. */
  readonly product: Product | undefined;
  /** Epoch milliseconds. */
  readonly timestamp: number;
}

export interface Batch {
  /** As the request names it. */
  readonly productCode: string | null;
  readonly product: Product | undefined;
  readonly records: readonly BatchRecord[];
}

type CheckBatch = (batch: Batch, world: World, caller: Caller) => AwsError | null;

/** Applies a rule to each record: one that fails sinks the batch. */
const each =
  (check: (record: BatchRecord, world: World, batch: Batch) => AwsError | null): CheckBatch =>
  (batch, world) => {
    for (const record of batch.records) {
      const error = check(record, world, batch);
      if (error !== null) return error;
    }
    return null;
  };

/** The rules for a whole batch: the first that fails is the answer, and nothing of the batch is kept. */
export const rules: Readonly<Record<Rule, CheckBatch>> = {
  product: checkProduct,
  license: (batch, world, caller) => checkOneProduct(batch) ?? each(checkLicense)(batch, world, caller),
  dimension: each(({ input, product }) =>
    product === undefined || product.dimensions.includes(input.Dimension)
      ? null
      : awsError(
          "InvalidUsageDimensionException",
          "The usage dimension does not match one of the product's.",
        ),
  ),
  tags: each(({ input }, { switches }) => checkTags(input.UsageAllocations ?? [], switches)),
  allocations: each(({ input }) => checkAllocations(input.UsageAllocations, input.Quantity ?? 0)),
  timestamps: each(checkTimestamp),
};

const invalidProduct = (message: string): AwsError => awsError("InvalidProductCodeException", message);
const invalidLicense = (message: string): AwsError => awsError("InvalidLicenseException", message);
const invalidCustomer = (message: string): AwsError =>
  awsError("InvalidCustomerIdentifierException", message);

/** ProductCode is for legacy products alone; products with Concurrent Agreements are known by their LicenseArn. */
function checkProduct(
  { productCode, product, records }: Batch,
  world: World,
  caller: Caller,
): AwsError | null {
  const hasLicense = records.some(({ input }) => input.LicenseArn);
  if (productCode === null) {
    if (records.some(({ input }) => !input.LicenseArn)) {
      return invalidProduct("ProductCode is required for records without a LicenseArn.");
    }
    if (records.some((record) => record.product?.concurrentAgreements === false)) {
      return invalidProduct("The product is metered by ProductCode.");
    }
  } else {
    if (product === undefined)
      return invalidProduct("The product code does not match a product of this account.");
    if (world.switches.bothProductAndLicense === "reject" && (product.concurrentAgreements || hasLicense)) {
      return invalidProduct("ProductCode is not supported with Concurrent Agreements; send only LicenseArn.");
    }
  }
  const isDisabled = records.some(({ product }) => product?.regions?.includes(caller.region) === false);
  return isDisabled
    ? awsError("DisabledApiException", "The API is disabled for the product in the Region.")
    : null;
}

function checkOneProduct({ records }: Batch): AwsError | null {
  const products = new Set(
    records.flatMap(({ input, product }) => (input.LicenseArn && product ? [product] : [])),
  );
  const codes = new Set([...products].map(({ productCode }) => productCode));
  return codes.size > 1 ? invalidLicense("The licenses of one request must be for one product.") : null;
}

function checkLicense(record: BatchRecord, world: World, batch: Batch): AwsError | null {
  const { input, agreement, product, timestamp } = record;
  const { LicenseArn, CustomerAWSAccountId, CustomerIdentifier } = input;
  if (CustomerAWSAccountId && CustomerIdentifier) {
    return invalidCustomer("CustomerIdentifier and CustomerAWSAccountId exclude each other.");
  }
  if (!LicenseArn) {
    const mustExist = world.switches.unknownCustomer === "exception";
    return mustExist && agreement === undefined ? invalidCustomer("The customer does not exist.") : null;
  }
  if (agreement === undefined || product === undefined) return invalidLicense("The license does not exist.");
  if (batch.productCode !== null && agreement.productCode !== batch.productCode) {
    return invalidLicense("The license is for another product.");
  }
  // The model requires neither name of the customer; one that is there must be the licence's.
  if (
    (CustomerAWSAccountId && CustomerAWSAccountId !== agreement.accountId) ||
    (CustomerIdentifier && CustomerIdentifier !== agreement.customerIdentifier)
  ) {
    return invalidLicense("The license does not belong to the customer.");
  }
  // Whether it is live at all is told by the record's status.
  if (!isLive(agreement, world.now, world.switches) || isInPeriod(agreement, timestamp, world)) return null;
  return invalidLicense("The usage is outside the activation period of the license.");
}

function isInPeriod(agreement: Agreement, timestamp: number, { switches }: World): boolean {
  return !isBeforeStart(agreement, timestamp, switches.activationBasis) && timestamp <= usageEnd(agreement);
}

function isBeforeStart(agreement: Agreement, timestamp: number, basis: "raw" | "hour"): boolean {
  return timestamp < (basis === "hour" ? hourOf(agreement.startsAt) : agreement.startsAt);
}

function checkTimestamp({ input, agreement, timestamp }: BatchRecord, world: World): AwsError | null {
  const { switches, now } = world;
  const early =
    !input.LicenseArn &&
    agreement !== undefined &&
    isLive(agreement, now, switches) &&
    isBeforeStart(agreement, timestamp, switches.activationBasis);
  if (!early && isInWindow(timestamp, now, switches.windowHours, switches)) return null;
  const what = early ? "precedes the start of the software usage" : "is outside the allowed range";
  return awsError("TimestampOutOfBoundsException", `The timestamp value passed in the UsageRecord ${what}.`);
}
