import type { Case } from "./case.ts";
import type { World } from "./world.ts";
import { customersRole, modernProduct, setSwitches } from "./world.ts";

/** What AWS refuses, by its name and by our kind. */
type Refusal = NonNullable<Case["error"]>;

function metered({ now }: World, more: Readonly<Record<string, unknown>> = {}): unknown {
  return {
    ProductCode: modernProduct,
    Timestamp: now - 600,
    UsageDimension: "requests",
    UsageQuantity: 3,
    ...more,
  };
}

function inside(name: string, more: Partial<Case>): Case {
  return { name, operation: "MeterUsage", as: customersRole, input: (world) => metered(world), ...more };
}

function refusedInside(name: string, error: Refusal, more: Partial<Case>): Case {
  return inside(name, { error, ...more });
}

export const insideCases: readonly Case[] = [
  inside("one report", { value: () => ({}), booked: [3] }),
  inside("the same report again", { first: (world) => metered(world), value: () => ({}), booked: [3] }),
  inside("a report with tags", {
    input: (world) =>
      metered(world, {
        UsageAllocations: [{ AllocatedUsageQuantity: 3, Tags: [{ Key: "team", Value: "a" }] }],
        ClientToken: "token-1",
      }),
    value: () => ({}),
    booked: [3],
  }),
  refusedInside(
    "another quantity for the hour",
    { code: "DuplicateRequestException", kind: "duplicate-request" },
    {
      first: (world) => metered(world, { ClientToken: "a" }),
      input: (world) => metered(world, { UsageQuantity: 4 }),
      booked: [3],
    },
  ),
  refusedInside(
    "a client token for another request",
    { code: "IdempotencyConflictException", kind: "idempotency-conflict" },
    {
      first: (world) => metered(world, { ClientToken: "a" }),
      input: (world) => metered(world, { ClientToken: "a", UsageQuantity: 4 }),
    },
  ),
  refusedInside(
    "usage of seven hours ago",
    { code: "TimestampOutOfBoundsException", kind: "timestamp-out-of-bounds" },
    { input: (world) => metered(world, { Timestamp: world.now - 7 * 3600 }) },
  ),
  refusedInside(
    "a dimension that the product has not",
    { code: "InvalidUsageDimensionException", kind: "invalid-usage-dimension" },
    { input: (world) => metered(world, { UsageDimension: "unknown" }) },
  ),
  refusedInside(
    "a product that AWS does not know",
    { code: "InvalidProductCodeException", kind: "invalid-product-code" },
    { input: (world) => metered(world, { ProductCode: "unknown" }) },
  ),
  refusedInside(
    "a Region in which the software does not run",
    { code: "InvalidEndpointRegionException", kind: "invalid-endpoint-region" },
    { given: (world) => setSwitches(world, { buyerRegion: "eu-west-1" }) },
  ),
  {
    name: "a call that the seller signs instead of the customer's role",
    operation: "MeterUsage",
    input: (world) => metered(world),
    error: { code: "CustomerNotEntitledException", kind: "customer-not-entitled" },
    booked: [],
  },
];

const container = { ProductCode: modernProduct, PublicKeyVersion: 1 };

function started(name: string, more: Partial<Case>): Case {
  return { name, operation: "RegisterUsage", as: customersRole, input: () => container, ...more };
}

function notStarted(name: string, error: Refusal, more: Partial<Case>): Case {
  return started(name, { error, ...more });
}

export const containerCases: readonly Case[] = [
  started("is told that AWS has rotated its key", {
    given: (world) => setSwitches(world, { publicKeyVersion: 2 }),
    value: ({ now }) => ({ PublicKeyRotationTimestamp: now }),
  }),
  started("may give a nonce", { input: () => ({ ...container, Nonce: "n-1" }), value: () => ({}) }),
  notStarted(
    "knows a key that AWS has not",
    { code: "InvalidPublicKeyVersionException", kind: "invalid-public-key-version" },
    { input: () => ({ ...container, PublicKeyVersion: 2 }) },
  ),
  notStarted(
    "runs on another platform",
    { code: "PlatformNotSupportedException", kind: "platform-not-supported" },
    { given: (world) => setSwitches(world, { buyerPlatform: "unsupported" }) },
  ),
  notStarted(
    "runs in another Region",
    { code: "InvalidRegionException", kind: "invalid-region" },
    { given: (world) => setSwitches(world, { buyerRegion: "eu-west-1" }) },
  ),
  notStarted(
    "runs where AWS has no such API",
    { code: "DisabledApiException", kind: "disabled-api" },
    { given: (world) => setSwitches(world, { disabledRegions: ["us-east-1"] }) },
  ),
  notStarted(
    "belongs to a product that AWS does not know",
    { code: "InvalidProductCodeException", kind: "invalid-product-code" },
    { input: () => ({ ...container, ProductCode: "unknown" }) },
  ),
  {
    name: "is started by an account without a subscription",
    operation: "RegisterUsage",
    input: () => container,
    error: { code: "CustomerNotEntitledException", kind: "customer-not-entitled" },
  },
];

const entitlements = [
  { dimension: "requests", value: 25, expiresAt: "2027-01-01T00:00:00Z" },
  { dimension: "storage", value: 0.5 },
  { dimension: "support", value: true },
  { dimension: "plan", value: "gold" },
];

function contract(name: string, more: Partial<Case>): Case {
  return {
    name,
    operation: "GetEntitlements",
    given: ({ simulator, modern }) =>
      simulator.send("PATCH", `agreements/${modern.agreementId}`, { entitlements }),
    input: () => ({ ProductCode: modernProduct }),
    ...more,
  };
}

export const contractCases: readonly Case[] = [
  contract("of every type of value", {
    value: ({ modern }) => ({
      Entitlements: [
        {
          ProductCode: modernProduct,
          Dimension: "requests",
          CustomerAWSAccountId: modern.accountId,
          LicenseArn: modern.licenseArn,
          Value: { IntegerValue: 25 },
          ExpirationDate: Date.UTC(2027, 0, 1) / 1000,
        },
        { Dimension: "storage", Value: { DoubleValue: 0.5 } },
        { Dimension: "support", Value: { BooleanValue: true } },
        { Dimension: "plan", Value: { StringValue: "gold" } },
      ],
    }),
  }),
  contract("of one licence in one dimension", {
    input: ({ modern }) => ({
      ProductCode: modernProduct,
      Filter: { LICENSE_ARN: [modern.licenseArn], DIMENSION: ["plan"] },
    }),
    value: () => ({ Entitlements: [{ Dimension: "plan" }] }),
  }),
  contract("page by page", {
    first: () => ({ ProductCode: modernProduct, MaxResults: 3 }),
    input: () => ({ ProductCode: modernProduct, MaxResults: 3, NextToken: "page-3" }),
    value: () => ({ Entitlements: [{ Dimension: "plan" }] }),
  }),
  contract("of a product without contracts", {
    given: () => Promise.resolve(),
    value: () => ({ Entitlements: [] }),
  }),
  contract("of a product that AWS does not know", {
    input: () => ({ ProductCode: "unknown" }),
    error: { code: "InvalidParameterException", kind: "invalid-parameter" },
  }),
];
