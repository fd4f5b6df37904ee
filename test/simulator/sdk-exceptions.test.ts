import * as entitlementSdk from "@aws-sdk/client-marketplace-entitlement-service";
import * as meteringSdk from "@aws-sdk/client-marketplace-metering";
import { beforeEach, describe, expect, it } from "vitest";
import { control } from "./client.ts";
import { getEntitlements, metering, thrownBy } from "./sdk.ts";
import { assume } from "./sts.ts";
import {
  books,
  legacyUsage,
  newAgreement,
  newCustomer,
  newLegacyCustomer,
  startOver,
  tenOClock,
  usage,
  type Agreement,
  type UsageRecord,
} from "./world.ts";

// The official JavaScript SDK, unchanged: each exception must arrive as the SDK's own class.

beforeEach(startOver);

const withDate = (record: UsageRecord) => ({
  ...record,
  Timestamp: new Date(record.Timestamp * 1000),
  UsageAllocations: undefined,
});

const meterOne = (customer: Agreement, more: Partial<UsageRecord> = {}) =>
  metering().batchMeterUsage({ UsageRecords: [withDate(usage(customer, more))] });

const resolve = (RegistrationToken: string) => metering().resolveCustomer({ RegistrationToken });

/** Software of the customer's, which reports its own usage. */
async function software(options: { account?: string; region?: string } = {}) {
  const customer = await newCustomer();
  const key = await assume(options.account ?? customer.accountId);
  const client = metering({ key, region: options.region ?? "us-east-1" });
  const report = {
    ProductCode: customer.productCode,
    Timestamp: new Date((tenOClock - 60) * 1000),
    UsageDimension: "requests",
    UsageQuantity: 3,
  };
  const register = { ProductCode: customer.productCode, PublicKeyVersion: 1 };
  return { client, report, register, customer };
}

const switches = (values: object) => control("PATCH", "/switches", values);

const batchMeterUsage: Record<string, () => Promise<unknown>> = {
  DisabledApiException: async () => {
    const customer = await newCustomer();
    await switches({ disabledRegions: ["us-east-1"] });
    return meterOne(customer);
  },
  InvalidCustomerIdentifierException: async () => {
    const customer = await newLegacyCustomer();
    await switches({ unknownCustomer: "exception" });
    const record = withDate(legacyUsage(customer, { CustomerAWSAccountId: "000000000000" }));
    return metering().batchMeterUsage({ ProductCode: customer.productCode, UsageRecords: [record] });
  },
  InvalidLicenseException: async () =>
    meterOne(await newCustomer(), { LicenseArn: "arn:aws:license-manager::1:license:l-0" }),
  InvalidProductCodeException: async () =>
    metering().batchMeterUsage({
      ProductCode: "none",
      UsageRecords: [withDate(legacyUsage(await newCustomer()))],
    }),
  InvalidTagException: async () => {
    const customer = await newCustomer();
    const UsageAllocations = [{ AllocatedUsageQuantity: 5, Tags: [{ Key: "naïve", Value: "x" }] }];
    return metering().batchMeterUsage({ UsageRecords: [{ ...withDate(usage(customer)), UsageAllocations }] });
  },
  InvalidUsageAllocationsException: async () => {
    const customer = await newCustomer();
    const UsageAllocations = [{ AllocatedUsageQuantity: 4 }];
    return metering().batchMeterUsage({ UsageRecords: [{ ...withDate(usage(customer)), UsageAllocations }] });
  },
  InvalidUsageDimensionException: async () => meterOne(await newCustomer(), { Dimension: "none" }),
  TimestampOutOfBoundsException: async () => meterOne(await newCustomer(), { Timestamp: tenOClock - 86_400 }),
  ThrottlingException: async () => {
    const customer = await newCustomer();
    await control("POST", "/faults", { faults: [{ kind: "throttle" }] });
    return meterOne(customer);
  },
  InternalServiceErrorException: async () => {
    const customer = await newCustomer();
    await control("POST", "/faults", { faults: [{ kind: "internal-error" }] });
    return meterOne(customer);
  },
};

const resolveCustomer: Record<string, () => Promise<unknown>> = {
  InvalidTokenException: () => resolve("no such token"),
  ExpiredTokenException: async () => {
    const { registrationToken } = await newCustomer();
    await control("POST", "/clock", { frozenAt: new Date((tenOClock + 4 * 3600) * 1000).toISOString() });
    return resolve(registrationToken);
  },
  DisabledApiException: async () => {
    const { registrationToken } = await newCustomer();
    await switches({ disabledRegions: ["us-east-1"] });
    return resolve(registrationToken);
  },
};

const meterUsage: Record<string, () => Promise<unknown>> = {
  CustomerNotEntitledException: async () => {
    const { client, report } = await software({ account: "444444444444" });
    return client.meterUsage(report);
  },
  DuplicateRequestException: async () => {
    const { client, report } = await software();
    await client.meterUsage(report);
    return client.meterUsage({ ...report, UsageQuantity: 4 });
  },
  IdempotencyConflictException: async () => {
    const { client, report } = await software();
    await client.meterUsage({ ...report, ClientToken: "once" });
    return client.meterUsage({ ...report, UsageQuantity: 4, ClientToken: "once" });
  },
  InvalidEndpointRegionException: async () => {
    const { client, report } = await software();
    await switches({ buyerRegion: "eu-west-1" });
    return client.meterUsage(report);
  },
  InvalidProductCodeException: async () => {
    const { client, report } = await software();
    return client.meterUsage({ ...report, ProductCode: "none" });
  },
  InvalidTagException: async () => {
    const { client, report } = await software();
    const Tags = [{ Key: "naïve", Value: "x" }];
    return client.meterUsage({ ...report, UsageAllocations: [{ AllocatedUsageQuantity: 3, Tags }] });
  },
  InvalidUsageAllocationsException: async () => {
    const { client, report } = await software();
    return client.meterUsage({ ...report, UsageAllocations: [{ AllocatedUsageQuantity: 2 }] });
  },
  InvalidUsageDimensionException: async () => {
    const { client, report } = await software();
    return client.meterUsage({ ...report, UsageDimension: "none" });
  },
  TimestampOutOfBoundsException: async () => {
    const { client, report } = await software();
    return client.meterUsage({ ...report, Timestamp: new Date((tenOClock - 6 * 3600) * 1000) });
  },
};

const registerUsage: Record<string, () => Promise<unknown>> = {
  CustomerNotEntitledException: async () => {
    const { client, register } = await software({ account: "444444444444" });
    return client.registerUsage(register);
  },
  DisabledApiException: async () => {
    const { client, register } = await software();
    await switches({ disabledRegions: ["us-east-1"] });
    return client.registerUsage(register);
  },
  InvalidProductCodeException: async () => {
    const { client, register } = await software();
    return client.registerUsage({ ...register, ProductCode: "none" });
  },
  InvalidPublicKeyVersionException: async () => {
    const { client, register } = await software();
    return client.registerUsage({ ...register, PublicKeyVersion: 2 });
  },
  InvalidRegionException: async () => {
    const { client, register } = await software();
    await switches({ buyerRegion: "eu-west-1" });
    return client.registerUsage(register);
  },
  PlatformNotSupportedException: async () => {
    const { client, register } = await software();
    await switches({ buyerPlatform: "unsupported" });
    return client.registerUsage(register);
  },
};

const byOperation = { batchMeterUsage, resolveCustomer, meterUsage, registerUsage };

describe.each(Object.entries(byOperation))("the official SDK's %s", (_operation, cases) => {
  it.each(Object.entries(cases))("throws its own %s", async (name, provoke) => {
    const classes = meteringSdk as unknown as Record<string, new () => Error>;
    const error = await thrownBy(provoke());
    expect(error).toMatchObject({ name, message: expect.stringMatching(/./) as string });
    expect(error.constructor).toBe(classes[name]);
  });
});

describe("the official SDK of the entitlement service", () => {
  it("throws its own exception", async () => {
    const { productCode, accountId } = await newCustomer();
    const Filter = { CUSTOMER_IDENTIFIER: ["a"], CUSTOMER_AWS_ACCOUNT_ID: [accountId] };
    const invalid = await thrownBy(getEntitlements({ ProductCode: productCode, Filter }));
    expect(invalid).toBeInstanceOf(entitlementSdk.InvalidParameterException);
  });
});

describe("the official SDK's answers", () => {
  it("are read from every operation of the metering service", async () => {
    const { client, report, register, customer } = await software();
    const batch = await meterOne(customer);
    expect(batch.Results?.[0]).toMatchObject({
      Status: "Success",
      UsageRecord: { Timestamp: new Date((tenOClock - 1800) * 1000), LicenseArn: customer.licenseArn },
    });
    expect(await resolve(customer.registrationToken)).toMatchObject({
      ProductCode: customer.productCode,
      CustomerAWSAccountId: customer.accountId,
      LicenseArn: customer.licenseArn,
    });
    expect(await client.meterUsage(report)).toHaveProperty("MeteringRecordId", expect.any(String));
    expect(await client.registerUsage(register)).toHaveProperty("Signature", expect.any(String));
    expect(await books()).toHaveLength(2);
  });

  it("are read from GetEntitlements, page by page", async () => {
    const { productCode } = await newCustomer();
    const expiresAt = "2027-01-01T00:00:00.000Z";
    const entitlements = [
      { dimension: "seats", value: 20, expiresAt },
      { dimension: "ratio", value: 0.5 },
      { dimension: "sso", value: true },
      { dimension: "plan", value: "gold" },
    ];
    const customer = await newAgreement(productCode, { entitlements });
    const Filter = { CUSTOMER_AWS_ACCOUNT_ID: [customer.accountId] };
    const first = await getEntitlements({ ProductCode: productCode, Filter, MaxResults: 3 });
    expect(first.Entitlements?.map(({ Dimension, Value }) => [Dimension, Value])).toEqual([
      ["seats", { IntegerValue: 20 }],
      ["ratio", { DoubleValue: 0.5 }],
      ["sso", { BooleanValue: true }],
    ]);
    expect(first.Entitlements?.[0]?.ExpirationDate).toEqual(new Date(expiresAt));
    const second = await getEntitlements({ ProductCode: productCode, Filter, NextToken: first.NextToken });
    expect(second).toMatchObject({ Entitlements: [{ Dimension: "plan", Value: { StringValue: "gold" } }] });
    expect(second.NextToken).toBeUndefined();
  });
});
