import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type {
  BatchMeterUsageRequest,
  MarketplaceError,
  MeterUsageRequest,
  Outcome,
  RegisterUsageRequest,
  Tag,
  UsageAllocation,
  UsageRecord,
} from "../../../src/marketplace/index.ts";
import { createMarketplaceClient } from "../../../src/marketplace/index.ts";
import { json, network, now, options, usage } from "./stand-in.ts";

function client() {
  const { fetch, received } = network(json(200, {}));
  return { client: createMarketplaceClient(options(fetch)), received };
}

function errorOf(outcome: Outcome<unknown>): MarketplaceError {
  if (outcome.ok) throw new Error("the request was sent");
  return outcome.error;
}

async function refused(request: BatchMeterUsageRequest): Promise<MarketplaceError> {
  const given = client();
  const error = errorOf(await given.client.batchMeterUsage(request));
  expect(given.received).toEqual([]);
  expect(error).toMatchObject({ kind: "invalid-request", advice: "fix-record", held: "no", requestId: null });
  return error;
}

async function isSent(request: BatchMeterUsageRequest): Promise<boolean> {
  return (await client().client.batchMeterUsage(request)).ok;
}

/** Records of different hours, so that none repeats another. */
function records(count: number, more: Partial<UsageRecord> = {}): UsageRecord[] {
  return Array.from({ length: count }, (_, index) =>
    usage({ Timestamp: 1_795_000_000 + index * 3600, ...more }),
  );
}

function allocation(AllocatedUsageQuantity: number, tags: Record<string, string> = {}): UsageAllocation {
  const Tags: Tag[] = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  return { AllocatedUsageQuantity, ...(Tags.length > 0 && { Tags }) };
}

describe("a record that breaks AWS's model is refused before it leaves, by index and field", () => {
  it.each<[string, Partial<UsageRecord>, string, string]>([
    ["a time in milliseconds", { Timestamp: now }, "Timestamp", "looks like milliseconds"],
    ["a time before 1970", { Timestamp: -1 }, "Timestamp", "seconds since 1970"],
    ["no time", { Timestamp: Number.NaN }, "Timestamp", "seconds since 1970"],
    ["an empty dimension", { Dimension: "" }, "Dimension", "1 to 255 characters; it has 0"],
    ["a long dimension", { Dimension: "d".repeat(256) }, "Dimension", "it has 256"],
    ["a fraction", { Quantity: 1.5 }, "Quantity", "integer from 0 to 2147483647"],
    ["a negative quantity", { Quantity: -1 }, "Quantity", "integer from 0 to 2147483647"],
    ["a quantity over 32 bits", { Quantity: 2_147_483_648 }, "Quantity", "integer from 0 to 2147483647"],
    ["an account id with letters", { CustomerAWSAccountId: "1111-2222" }, "CustomerAWSAccountId", "digits"],
    ["a licence that is no ARN", { LicenseArn: "l-0123" }, "LicenseArn", "ARN"],
    ["an empty customer identifier", { CustomerIdentifier: "" }, "CustomerIdentifier", "1 to 255"],
  ])("%s", async (_what, wrong, field, rule) => {
    const error = await refused({ UsageRecords: [...records(2), usage(wrong)] });

    expect(error).toMatchObject({ record: 2, field });
    expect(error.message).toMatch(/^BatchMeterUsage in us-east-1: record 2, /);
    expect(error.message).toContain(rule);
    expect(error.message).toContain("Nothing was sent.");
  });

  it("unless every field is at its limit", async () => {
    const Dimension = "💧".repeat(255);
    expect(
      await isSent({ UsageRecords: [usage({ Dimension, Quantity: 2_147_483_647 }), usage({ Quantity: 0 })] }),
    ).toBe(true);
  });
});

describe("a record's allocations", () => {
  const tooMany = Array.from({ length: 2501 }, (_, index) => allocation(0, { key: `${index}` }));

  it.each<[string, UsageAllocation[], string, string]>([
    ["no allocation", [], "UsageAllocations", "1 to 2500"],
    ["more than 2500", tooMany, "UsageAllocations", "it holds 2501"],
    [
      "a fraction",
      [allocation(2.5), allocation(2.5, { a: "b" })],
      "UsageAllocations[0].AllocatedUsageQuantity",
      "integer",
    ],
    [
      "no tag in a list of tags",
      [{ AllocatedUsageQuantity: 5, Tags: [] }],
      "UsageAllocations[0].Tags",
      "leave it out",
    ],
    [
      "six tags",
      [allocation(5, { a: "1", b: "1", c: "1", d: "1", e: "1", f: "1" })],
      "UsageAllocations[0].Tags",
      "1 to 5",
    ],
    [
      "six keys over two allocations",
      [allocation(2, { a: "1", b: "1", c: "1" }), allocation(3, { d: "1", e: "1", f: "1" })],
      "UsageAllocations",
      "at most 5 tag keys; they use 6",
    ],
    ["an empty tag value", [allocation(5, { a: "" })], "UsageAllocations[0].Tags[0].Value", "1 to 256"],
    [
      "a long tag key",
      [allocation(5, { ["k".repeat(101)]: "v" })],
      "UsageAllocations[0].Tags[0].Key",
      "1 to 100",
    ],
    [
      "a tag with a character AWS may refuse",
      [allocation(5, { a: "50%" })],
      "UsageAllocations[0].Tags[0].Value",
      "letters",
    ],
    [
      "one key twice in a tag set",
      [
        {
          AllocatedUsageQuantity: 5,
          Tags: [
            { Key: "a", Value: "1" },
            { Key: "a", Value: "2" },
          ],
        },
      ],
      "UsageAllocations[0].Tags",
      "one key twice",
    ],
    [
      "a sum below the quantity",
      [allocation(4)],
      "UsageAllocations",
      "add up to the quantity 5; they add up to 4",
    ],
    [
      "two untagged allocations",
      [allocation(2), allocation(3)],
      "UsageAllocations[1].Tags",
      "differ from those of UsageAllocations[0]",
    ],
    [
      "one tag set in two orders",
      [allocation(2, { a: "1", b: "2" }), allocation(3, { b: "2", a: "1" })],
      "UsageAllocations[1].Tags",
      "differ",
    ],
  ])("are refused with %s", async (_what, UsageAllocations, field, rule) => {
    const error = await refused({ UsageRecords: [usage({ UsageAllocations })] });

    expect(error).toMatchObject({ record: 0, field });
    expect(error.message).toContain(rule);
  });

  it("pass at their limits: 2500 of them, five keys, the longest tags", async () => {
    const UsageAllocations = Array.from({ length: 2500 }, (_, index) =>
      allocation(index === 0 ? 5 : 0, { key: `${index}` }),
    );
    const longest = {
      ["k".repeat(100)]: "v".repeat(256),
      b: "A-Z a-z 0-9 + - = . _ : / @",
      c: "3",
      d: "4",
      e: "5",
    };

    expect(await isSent({ UsageRecords: [usage({ UsageAllocations })] })).toBe(true);
    expect(await isSent({ UsageRecords: [usage({ UsageAllocations: [allocation(5, longest)] })] })).toBe(
      true,
    );
  });

  it("add up to zero where the quantity is left out", async () => {
    const { Quantity: _left, ...without } = usage();
    expect(await isSent({ UsageRecords: [{ ...without, UsageAllocations: [allocation(0)] }] })).toBe(true);
    await refused({ UsageRecords: [{ ...without, UsageAllocations: [allocation(1)] }] });
  });

  it("pass exactly when they add up", async () => {
    const parts = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(parts, fc.integer({ min: 0, max: 30_000 }), async (quantities, guess) => {
        const UsageAllocations = quantities.map((quantity, index) =>
          allocation(quantity, { part: `${index}` }),
        );
        const sum = quantities.reduce((a, b) => a + b);
        expect(await isSent({ UsageRecords: [usage({ Quantity: sum, UsageAllocations })] })).toBe(true);
        expect(await isSent({ UsageRecords: [usage({ Quantity: guess, UsageAllocations })] })).toBe(
          guess === sum,
        );
      }),
      { numRuns: 30 },
    );
  });
});

describe("a record says whose it is", () => {
  const { LicenseArn: _arn, CustomerAWSAccountId: _account, ...anonymous } = usage();
  const byAccount = { ...anonymous, CustomerAWSAccountId: "111122223333" };
  const byIdentifier = { ...anonymous, CustomerIdentifier: "X01EXAMPLEX" };

  it("by licence and account without a product code, or by customer under one", async () => {
    expect(await isSent({ UsageRecords: [usage()] })).toBe(true);
    expect(await isSent({ UsageRecords: [byAccount], ProductCode: "abc123" })).toBe(true);
    expect(await isSent({ UsageRecords: [byIdentifier], ProductCode: "abc123" })).toBe(true);
  });

  it("never by licence under a product code, which AWS would bill twice", async () => {
    const error = await refused({ UsageRecords: [byAccount, usage()], ProductCode: "abc123" });
    expect(error).toMatchObject({ record: 1, field: "LicenseArn" });
    expect(error.message).toContain("bill twice");
  });

  it.each<[string, UsageRecord, string | undefined, string]>([
    [
      "a licence without an account",
      { ...anonymous, LicenseArn: usage().LicenseArn ?? "" },
      undefined,
      "CustomerAWSAccountId",
    ],
    ["an account without a product", byAccount, undefined, "LicenseArn"],
    ["both of a customer's ids", { ...byAccount, ...byIdentifier }, "abc123", "CustomerIdentifier"],
    ["nobody", anonymous, "abc123", "CustomerAWSAccountId"],
  ])("not by %s", async (_what, record, ProductCode, field) => {
    const error = await refused({
      UsageRecords: [record],
      ...(ProductCode !== undefined && { ProductCode }),
    });
    expect(error).toMatchObject({ record: 0, field });
  });

  it("once per dimension and hour: AWS would bill only one of two", async () => {
    const error = await refused({
      UsageRecords: [usage(), ...records(1), usage({ Timestamp: now / 1000 - 60 })],
    });
    expect(error).toMatchObject({ record: 2, field: "Timestamp" });
    expect(error.message).toContain("as record 0");
    expect(
      await isSent({
        UsageRecords: [usage(), usage({ Dimension: "storage" }), usage({ Timestamp: now / 1000 })],
      }),
    ).toBe(true);
  });
});

describe("a batch", () => {
  it("holds 25 records, not 26", async () => {
    expect(await isSent({ UsageRecords: records(25) })).toBe(true);
    expect(await refused({ UsageRecords: records(26) })).toMatchObject({
      record: null,
      field: "UsageRecords",
    });
  });

  it("may be empty, as AWS's model says", async () => {
    expect(await isSent({ UsageRecords: [] })).toBe(true);
  });

  it.each(["", "a b", "x".repeat(256)])("has no product code like %j", async (ProductCode) => {
    expect(await refused({ UsageRecords: [], ProductCode })).toMatchObject({
      record: null,
      field: "ProductCode",
    });
  });

  it("is under 1 MB, counted in bytes and not in characters", async () => {
    // Given 25 records whose dimensions have 200 characters of four bytes each, and many tags
    const tags = Array.from({ length: 595 }, (_, index) =>
      allocation(index === 0 ? 5 : 0, { key: `${index}` }),
    );
    const inCharacters = records(25, { Dimension: "d".repeat(200), UsageAllocations: tags });
    const inBytes = records(25, { Dimension: "💧".repeat(200), UsageAllocations: tags });
    const size = JSON.stringify({ UsageRecords: inCharacters }).length;
    expect(size).toBeLessThan(1_000_000);
    expect(size + 25 * 600).toBeGreaterThan(1_000_000);

    expect(await isSent({ UsageRecords: inCharacters })).toBe(true);
    const error = await refused({ UsageRecords: inBytes });
    expect(error).toMatchObject({ record: null, field: "UsageRecords" });
    expect(error.message).toContain("under 1 MB");
  });

  it("has the same bytes whatever order its fields were written in, and whatever else the object carries", async () => {
    const given = client();
    const record = usage();
    const shuffled = Object.fromEntries(Object.entries(record).toReversed()) as unknown as UsageRecord;

    await given.client.batchMeterUsage({ UsageRecords: [record] });
    await given.client.batchMeterUsage({ UsageRecords: [Object.assign(shuffled, { rowId: 7 })] });

    expect(given.received[1]?.body).toBe(given.received[0]?.body);
  });
});

describe("the other operations' requests", () => {
  const inside: MeterUsageRequest = { ProductCode: "abc123", Timestamp: now / 1000, UsageDimension: "d" };
  const container: RegisterUsageRequest = { ProductCode: "abc123", PublicKeyVersion: 1 };

  it.each<[Partial<MeterUsageRequest>, string]>([
    [{ ProductCode: "" }, "ProductCode"],
    [{ Timestamp: now }, "Timestamp"],
    [{ UsageDimension: "" }, "UsageDimension"],
    [{ UsageQuantity: 0.5 }, "UsageQuantity"],
    [{ UsageQuantity: 2, UsageAllocations: [allocation(1)] }, "UsageAllocations"],
    [{ ClientToken: "" }, "ClientToken"],
    [{ ClientToken: "t".repeat(65) }, "ClientToken"],
  ])("MeterUsage refuses %j", async (wrong, field) => {
    const given = client();
    const error = errorOf(await given.client.meterUsage({ ...inside, ...wrong }));
    expect(error).toMatchObject({ kind: "invalid-request", record: null, field });
    expect(given.received).toEqual([]);
  });

  it.each<[Partial<RegisterUsageRequest>, string]>([
    [{ ProductCode: "" }, "ProductCode"],
    [{ PublicKeyVersion: 0 }, "PublicKeyVersion"],
    [{ Nonce: "n".repeat(256) }, "Nonce"],
  ])("RegisterUsage refuses %j", async (wrong, field) => {
    const error = errorOf(await client().client.registerUsage({ ...container, ...wrong }));
    expect(error).toMatchObject({ kind: "invalid-request", record: null, field });
  });

  it("ResolveCustomer sends neither an empty token nor an endless one: whoever posted it starts again", async () => {
    const given = client();
    for (const RegistrationToken of ["", "t".repeat(20_001)]) {
      const error = errorOf(await given.client.resolveCustomer({ RegistrationToken }));
      expect(error).toMatchObject({
        kind: "invalid-registration-token",
        advice: "tell-customer",
        held: "no",
      });
      expect(error.message).toContain("RegistrationToken must have 1 to 20000 characters");
    }
    expect(given.received).toEqual([]);
  });
});
