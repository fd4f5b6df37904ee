import { z } from "zod";
import type { State } from "../state.ts";
import { fail, succeed, type Outcome } from "./errors.ts";

/** How long a registration token is good for (AWS Marketplace seller guide, SaaS customer onboarding). */
const TOKEN_LIFETIME = 4 * 3_600_000;

const requestSchema = z.object({ RegistrationToken: z.string().min(1) });

export interface ResolvedCustomer {
  readonly CustomerIdentifier: string;
  readonly CustomerAWSAccountId: string;
  readonly ProductCode: string;
  readonly LicenseArn: string;
}

/** ResolveCustomer: whom a registration token stands for. The same token gives the same answer until it expires. */
export function resolveCustomer(body: unknown, state: State, now: number): Outcome<ResolvedCustomer> {
  const request = requestSchema.safeParse(body);
  if (!request.success) {
    return fail(
      "ValidationException",
      "1 validation error detected: Value at 'registrationToken' failed to satisfy constraint: Member must not be null",
    );
  }
  const token = state.token(request.data.RegistrationToken);
  const agreement = token === null ? null : state.agreementById(token.agreementId);
  if (token === null || agreement === null)
    return fail("InvalidTokenException", "Registration token is invalid");
  if (now - token.issuedAt >= TOKEN_LIFETIME)
    return fail("ExpiredTokenException", "The submitted registration token has expired.");
  return succeed({
    CustomerIdentifier: agreement.customerIdentifier,
    CustomerAWSAccountId: agreement.accountId,
    ProductCode: agreement.productCode,
    LicenseArn: agreement.licenseArn,
  });
}
