import type { UsageRecord } from "../marketplace/index.ts";
import type { SealedHour } from "../meter/account.ts";
import { SECOND } from "../meter/hours.ts";

/** How AWS knows an agreement. */
export interface AgreementIdentity {
  readonly accountId: string | null;
  readonly licenseArn: string | null;
  readonly customerIdentifier: string | null;
  /** Whether its product's records carry LicenseArn. */
  readonly concurrentAgreements: boolean;
}

/**
 * AWS's `UsageRecord` of a sealed hour. With a LicenseArn there is no ProductCode and no CustomerIdentifier: AWS
 * bills an hour that it gets under both identities twice (AWS API reference, BatchMeterUsage).
 */
export function usageRecordOf(sealed: SealedHour, identity: AgreementIdentity): UsageRecord {
  const { accountId, licenseArn, customerIdentifier, concurrentAgreements } = identity;
  return {
    Timestamp: sealed.timestamp / SECOND,
    Dimension: sealed.dimension,
    Quantity: sealed.quantity,
    ...(sealed.allocations !== null && {
      UsageAllocations: sealed.allocations.map(({ quantity, tags }) => ({
        AllocatedUsageQuantity: quantity,
        ...(tags.length > 0 && { Tags: tags.map(([Key, Value]) => ({ Key, Value })) }),
      })),
    }),
    ...(accountId !== null
      ? { CustomerAWSAccountId: accountId }
      : customerIdentifier !== null && { CustomerIdentifier: customerIdentifier }),
    ...(concurrentAgreements && licenseArn !== null && { LicenseArn: licenseArn }),
  };
}
