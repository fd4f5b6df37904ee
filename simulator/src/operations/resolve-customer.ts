import { findProduct } from "../agreements.ts";
import { hourMilliseconds } from "../clock.ts";
import { fail, succeed, type Outcome } from "../wire/errors.ts";
import type { ResolveCustomerInput } from "../wire/inputs.ts";
import type { Caller, World } from "../world.ts";

export interface ResolveCustomerOutput {
  readonly CustomerIdentifier: string;
  readonly ProductCode: string;
  readonly CustomerAWSAccountId: string;
  readonly LicenseArn: string;
}

/** Tells a seller who came with a registration token. */
export function resolveCustomer(
  world: World,
  caller: Caller,
  { RegistrationToken }: ResolveCustomerInput,
): Outcome<ResolveCustomerOutput> {
  const { store, switches, now } = world;
  if (switches.disabledRegions.includes(caller.region)) {
    return fail("DisabledApiException", "The API is disabled in the Region.");
  }
  const token = store.get("token", RegistrationToken);
  const agreement = token && store.get("agreement", token.agreementId);
  const product = agreement && findProduct(store, agreement.productCode, caller.accountId);
  // The message is AWS's own (aws-sdk-go pull request 1034).
  if (!token || !agreement || !product) return fail("InvalidTokenException", "Registration token is invalid");
  if (
    now - token.issuedAt >= switches.tokenTtlHours * hourMilliseconds ||
    (switches.tokenSingleUse && token.used)
  ) {
    return fail("ExpiredTokenException", "The submitted registration token has expired.");
  }
  if (!token.used) store.put("token", RegistrationToken, { ...token, used: true });
  return succeed({
    CustomerIdentifier: agreement.customerIdentifier,
    ProductCode: agreement.productCode,
    CustomerAWSAccountId: agreement.accountId,
    LicenseArn: agreement.licenseArn,
  });
}
