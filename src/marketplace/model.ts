/**
 * The requests and responses of AWS Marketplace Metering Service (API version 2016-01-14), in AWS's own names.
 *
 * A timestamp is a number of seconds since 1970, as it travels on the wire (awsJson 1.1); a quantity is an integer
 * from 0 to 2147483647. AWS marks no member of a response as required, so every one may be absent.
 */

/** One part of what an allocation is tagged with. Both strings are non-empty. */
export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** The part of a record's quantity that belongs to one set of tags; without `Tags`, the untagged part. */
export interface UsageAllocation {
  readonly AllocatedUsageQuantity: number;
  readonly Tags?: readonly Tag[];
}

/** One quantity of usage of one customer, in one dimension and one hour. */
export interface UsageRecord {
  /** Seconds since 1970, in UTC. AWS keeps only its hour. */
  readonly Timestamp: number;
  readonly Dimension: string;
  /** Only for integrations from before {@link LicenseArn}; new products have none. */
  readonly CustomerIdentifier?: string;
  /** 0 when absent. */
  readonly Quantity?: number;
  readonly UsageAllocations?: readonly UsageAllocation[];
  readonly CustomerAWSAccountId?: string;
  /** Names the agreement, and with it the product: never together with a request's `ProductCode`. */
  readonly LicenseArn?: string;
}

/** Up to 25 records of one product, under 1 MB. */
export interface BatchMeterUsageRequest {
  readonly UsageRecords: readonly UsageRecord[];
  /** Only for records without `LicenseArn`. */
  readonly ProductCode?: string;
}

/** The statuses that AWS documents; one that it adds later arrives as it is. */
export type UsageRecordResultStatus =
  "Success" | "CustomerNotSubscribed" | "DuplicateRecord" | (string & Record<never, never>);

/** What AWS made of one record. */
export interface UsageRecordResult {
  /** AWS's echo of the record; its timestamp may be cut to the hour. */
  readonly UsageRecord?: Partial<UsageRecord>;
  readonly MeteringRecordId?: string;
  readonly Status?: UsageRecordResultStatus;
}

/** A success says only that AWS read the records: each has its own status. */
export interface BatchMeterUsageResponse {
  /** In no promised order. */
  readonly Results: readonly UsageRecordResult[];
  /** What failed inside AWS, to be sent again as it was. */
  readonly UnprocessedRecords: readonly Partial<UsageRecord>[];
}

/** Signed inside the customer's AWS account only: see {@link MarketplaceClient.meterUsage}. */
export interface MeterUsageRequest {
  readonly ProductCode: string;
  /** Seconds since 1970, in UTC. */
  readonly Timestamp: number;
  readonly UsageDimension: string;
  /** 0 when absent. */
  readonly UsageQuantity?: number;
  /** Asks only whether the caller may; AWS then keeps nothing. */
  readonly DryRun?: boolean;
  readonly UsageAllocations?: readonly UsageAllocation[];
  /** Makes a retry safe: 1 to 64 characters. */
  readonly ClientToken?: string;
}

export interface MeterUsageResponse {
  /** Absent after a permitted dry run. */
  readonly MeteringRecordId?: string;
}

/** Signed inside the customer's AWS account only: see {@link MarketplaceClient.registerUsage}. */
export interface RegisterUsageRequest {
  readonly ProductCode: string;
  /** 1 or more. */
  readonly PublicKeyVersion: number;
  /** Up to 255 characters. */
  readonly Nonce?: string;
}

export interface RegisterUsageResponse {
  /** Seconds since 1970; only when the public key version has expired. */
  readonly PublicKeyRotationTimestamp?: number;
  /** A JSON Web Token. */
  readonly Signature?: string;
}

export interface ResolveCustomerRequest {
  /** `x-amzn-marketplace-token` of the registration form, form-decoded once. */
  readonly RegistrationToken: string;
}

export interface ResolveCustomerResponse {
  /** Absent for products created since June 2026. */
  readonly CustomerIdentifier?: string;
  readonly ProductCode?: string;
  readonly CustomerAWSAccountId?: string;
  readonly LicenseArn?: string;
}
