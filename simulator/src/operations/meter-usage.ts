import { findSubscription, isLive } from "../agreements.ts";
import { isInWindow } from "../acceptance-window.ts";
import { book, type Entry } from "../books.ts";
import type { Agreement } from "../model.ts";
import { checkAllocations, checkTags } from "../usage-checks.ts";
import { awsError, fail, succeed, type AwsError, type Outcome } from "../wire/errors.ts";
import type { MeterUsageInput } from "../wire/inputs.ts";
import type { Caller, World } from "../world.ts";

export interface MeterUsageOutput {
  readonly MeteringRecordId: string;
}

/**
 * Usage that software in a customer's own AWS account reports of itself: the caller is the customer. One report an hour
 * and dimension; an identical one has the first one's id again.
 */
export function meterUsage(world: World, caller: Caller, input: MeterUsageInput): Outcome<MeterUsageOutput> {
  const { store, switches } = world;
  if (switches.buyerRegion !== null && switches.buyerRegion !== caller.region) {
    return fail("InvalidEndpointRegionException", `Call the endpoint of ${switches.buyerRegion}.`);
  }
  const entitled = findEntitled(world, caller, input.ProductCode);
  if (!entitled.ok) return entitled;
  const error = checkUsage(world, input);
  if (error !== null) return { ok: false, error };
  // AWS documents these two names for dry runs and does not model them (API reference, MeterUsage).
  if (input.DryRun === true)
    return fail("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");

  const { ClientToken, ...request } = input;
  const tokenKey = ClientToken ? `${caller.accountId}/${ClientToken}` : null;
  const earlier = tokenKey === null ? undefined : store.get("clientToken", tokenKey);
  if (earlier !== undefined && earlier.request !== JSON.stringify(request)) {
    return fail("IdempotencyConflictException", "The ClientToken was used with other parameters.");
  }
  if (earlier !== undefined) return succeed({ MeteringRecordId: earlier.meteringRecordId });

  const { result, record } = book(world, entryOf(entitled.value, caller, input));
  if (result === "taken") {
    return fail("DuplicateRequestException", "Other usage has been reported for this hour and dimension.");
  }
  const { meteringRecordId } = record;
  if (tokenKey !== null)
    store.put("clientToken", tokenKey, { request: JSON.stringify(request), meteringRecordId });
  return succeed({ MeteringRecordId: meteringRecordId });
}

/** The caller's agreement for a product. */
export function findEntitled(
  { store, now, switches }: World,
  caller: Caller,
  productCode: string,
): Outcome<Agreement> {
  if (store.get("product", productCode) === undefined) {
    return fail("InvalidProductCodeException", "The product code does not match a product.");
  }
  const live = (agreement: Agreement): boolean => isLive(agreement, now, switches);
  const agreement = findSubscription(store, productCode, caller.accountId, live);
  return agreement !== undefined && live(agreement)
    ? succeed(agreement)
    : fail("CustomerNotEntitledException", "The customer is not subscribed to the product.");
}

function checkUsage({ store, switches, now }: World, input: MeterUsageInput): AwsError | null {
  if (store.get("product", input.ProductCode)?.dimensions.includes(input.UsageDimension) !== true) {
    return awsError(
      "InvalidUsageDimensionException",
      "The usage dimension does not match one of the product's.",
    );
  }
  const error =
    checkTags(input.UsageAllocations ?? [], switches) ??
    checkAllocations(input.UsageAllocations, input.UsageQuantity ?? 0);
  if (error !== null) return error;
  return isInWindow(input.Timestamp * 1000, now, switches.meterUsageWindowHours, switches)
    ? null
    : awsError("TimestampOutOfBoundsException", "The timestamp value passed is outside the allowed range.");
}

const entryOf = (agreement: Agreement, caller: Caller, input: MeterUsageInput): Entry => ({
  operation: "MeterUsage",
  region: caller.region,
  productCode: agreement.productCode,
  licenseArn: null,
  accountId: agreement.accountId,
  customerIdentifier: agreement.customerIdentifier,
  dimension: input.UsageDimension,
  timestamp: Math.round(input.Timestamp * 1000),
  quantity: input.UsageQuantity ?? 0,
  allocations: input.UsageAllocations ?? [],
});
