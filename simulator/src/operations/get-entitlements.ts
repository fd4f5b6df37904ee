import { findLicense, findProduct, isLive } from "../agreements.ts";
import type { Agreement, Entitlement } from "../model.ts";
import { fail, succeed, type Outcome } from "../wire/errors.ts";
import type { GetEntitlementsInput } from "../wire/inputs.ts";
import type { Caller, World } from "../world.ts";

interface EntitlementOutput {
  readonly ProductCode: string;
  readonly Dimension: string;
  readonly CustomerIdentifier: string;
  readonly CustomerAWSAccountId: string;
  readonly LicenseArn: string;
  readonly Value: Readonly<Record<string, unknown>>;
  /** Epoch seconds. */
  readonly ExpirationDate?: number;
}

export interface GetEntitlementsOutput {
  readonly Entitlements: readonly EntitlementOutput[];
  readonly NextToken?: string;
}

/** What a product's customers have contracts for (AWS Marketplace Entitlement Service). */
export function getEntitlements(
  world: World,
  caller: Caller,
  input: GetEntitlementsInput,
): Outcome<GetEntitlementsOutput> {
  const { ProductCode, Filter: filter = {} } = input;
  if (findProduct(world.store, ProductCode, caller.accountId) === undefined) {
    return fail("InvalidParameterException", "The product code does not match a product of this account.");
  }
  if (filter?.CUSTOMER_IDENTIFIER && filter.CUSTOMER_AWS_ACCOUNT_ID) {
    return fail(
      "InvalidParameterException",
      "CUSTOMER_IDENTIFIER and CUSTOMER_AWS_ACCOUNT_ID exclude each other.",
    );
  }
  const from = input.NextToken ? Number(/^page-(\d{1,9})$/.exec(input.NextToken)?.[1]) : 0;
  if (Number.isNaN(from)) return fail("InvalidParameterException", "The NextToken is invalid.");

  const wanted = readFilter(input);
  const found = agreementsOf(world, input).flatMap((agreement) =>
    agreement.entitlements
      .filter(({ expiresAt }) => expiresAt === null || expiresAt > world.now)
      .map((entitlement) => shown(agreement, entitlement))
      .filter(wanted),
  );
  const to = from + (input.MaxResults ?? 25);
  const page = found.slice(from, to);
  return succeed({ Entitlements: page, ...(to < found.length && { NextToken: `page-${to}` }) });
}

/** The product's agreements that are live: entitlements come with the licence, not with the registration. */
function agreementsOf(
  { store, now, switches }: World,
  { ProductCode, Filter }: GetEntitlementsInput,
): Agreement[] {
  const licenses = Filter?.LICENSE_ARN;
  const agreements =
    licenses?.flatMap((arn) => findLicense(store, arn) ?? []) ??
    store
      .list("subscription", { prefix: `${ProductCode}/`, limit: 100_000 })
      .flatMap(({ value }) => store.get("agreement", value) ?? []);
  return agreements.filter(
    (agreement) => agreement.productCode === ProductCode && isLive(agreement, now, switches),
  );
}

/** The values of one key are alternatives; all keys must fit. */
function readFilter({ Filter }: GetEntitlementsInput): (entitlement: EntitlementOutput) => boolean {
  const fits = (values: readonly string[] | undefined, value: string) => values?.includes(value) ?? true;
  return ({ CustomerIdentifier, CustomerAWSAccountId, Dimension, LicenseArn }) =>
    fits(Filter?.CUSTOMER_IDENTIFIER, CustomerIdentifier) &&
    fits(Filter?.CUSTOMER_AWS_ACCOUNT_ID, CustomerAWSAccountId) &&
    fits(Filter?.DIMENSION, Dimension) &&
    fits(Filter?.LICENSE_ARN, LicenseArn);
}

function shown(agreement: Agreement, { dimension, value, expiresAt }: Entitlement): EntitlementOutput {
  const { productCode, customerIdentifier, accountId, licenseArn, endsAt } = agreement;
  const expires = expiresAt ?? endsAt;
  return {
    ProductCode: productCode,
    Dimension: dimension,
    CustomerIdentifier: customerIdentifier,
    CustomerAWSAccountId: accountId,
    LicenseArn: licenseArn,
    Value: { [typeOf(value)]: value },
    ...(expires !== null && { ExpirationDate: expires / 1000 }),
  };
}

function typeOf(value: Entitlement["value"]): string {
  if (typeof value === "boolean") return "BooleanValue";
  if (typeof value === "string") return "StringValue";
  return Number.isInteger(value) ? "IntegerValue" : "DoubleValue";
}
