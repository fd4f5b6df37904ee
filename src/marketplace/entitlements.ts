import type { JsonObject } from "./aws-json.ts";
import { isJsonObject } from "./aws-json.ts";
import type { Fault } from "./field-checks.ts";
import { fault, firstFault, integer, optional, text } from "./field-checks.ts";
import type { ClientOptions } from "./json-service.ts";
import { callJson, jsonService } from "./json-service.ts";
import type { Outcome } from "./outcome.ts";
import { failure } from "./outcome.ts";
import { objectsIn, secondsFrom, stringsIn } from "./response-json.ts";

/*
 * The requests and responses of AWS Marketplace Entitlement Service (API version 2017-01-11), in AWS's own names.
 */

export type EntitlementFilterName =
  "CUSTOMER_IDENTIFIER" | "CUSTOMER_AWS_ACCOUNT_ID" | "DIMENSION" | "LICENSE_ARN";

export interface GetEntitlementsRequest {
  readonly ProductCode: string;
  /** Values of one name are alternatives; names must all hold. The two names for customers exclude each other. */
  readonly Filter?: Readonly<Partial<Record<EntitlementFilterName, readonly string[]>>>;
  readonly NextToken?: string;
  /** 1 to 25. */
  readonly MaxResults?: number;
}

/** One of the four, by the dimension's type. */
export interface EntitlementValue {
  readonly IntegerValue?: number;
  readonly DoubleValue?: number;
  readonly BooleanValue?: boolean;
  readonly StringValue?: string;
}

/** What a customer's contract includes in one dimension. AWS marks nothing as required. */
export interface Entitlement {
  readonly ProductCode?: string;
  readonly Dimension?: string;
  readonly CustomerIdentifier?: string;
  readonly CustomerAWSAccountId?: string;
  readonly Value?: EntitlementValue;
  /** Seconds since 1970. */
  readonly ExpirationDate?: number;
  readonly LicenseArn?: string;
}

export interface GetEntitlementsResponse {
  readonly Entitlements: readonly Entitlement[];
  /** There may be more even after an empty page. */
  readonly NextToken?: string;
}

/** AWS Marketplace Entitlement Service. No method rejects: see {@link Outcome}. */
export interface EntitlementClient {
  /** One page of what the customers of a product with a contract are entitled to. */
  getEntitlements(request: GetEntitlementsRequest): Promise<Outcome<GetEntitlementsResponse>>;
}

const filterNames = ["CUSTOMER_IDENTIFIER", "CUSTOMER_AWS_ACCOUNT_ID", "DIMENSION", "LICENSE_ARN"] as const;
const filterValue = text(1, 2048);
const nextToken = optional(text(1, 20_000, { is: /^\S+$/, words: "contain no space" }));

function checkFilter(filter: NonNullable<GetEntitlementsRequest["Filter"]>): Fault | null {
  if (filter.CUSTOMER_IDENTIFIER !== undefined && filter.CUSTOMER_AWS_ACCOUNT_ID !== undefined) {
    return fault("Filter.CUSTOMER_IDENTIFIER", "must not be used together with CUSTOMER_AWS_ACCOUNT_ID");
  }
  for (const name of filterNames) {
    const values = filter[name];
    if (values === undefined) continue;
    if (values.length === 0) return fault(`Filter.${name}`, "must hold at least one value");
    const found = firstFault(
      ...values.map((value, index) => () => filterValue(`Filter.${name}[${index}]`, value)),
    );
    if (found !== null) return found;
  }
  return null;
}

function checkGetEntitlements(request: GetEntitlementsRequest): Fault | null {
  const { ProductCode, Filter, NextToken, MaxResults } = request;
  return firstFault(
    () => text(1, 255)("ProductCode", ProductCode),
    () => (Filter === undefined ? null : checkFilter(Filter)),
    () => nextToken("NextToken", NextToken),
    () => optional(integer(1, 25))("MaxResults", MaxResults),
  );
}

function getEntitlementsJson({ ProductCode, Filter, NextToken, MaxResults }: GetEntitlementsRequest): string {
  const filter = Filter && Object.fromEntries(filterNames.map((name) => [name, Filter[name]]));
  return JSON.stringify({ ProductCode, Filter: filter, NextToken, MaxResults });
}

function valueIn(source: JsonObject): EntitlementValue {
  const { IntegerValue, DoubleValue, BooleanValue, StringValue } = source;
  return {
    ...(typeof IntegerValue === "number" && { IntegerValue }),
    ...(typeof DoubleValue === "number" && { DoubleValue }),
    ...(typeof BooleanValue === "boolean" && { BooleanValue }),
    ...(typeof StringValue === "string" && { StringValue }),
  };
}

const strings = [
  "ProductCode",
  "Dimension",
  "CustomerIdentifier",
  "CustomerAWSAccountId",
  "LicenseArn",
] as const;

function entitlementIn(source: JsonObject): Entitlement {
  const { Value } = source;
  const ExpirationDate = secondsFrom(source["ExpirationDate"]);
  return {
    ...stringsIn(source, strings),
    ...(isJsonObject(Value) && { Value: valueIn(Value) }),
    ...(ExpirationDate !== undefined && { ExpirationDate }),
  };
}

function getEntitlementsFrom(json: JsonObject): GetEntitlementsResponse | null {
  const entitlements = objectsIn(json, "Entitlements");
  if (entitlements === null) return null;
  return { Entitlements: entitlements.map(entitlementIn), ...stringsIn(json, ["NextToken"]) };
}

/**
 * Makes a client of the entitlement service. Its Region is that of {@link homeRegion}, not the product's own:
 * AWS runs the service in one Region of each partition.
 */
export function createEntitlementClient(options: ClientOptions): EntitlementClient {
  const service = jsonService("entitlement", "AWSMPEntitlementService", options);
  return {
    getEntitlements(request) {
      const body = getEntitlementsJson(request);
      const fault = checkGetEntitlements(request);
      return callJson(service, { operation: "GetEntitlements", body, fault, read: getEntitlementsFrom });
    },
  };
}

/**
 * Every page of a request's answer together. Stops at the first page that fails, and calls it `unreadable-answer` when
 * `maxPages` pages (of up to 25) have not come to an end.
 */
export async function getAllEntitlements(
  client: EntitlementClient,
  request: Omit<GetEntitlementsRequest, "NextToken">,
  maxPages = 1000,
): Promise<Outcome<readonly Entitlement[]>> {
  const all: Entitlement[] = [];
  let next: string | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const outcome = await client.getEntitlements({
      ...request,
      ...(next !== undefined && { NextToken: next }),
    });
    if (!outcome.ok) return outcome;
    all.push(...outcome.value.Entitlements);
    next = outcome.value.NextToken;
    if (next === undefined) return { ok: true, value: all, requestId: outcome.requestId };
  }
  return failure("unreadable-answer", { where: "GetEntitlements", what: `more than ${maxPages} pages` });
}
