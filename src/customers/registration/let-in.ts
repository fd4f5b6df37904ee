import { findProductByCode, listRegions } from "../../catalog/products.ts";
import { failureOf } from "../../http/failure.ts";
import type { FormFields } from "../../ledger/schema.ts";
import { registerAgreement } from "../register-agreement.ts";
import { type Agreement } from "../../ledger/agreements.ts";
import { applyNotices } from "../apply-notices.ts";
import { sealEnding } from "../ending.ts";
import type { Surroundings } from "../surroundings.ts";
import { watchAddress } from "./misplaced-customers.ts";

/** A customer at the door, as AWS's form brings one. */
export interface Visitor {
  readonly token: string;
  /** The product that the address names; null when it names none. Whose customer it is AWS says, and nobody else. */
  readonly productId: string | null;
  readonly fields: FormFields;
  /** When the token came first, epoch milliseconds. */
  readonly arrivedAt: number;
}

/** Who has come, or why that cannot be said. */
export type LetIn =
  | { readonly kind: "registered"; readonly agreement: Agreement }
  /** AWS does not know the token, or not any more. */
  | { readonly kind: "refused"; readonly code: string }
  | Fault;

/** The fault that AWS's product of a customer is none of the gateway's, whatever the address says. */
export const PRODUCT_UNKNOWN = "ProductUnknown";

/** Why a customer cannot be let in now. */
export interface Fault {
  readonly kind: "fault";
  /** A stable name: AWS's, or ours. */
  readonly code: string;
  /** To the operator. */
  readonly detail: string;
  /** Whether a person has to mend something. */
  readonly needsPerson: boolean;
}

/** Finds out who it is, and registers the agreement. What fails of ours is a fault, too: the customer can wait. */
export async function letIn(surroundings: Surroundings, visitor: Visitor): Promise<LetIn> {
  try {
    return await register(surroundings, visitor);
  } catch (error) {
    const detail = `the gateway itself failed, and tries again: ${failureOf(error)}`;
    return { kind: "fault", code: "GatewayFailed", detail, needsPerson: false };
  }
}

async function register(
  surroundings: Surroundings,
  { token, productId, fields, arrivedAt }: Visitor,
): Promise<LetIn> {
  const { ledger, now, report } = surroundings;
  // An account is of one partition, and so are all its products.
  const [region = "us-east-1"] = await listRegions(ledger);
  const resolved = await surroundings.resolveCustomer(token, region);
  if (!resolved.ok) {
    const { advice, code, message } = resolved.error;
    // Only what the customer can mend is shown as theirs; our own settings never look like an expired link. The token
    // is all that the request has, so that a request which is wrong in itself has a token that is.
    if (advice === "tell-customer" || advice === "fix-record") {
      report(`AWS refuses a customer's token: ${message}`, { code });
      return { kind: "refused", code };
    }
    return { kind: "fault", code, detail: message, needsPerson: advice !== "retry" };
  }
  const { ProductCode = "", CustomerAWSAccountId, LicenseArn, CustomerIdentifier } = resolved.value;
  const product = await findProductByCode(ledger, ProductCode);
  if (product === null) {
    const detail = `a customer of product code "${ProductCode}" has come, and there is no such product: POST /v1/products adds it.`;
    return { kind: "fault", code: PRODUCT_UNKNOWN, detail, needsPerson: true };
  }
  const registered = await registerAgreement(ledger, {
    product,
    accountId: CustomerAWSAccountId ?? null,
    licenseArn: LicenseArn ?? null,
    customerIdentifier: CustomerIdentifier === "" ? null : (CustomerIdentifier ?? null),
    fields,
    arrivedAt,
    now: now(),
  });
  if (registered === null) {
    const detail = `AWS has told too little of a customer of product "${product.id}": records of concurrent agreements need an account and a LicenseArn. Is its concurrentAgreements right?`;
    return { kind: "fault", code: "CustomerNotIdentified", detail, needsPerson: true };
  }
  await watchAddress(surroundings, product, productId);
  return { kind: "registered", agreement: await caughtUp(surroundings, registered) };
}

/** The agreement as its notices have it. The customer is known by now: what fails here is done by the next tick. */
async function caughtUp(surroundings: Surroundings, registered: Agreement): Promise<Agreement> {
  const { ledger, now, report } = surroundings;
  try {
    const agreement = (await applyNotices(ledger, registered.id, now())) ?? registered;
    await sealEnding(surroundings, agreement);
    return agreement;
  } catch (error) {
    report(
      `a customer is let in, and the notices of the agreement wait for the next tick: ${failureOf(error)}`,
      { agreement: registered.id },
    );
    return registered;
  }
}
