import type { UsageRecord } from "../../src/marketplace/index.ts";
import type { Case } from "./case.ts";
import type { World } from "./world.ts";
import {
  legacyProduct,
  legacyUsage,
  manyRecords,
  orderFault,
  seconds,
  setSwitches,
  setTime,
  usage,
} from "./world.ts";

type Statuses = readonly (string | undefined)[];

/** A batch, and the statuses that its records come back with. */
function batch(
  name: string,
  records: (world: World) => readonly UsageRecord[],
  statuses: Statuses,
  more: Partial<Case> = {},
): Case {
  return {
    name,
    operation: "BatchMeterUsage",
    input: (world) => ({ UsageRecords: records(world) }),
    value: () => ({ Results: statuses.map((Status) => ({ Status })), UnprocessedRecords: [] }),
    ...more,
  };
}

/** A batch that AWS refuses whole, so that the books stay empty. */
function refused(
  name: string,
  records: (world: World) => readonly UsageRecord[],
  code: string,
  kind: NonNullable<Case["error"]>["kind"],
  more: Partial<Case> = {},
): Case {
  return {
    name,
    operation: "BatchMeterUsage",
    input: (world) => ({ UsageRecords: records(world) }),
    error: { code, kind },
    booked: [],
    ...more,
  };
}

const at = (time: string) => (world: World) => [usage(world, { Timestamp: seconds(time) })];
const one = (world: World) => [usage(world)];
const legacyInput = (records: (world: World) => UsageRecord[]) => ({
  input: (world: World) => ({ ProductCode: legacyProduct, UsageRecords: records(world) }),
});

export const statusCases: readonly Case[] = [
  batch("one record", one, ["Success"], { booked: [5] }),
  batch(
    "25 records",
    (world) => manyRecords(world, 25),
    Array.from({ length: 25 }, () => "Success"),
  ),
  batch("no record", () => [], []),
  batch("a zero", (world) => [usage(world, { Quantity: 0 })], ["Success"], { booked: [0] }),
  batch(
    "no quantity",
    ({ modern, now }) => [
      {
        Timestamp: now - 60,
        Dimension: "requests",
        CustomerAWSAccountId: modern.accountId,
        LicenseArn: modern.licenseArn,
      },
    ],
    ["Success"],
    { booked: [0] },
  ),
  batch(
    "quantities allocated to tags",
    (world) => [
      usage(world, {
        UsageAllocations: [
          {
            AllocatedUsageQuantity: 3,
            Tags: [
              { Key: "team", Value: "a" },
              { Key: "env", Value: "prod" },
            ],
          },
          { AllocatedUsageQuantity: 2 },
        ],
      }),
    ],
    ["Success"],
    { booked: [5] },
  ),
  batch("a time with a fraction", (world) => [usage(world, { Timestamp: world.now - 1800.5 })], ["Success"]),
  batch("a name in many scripts", (world) => [usage(world, { Dimension: "dïmension 💧" })], ["Success"], {
    given: ({ simulator, modern: _modern }) =>
      simulator.send("POST", "products", {
        productCode: "modernproduct00000000000",
        dimensions: ["dïmension 💧"],
        concurrentAgreements: true,
      }),
  }),
  batch("a legacy customer by account", (world) => [legacyUsage(world)], ["Success"], {
    ...legacyInput((world) => [legacyUsage(world)]),
    booked: [5],
  }),
  batch("a legacy customer by identifier", () => [], ["Success"], {
    ...legacyInput(({ legacy, now }) => [
      {
        Timestamp: now - 60,
        Dimension: "storage",
        Quantity: 7,
        CustomerIdentifier: legacy.customerIdentifier,
      },
    ]),
    booked: [7],
  }),
  batch("a legacy customer that AWS does not know", () => [], ["CustomerNotSubscribed"], {
    ...legacyInput((world) => [legacyUsage(world, { CustomerAWSAccountId: "999999999999" })]),
    booked: [],
  }),
  batch("a suspended customer", one, ["CustomerNotSubscribed"], {
    given: ({ simulator, modern }) =>
      simulator.send("PATCH", `agreements/${modern.agreementId}`, { status: "suspended" }),
    booked: [],
  }),
  batch("the same record again", one, ["Success"], {
    first: (world) => ({ UsageRecords: one(world) }),
    booked: [5],
  }),
  batch("the same record again, where AWS calls that a duplicate", one, ["DuplicateRecord"], {
    given: (world) => setSwitches(world, { identicalResubmit: "duplicate" }),
    first: (world) => ({ UsageRecords: one(world) }),
    booked: [5],
  }),
  batch(
    "another quantity for an hour that AWS holds",
    (world) => [usage(world, { Quantity: 6 })],
    ["DuplicateRecord"],
    {
      first: (world) => ({ UsageRecords: one(world) }),
      booked: [5],
    },
  ),
  batch("the same hour in another Region, which is billed twice", one, ["Success"], {
    first: (world) => ({ UsageRecords: one(world) }),
    firstSetting: { region: "eu-west-1" },
    booked: [5, 5],
  }),
  batch("a status that is new", one, ["HeldForReview"], {
    given: (world) => orderFault(world, { kind: "unknown-status", status: "HeldForReview" }),
  }),
  batch("fields that are new", one, ["Success"], {
    given: (world) => orderFault(world, { kind: "extra-fields" }),
  }),
  batch("a time that AWS cuts to the hour", one, ["Success"], {
    given: (world) => setSwitches(world, { echoTimestamp: "hour" }),
  }),
  batch("records that AWS could not process", (world) => manyRecords(world, 3), [], {
    given: (world) => orderFault(world, { kind: "unprocessed", records: 2 }),
    value: (world) => ({
      Results: [{ Status: "Success" }],
      UnprocessedRecords: manyRecords(world, 3).slice(1),
    }),
    booked: [5],
  }),
];

export const windowCases: readonly Case[] = [
  batch("24 hours less a second old", at("2026-11-22T10:00:01Z"), ["Success"]),
  refused(
    "24 hours old",
    at("2026-11-22T10:00:00Z"),
    "TimestampOutOfBoundsException",
    "timestamp-out-of-bounds",
  ),
  batch("last month's, a second before 06:00 on the first", at("2026-11-30T23:00:00Z"), ["Success"], {
    given: (world) => setTime(world, "2026-12-01T05:59:59Z"),
  }),
  refused(
    "last month's, at 06:00 on the first",
    at("2026-11-30T23:00:00Z"),
    "TimestampOutOfBoundsException",
    "timestamp-out-of-bounds",
    { given: (world) => setTime(world, "2026-12-01T06:00:00Z") },
  ),
  refused(
    "in the future",
    at("2026-11-23T11:00:00Z"),
    "TimestampOutOfBoundsException",
    "timestamp-out-of-bounds",
  ),
  refused(
    "one stale record among 24 good ones: nothing is stored",
    (world) => [...manyRecords(world, 24), usage(world, { Timestamp: world.now - 25 * 3600 })],
    "TimestampOutOfBoundsException",
    "timestamp-out-of-bounds",
  ),
];

export const refusalCases: readonly Case[] = [
  refused(
    "a dimension that the product has not",
    (world) => [usage(world, { Dimension: "Requests" })],
    "InvalidUsageDimensionException",
    "invalid-usage-dimension",
  ),
  refused(
    "a licence that AWS does not know",
    (world) => [usage(world, { LicenseArn: "arn:aws:license-manager::222222222222:license:l-unknown" })],
    "InvalidLicenseException",
    "invalid-license",
  ),
  refused(
    "a licence of another customer",
    (world) => [usage(world, { CustomerAWSAccountId: "999999999999" })],
    "InvalidLicenseException",
    "invalid-license",
  ),
  refused("usage before the licence began", one, "InvalidLicenseException", "invalid-license", {
    given: ({ simulator, modern }) =>
      simulator.send("PATCH", `agreements/${modern.agreementId}`, { startsAt: "2026-11-23T09:45:00Z" }),
  }),
  refused(
    "a product that AWS does not know",
    () => [],
    "InvalidProductCodeException",
    "invalid-product-code",
    {
      input: (world) => ({ ProductCode: "prod-unknown", UsageRecords: [legacyUsage(world)] }),
    },
  ),
  refused(
    "a legacy customer unknown to AWS, where that is an exception",
    () => [],
    "InvalidCustomerIdentifierException",
    "invalid-customer-identifier",
    {
      given: (world) => setSwitches(world, { unknownCustomer: "exception" }),
      ...legacyInput((world) => [legacyUsage(world, { CustomerAWSAccountId: "999999999999" })]),
    },
  ),
  refused("a Region without the API", one, "DisabledApiException", "disabled-api", {
    given: (world) => setSwitches(world, { disabledRegions: ["us-east-1"] }),
  }),
  refused("a wrong secret", one, "InvalidSignatureException", "invalid-signature", {
    setting: { credentials: { accessKeyId: "AKIDSIMULATOR0000000", secretAccessKey: "another-secret" } },
  }),
  refused("a key that AWS does not know", one, "UnrecognizedClientException", "unknown-credentials", {
    setting: { credentials: { accessKeyId: "AKIDUNKNOWN", secretAccessKey: "another-secret" } },
  }),
  refused("a session that AWS does not know", one, "UnrecognizedClientException", "unknown-credentials", {
    setting: {
      credentials: {
        accessKeyId: "ASIAUNKNOWN",
        secretAccessKey: "another-secret",
        sessionToken: "session-token",
      },
    },
  }),
  refused("a clock that is an hour slow", one, "InvalidSignatureException", "clock-skew", {
    setting: { clockAhead: -3_600_000 },
  }),
  refused("an expired session", one, "ExpiredTokenException", "expired-credentials", {
    given: (world) => orderFault(world, { kind: "expired-session" }),
  }),
  refused("too many calls", one, "ThrottlingException", "throttled", {
    given: (world) => orderFault(world, { kind: "throttle" }),
  }),
  refused("AWS's own fault", one, "InternalServiceErrorException", "internal-service-error", {
    given: (world) => orderFault(world, { kind: "internal-error" }),
  }),
  refused(
    "AWS's own fault after it has stored the usage",
    one,
    "InternalServiceErrorException",
    "internal-service-error",
    {
      given: (world) => orderFault(world, { kind: "internal-error-after-store" }),
      booked: [5],
    },
  ),
];
