import { z } from "zod";
import { awsError, type AwsError } from "./errors.ts";

/** Requests as AWS's models constrain them (Marketplace Metering 2016-01-14, Marketplace Entitlement 2017-01-11). */

const quantity = z.int32().min(0);
const productCode = z
  .string()
  .max(255)
  .regex(/^[-a-zA-Z0-9/=:_.@]*$/);
// AWS's JSON protocol: a number of seconds since 1970, perhaps with a fraction.
const timestamp = z.number().min(0).max(253_402_300_799);
const dimension = z.string().min(1).max(255);

// Counts and characters of tags and allocations have exceptions of their own, so the model checks only their shape.
const allocation = z.object({
  AllocatedUsageQuantity: quantity,
  Tags: z.array(z.object({ Key: z.string(), Value: z.string() })).nullish(),
});
const allocations = z.array(allocation).nullish();

const licenseArn =
  /^arn:aws[a-zA-Z-]*:[A-Za-z0-9][A-Za-z0-9_/.-]{0,62}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,1023}$/;

const usageRecord = z.object({
  Timestamp: timestamp,
  Dimension: dimension,
  CustomerIdentifier: z.string().max(255).nullish(),
  CustomerAWSAccountId: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[0-9]+$/)
    .nullish(),
  LicenseArn: z.string().regex(licenseArn).nullish(),
  Quantity: quantity.nullish(),
  UsageAllocations: allocations,
});

export const batchMeterUsageInput = z.object({
  UsageRecords: z.array(usageRecord).max(25),
  ProductCode: productCode.nullish(),
});

export const meterUsageInput = z.object({
  ProductCode: productCode.min(1),
  Timestamp: timestamp,
  UsageDimension: dimension,
  UsageQuantity: quantity.nullish(),
  DryRun: z.boolean().nullish(),
  UsageAllocations: allocations,
  ClientToken: z.string().min(1).max(64).nullish(),
});

export const registerUsageInput = z.object({
  ProductCode: productCode.min(1),
  PublicKeyVersion: z.int32().min(1),
  Nonce: z.string().max(255).nullish(),
});

export const resolveCustomerInput = z.object({ RegistrationToken: z.string().min(1) });

export const getEntitlementsInput = z.object({
  ProductCode: z.string().min(1).max(255),
  Filter: z
    .partialRecord(
      z.enum(["CUSTOMER_IDENTIFIER", "CUSTOMER_AWS_ACCOUNT_ID", "DIMENSION", "LICENSE_ARN"]),
      z.array(z.string()).min(1),
    )
    .nullish(),
  NextToken: z.string().nullish(),
  MaxResults: z.int32().min(1).max(25).nullish(),
});

export type UsageRecordInput = z.output<typeof usageRecord>;
export type AllocationInput = z.output<typeof allocation>;
export type BatchMeterUsageInput = z.output<typeof batchMeterUsageInput>;
export type MeterUsageInput = z.output<typeof meterUsageInput>;
export type RegisterUsageInput = z.output<typeof registerUsageInput>;
export type ResolveCustomerInput = z.output<typeof resolveCustomerInput>;
export type GetEntitlementsInput = z.output<typeof getEntitlementsInput>;

/** Says what breaks a model as AWS does: a value of a wrong type, or one that fails a constraint. */
export function modelError(error: z.core.$ZodError, input: unknown): AwsError {
  const issue = error.issues[0];
  const path = issue?.path ?? [];
  const where = path.reduce<string>(
    (text, part) =>
      typeof part === "number" ? `${text}.${part + 1}.member` : `${text}${text && "."}${lowerFirst(part)}`,
    "",
  );
  const value = path.reduce<unknown>(
    (at, part) => (at as Record<PropertyKey, unknown> | null)?.[part],
    input,
  );
  if (issue?.code === "invalid_type" && value !== undefined && value !== null) {
    return awsError("SerializationException", `The value at '${where}' cannot be read as ${issue.expected}.`);
  }
  const constraint = value === undefined || value === null ? "Member must not be null" : constraintOf(issue);
  const message = `1 validation error detected: Value at '${where}' failed to satisfy constraint: ${constraint}`;
  return awsError("ValidationException", message);
}

const lowerFirst = (part: PropertyKey): string =>
  String(part).replace(/^[A-Z]/, (letter) => letter.toLowerCase());

function constraintOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === "too_big") {
    return issue.origin === "number" || issue.origin === "int"
      ? `Member must have value less than or equal to ${issue.maximum}`
      : `Member must have length less than or equal to ${issue.maximum}`;
  }
  if (issue?.code === "too_small") {
    return issue.origin === "number" || issue.origin === "int"
      ? `Member must have value greater than or equal to ${issue.minimum}`
      : `Member must have length greater than or equal to ${issue.minimum}`;
  }
  if (issue?.code === "invalid_format") return "Member must satisfy regular expression pattern";
  return `Member must satisfy its model: ${issue?.message ?? "invalid"}`;
}
