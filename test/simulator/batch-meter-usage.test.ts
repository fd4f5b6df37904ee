import { beforeEach, describe, expect, it } from "vitest";
import { control } from "./client.ts";
import {
  books,
  errorOf,
  legacyUsage,
  meter,
  meterLegacy,
  newAgreement,
  newCustomer,
  newLegacyCustomer,
  newProduct,
  startOver,
  statuses,
  tenOClock,
  usage,
} from "./world.ts";

beforeEach(startOver);

const hour = 3600;

describe("BatchMeterUsage books usage", () => {
  it("answers a record with Success, its id and its echo, and shows it in the books", async () => {
    const customer = await newCustomer();
    const answer = await meter([usage(customer)]);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/x-amz-json-1.1");
    expect(answer.headers.get("x-amzn-requestid")).toMatch(/^[0-9a-f-]{36}$/);
    const [result] = answer.body.Results;
    expect(result).toEqual({
      UsageRecord: usage(customer),
      MeteringRecordId: expect.stringMatching(/.+/) as string,
      Status: "Success",
    });
    expect(answer.body.UnprocessedRecords).toEqual([]);
    expect(await books()).toEqual([
      {
        region: "us-east-1",
        operation: "BatchMeterUsage",
        productCode: customer.productCode,
        licenseArn: customer.licenseArn,
        accountId: customer.accountId,
        customerIdentifier: "",
        dimension: "requests",
        timestamp: "2026-11-23T09:30:00.000Z",
        hour: "2026-11-23T09:00:00.000Z",
        quantity: 5,
        allocations: [],
        meteringRecordId: result?.MeteringRecordId,
        receivedAt: "2026-11-23T10:00:00.000Z",
      },
    ]);
  });

  it("takes a record without a quantity as zero", async () => {
    const { Quantity: _, ...record } = usage(await newCustomer());
    expect(statuses(await meter([record]))).toEqual(["Success"]);
    expect(await books()).toMatchObject([{ quantity: 0 }]);
  });

  it("takes an empty list, fractions of seconds and fields it does not know", async () => {
    const customer = await newCustomer();
    expect((await meter([])).body).toEqual({ Results: [], UnprocessedRecords: [] });
    const record = { ...usage(customer), Timestamp: tenOClock - 0.655, Added: "later" };
    expect(statuses(await meter([record]))).toEqual(["Success"]);
    expect(await books()).toMatchObject([{ timestamp: "2026-11-23T09:59:59.345Z" }]);
  });

  it("knows a legacy customer by identifier and by account as the same one", async () => {
    const customer = await newLegacyCustomer();
    const byAccount = legacyUsage(customer);
    const { CustomerAWSAccountId: _, ...rest } = byAccount;
    const byIdentifier = { ...rest, CustomerIdentifier: customer.customerIdentifier };
    const first = await meterLegacy(customer.productCode, [byAccount]);
    const second = await meterLegacy(customer.productCode, [byIdentifier]);
    expect([...statuses(first), ...statuses(second)]).toEqual(["Success", "Success"]);
    expect(await books()).toMatchObject([
      { licenseArn: null, customerIdentifier: customer.customerIdentifier },
    ]);
  });

  it("keeps two agreements of one account for one product apart", async () => {
    const first = await newCustomer();
    const second = await newAgreement(first.productCode, { accountId: first.accountId });
    await meter([usage(first), usage(second, { Quantity: 7 })]);
    expect(await books()).toMatchObject([
      { licenseArn: first.licenseArn, quantity: 5 },
      { licenseArn: second.licenseArn, quantity: 7 },
    ]);
  });

  it("keeps the books of two Regions apart, so that one hour sent to both is billed twice", async () => {
    const customer = await newCustomer();
    await meter([usage(customer)], { region: "us-east-1" });
    await meter([usage(customer, { Quantity: 6 })], { region: "eu-west-1" });
    expect(await books()).toMatchObject([
      { region: "us-east-1", quantity: 5 },
      { region: "eu-west-1", quantity: 6 },
    ]);
  });

  it("shows allocations with their tags", async () => {
    const customer = await newCustomer();
    const UsageAllocations = [
      { AllocatedUsageQuantity: 2, Tags: [{ Key: "team", Value: "red" }] },
      { AllocatedUsageQuantity: 3 },
    ];
    expect(statuses(await meter([usage(customer, { UsageAllocations })]))).toEqual(["Success"]);
    expect(await books()).toMatchObject([
      {
        allocations: [
          { quantity: 2, tags: { team: "red" } },
          { quantity: 3, tags: {} },
        ],
      },
    ]);
  });
});

describe("BatchMeterUsage de-duplicates on the hour", () => {
  it("answers identical usage again with Success and the first record's id", async () => {
    const customer = await newCustomer();
    const first = await meter([usage(customer)]);
    const again = await meter([usage(customer, { Timestamp: tenOClock - 1 })]);
    expect(again.body.Results[0]).toMatchObject({
      Status: "Success",
      MeteringRecordId: first.body.Results[0]?.MeteringRecordId,
    });
    expect(await books()).toHaveLength(1);
  });

  it("answers identical usage again with DuplicateRecord where the switch says so", async () => {
    const customer = await newCustomer();
    await control("PATCH", "/switches", { identicalResubmit: "duplicate" });
    await meter([usage(customer)]);
    expect(statuses(await meter([usage(customer)]))).toEqual(["DuplicateRecord"]);
  });

  it("keeps the first quantity and answers another with DuplicateRecord", async () => {
    const customer = await newCustomer();
    await meter([usage(customer)]);
    expect(statuses(await meter([usage(customer, { Quantity: 6 })]))).toEqual(["DuplicateRecord"]);
    expect(await books()).toMatchObject([{ quantity: 5 }]);
  });

  it("takes other allocations of the same quantity as other usage, unless the switch says otherwise", async () => {
    const customer = await newCustomer();
    const tagged = usage(customer, {
      UsageAllocations: [{ AllocatedUsageQuantity: 5, Tags: [{ Key: "team", Value: "red" }] }],
    });
    await meter([usage(customer)]);
    expect(statuses(await meter([tagged]))).toEqual(["DuplicateRecord"]);
    await control("PATCH", "/switches", { identicalMeans: "quantity" });
    expect(statuses(await meter([tagged]))).toEqual(["Success"]);
  });

  it("lets the first of two records of one hour in one request win, unless the switch refuses both", async () => {
    const customer = await newCustomer();
    const twice = [usage(customer), usage(customer, { Quantity: 6 })];
    expect(statuses(await meter(twice))).toEqual(["Success", "DuplicateRecord"]);
    await control("PATCH", "/switches", { inRequestDuplicate: "reject" });
    expect(errorOf(await meter(twice))).toEqual({ status: 400, type: "ValidationException" });
  });
});

describe("BatchMeterUsage refuses a whole batch and keeps nothing of it", () => {
  const wrong = { CustomerAWSAccountId: "000000000000" };
  it.each([
    ["an unknown dimension", { Dimension: "Requests" }, "InvalidUsageDimensionException"],
    [
      "an unknown license",
      { LicenseArn: "arn:aws:license-manager::1:license:l-0" },
      "InvalidLicenseException",
    ],
    ["another customer's license", wrong, "InvalidLicenseException"],
    ["a malformed license", { LicenseArn: "l-0" }, "ValidationException"],
    ["usage before its license began", { Timestamp: tenOClock - 2 * hour - 1 }, "InvalidLicenseException"],
    ["usage 24 hours old", { Timestamp: tenOClock - 24 * hour }, "TimestampOutOfBoundsException"],
    ["usage of the future", { Timestamp: tenOClock + 301 }, "TimestampOutOfBoundsException"],
    ["a negative quantity", { Quantity: -1 }, "ValidationException"],
    ["a quantity over 32 bits", { Quantity: 2 ** 31 }, "ValidationException"],
    ["a quantity in words", { Quantity: "5" as unknown as number }, "SerializationException"],
    ["a timestamp in words", { Timestamp: "2026" as unknown as number }, "SerializationException"],
    ["no dimension", { Dimension: "" }, "ValidationException"],
  ])("for one record with %s", async (what, change, type) => {
    const good = await newCustomer();
    const startsAt = what.includes("began")
      ? new Date((tenOClock - 2 * hour) * 1000).toISOString()
      : undefined;
    const bad = await newAgreement(good.productCode, { startsAt });
    expect(errorOf(await meter([usage(good), usage(bad, change)]))).toEqual({ status: 400, type });
    expect(await books()).toEqual([]);
  });

  it("for a legacy customer's usage from before its agreement", async () => {
    const { productCode } = await newLegacyCustomer();
    const startsAt = new Date((tenOClock - 2 * hour) * 1000).toISOString();
    const customer = await newAgreement(productCode, { startsAt });
    const early = legacyUsage(customer, { Timestamp: tenOClock - 3 * hour });
    expect(errorOf(await meterLegacy(productCode, [early]))).toEqual({
      status: 400,
      type: "TimestampOutOfBoundsException",
    });
  });

  it("for licenses of two products", async () => {
    const [first, second] = [await newCustomer(), await newCustomer()];
    expect(errorOf(await meter([usage(first), usage(second)])).type).toBe("InvalidLicenseException");
  });

  it("for a record with both names of its customer", async () => {
    const customer = await newLegacyCustomer();
    const record = legacyUsage(customer, { CustomerIdentifier: customer.customerIdentifier });
    const answer = await meterLegacy(customer.productCode, [record]);
    expect(errorOf(answer).type).toBe("InvalidCustomerIdentifierException");
  });

  it("for a Region in which a product's API is not enabled", async () => {
    const customer = await newCustomer({ regions: ["us-east-1"] });
    expect(errorOf(await meter([usage(customer)], { region: "eu-west-1" })).type).toBe(
      "DisabledApiException",
    );
    expect(statuses(await meter([usage(customer)]))).toEqual(["Success"]);
  });

  it("in GovCloud, where BatchMeterUsage is not offered", async () => {
    const customer = await newCustomer();
    const answer = await meter([usage(customer)], { region: "us-gov-west-1" });
    expect(errorOf(answer)).toEqual({ status: 400, type: "DisabledApiException" });
  });
});

describe("ProductCode and LicenseArn exclude each other", () => {
  const refused = { status: 400, type: "InvalidProductCodeException" };

  it("refuses ProductCode for a product with Concurrent Agreements, with and without LicenseArn", async () => {
    const customer = await newCustomer();
    expect(errorOf(await meterLegacy(customer.productCode, [usage(customer)]))).toEqual(refused);
    expect(errorOf(await meterLegacy(customer.productCode, [legacyUsage(customer)]))).toEqual(refused);
  });

  it("refuses a legacy product without ProductCode, with an unknown one, and with LicenseArn", async () => {
    const customer = await newLegacyCustomer();
    expect(errorOf(await meter([legacyUsage(customer)]))).toEqual(refused);
    expect(errorOf(await meter([usage(customer)]))).toEqual(refused);
    expect(errorOf(await meterLegacy("prod-entity", [legacyUsage(customer)]))).toEqual(refused);
    expect(errorOf(await meterLegacy(customer.productCode, [usage(customer)]))).toEqual(refused);
  });

  it("bills the hour twice where the switch lets both through", async () => {
    const customer = await newCustomer();
    await control("PATCH", "/switches", { bothProductAndLicense: "doubleBook" });
    expect(statuses(await meterLegacy(customer.productCode, [usage(customer)]))).toEqual(["Success"]);
    expect(await books()).toMatchObject([{ licenseArn: null }, { licenseArn: customer.licenseArn }]);
  });

  it("knows nothing of another seller's product", async () => {
    const foreign = await newProduct({ sellerAccountId: "333333333333", concurrentAgreements: false });
    const customer = await newAgreement(foreign);
    expect(errorOf(await meterLegacy(foreign, [legacyUsage(customer)]))).toEqual(refused);
  });
});

describe("BatchMeterUsage tells who is not subscribed by the record's status", () => {
  it("for an unknown legacy customer, beside one that is", async () => {
    const customer = await newLegacyCustomer();
    const unknown = legacyUsage(customer, { CustomerAWSAccountId: "000000000000" });
    const answer = await meterLegacy(customer.productCode, [unknown, legacyUsage(customer)]);
    expect(statuses(answer)).toEqual(["CustomerNotSubscribed", "Success"]);
    expect(answer.body.Results[0]).not.toHaveProperty("MeteringRecordId");
  });

  it("or by an exception, where the switch says so", async () => {
    const customer = await newLegacyCustomer();
    await control("PATCH", "/switches", { unknownCustomer: "exception" });
    const unknown = legacyUsage(customer, { CustomerAWSAccountId: "000000000000" });
    const answer = await meterLegacy(customer.productCode, [legacyUsage(customer), unknown]);
    expect(errorOf(answer)).toEqual({ status: 400, type: "InvalidCustomerIdentifierException" });
    expect(await books()).toEqual([]);
  });

  it.each(["pending", "suspended"])("for a customer that is %s, and heals with it", async (status) => {
    const customer = await newCustomer();
    const path = `/agreements/${customer.agreementId}`;
    await control("PATCH", path, { status });
    expect(statuses(await meter([usage(customer)]))).toEqual(["CustomerNotSubscribed"]);
    await control("PATCH", path, { status: "active" });
    expect(statuses(await meter([usage(customer)]))).toEqual(["Success"]);
  });

  it("for an agreement that has not begun", async () => {
    const { productCode } = await newCustomer();
    const later = await newAgreement(productCode, { startsAt: "2026-11-24T00:00:00Z" });
    expect(statuses(await meter([usage(later)]))).toEqual(["CustomerNotSubscribed"]);
  });
});
