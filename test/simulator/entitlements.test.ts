import { beforeEach, describe, expect, it } from "vitest";
import { aws, control } from "./client.ts";
import {
  errorOf,
  newAgreement,
  newCustomer,
  newLegacyCustomer,
  newProduct,
  setTime,
  startOver,
} from "./world.ts";

beforeEach(startOver);

const target = "AWSMPEntitlementService.GetEntitlements";

interface Entitlements {
  readonly Entitlements: readonly { Dimension: string; CustomerAWSAccountId: string; LicenseArn: string }[];
  readonly NextToken?: string;
}

const get = (ProductCode: string, more: object = {}) =>
  aws<Entitlements & Record<string, unknown>>("GetEntitlements", { ProductCode, ...more }, { target });

const contract = {
  entitlements: [
    { dimension: "seats", value: 20 },
    { dimension: "sites", value: 2 },
  ],
};

describe("GetEntitlements", () => {
  it("finds by each filter, alternatives within a key and all keys together", async () => {
    const { productCode } = await newCustomer();
    const one = await newAgreement(productCode, contract);
    const two = await newAgreement(productCode, contract);
    const found = async (Filter: object) =>
      (await get(productCode, { Filter })).body.Entitlements.map(
        ({ Dimension, LicenseArn }) => `${LicenseArn === one.licenseArn ? "one" : "two"} ${Dimension}`,
      );
    expect(await found({ CUSTOMER_AWS_ACCOUNT_ID: [one.accountId] })).toEqual(["one seats", "one sites"]);
    expect(await found({ LICENSE_ARN: [two.licenseArn], DIMENSION: ["sites"] })).toEqual(["two sites"]);
    expect(await found({ DIMENSION: ["seats"], LICENSE_ARN: [one.licenseArn, two.licenseArn] })).toEqual([
      "one seats",
      "two seats",
    ]);
    expect(await found({ DIMENSION: ["none"] })).toEqual([]);
  });

  it("shows nothing of another product, also by the license of its customer", async () => {
    const { productCode } = await newCustomer();
    const other = await newAgreement((await newCustomer()).productCode, contract);
    const Filter = { LICENSE_ARN: [other.licenseArn] };
    expect((await get(productCode, { Filter })).body.Entitlements).toEqual([]);
  });

  it("finds a legacy customer by its identifier", async () => {
    const { productCode } = await newLegacyCustomer();
    const customer = await newAgreement(productCode, contract);
    const Filter = { CUSTOMER_IDENTIFIER: [customer.customerIdentifier] };
    expect((await get(productCode, { Filter })).body.Entitlements).toHaveLength(2);
  });

  it("shows at most 25 at once, and each of them once over its pages", async () => {
    const { productCode } = await newCustomer();
    const entitlements = Array.from({ length: 30 }, (_, i) => ({ dimension: `d${i}`, value: i }));
    await newAgreement(productCode, { entitlements });
    const first = await get(productCode);
    const second = await get(productCode, { NextToken: first.body.NextToken });
    expect(first.body.Entitlements).toHaveLength(25);
    expect(second.body).not.toHaveProperty("NextToken");
    const dimensions = [...first.body.Entitlements, ...second.body.Entitlements].map(
      ({ Dimension }) => Dimension,
    );
    expect(new Set(dimensions).size).toBe(30);
  });

  it("has nothing before the licence is active, after it has ended, nor of an entitlement that has expired", async () => {
    const { productCode } = await newCustomer();
    const customer = await newAgreement(productCode, { ...contract, status: "pending" });
    const count = async () => (await get(productCode)).body.Entitlements.length;
    expect(await count()).toBe(0);
    await control("PATCH", `/agreements/${customer.agreementId}`, { status: "active" });
    expect(await count()).toBe(2);
    const entitlements = [
      { dimension: "seats", value: 1, expiresAt: "2026-11-23T12:00:00Z" },
      { dimension: "x", value: 1 },
    ];
    await control("PATCH", `/agreements/${customer.agreementId}`, { entitlements });
    await setTime("2026-11-23T12:00:00Z");
    expect(await count()).toBe(1);
    await control("POST", `/agreements/${customer.agreementId}/deprovision`);
    await setTime("2026-11-23T13:00:00Z");
    expect(await count()).toBe(0);
  });

  it.each([
    ["an unknown product", {}, "InvalidParameterException"],
    ["a NextToken that is none", { NextToken: "x" }, "InvalidParameterException"],
    ["26 results at once", { MaxResults: 26 }, "ValidationException"],
    ["a filter that does not exist", { Filter: { COLOUR: ["red"] } }, "ValidationException"],
  ])("refuses %s", async (what, more, type) => {
    const { productCode } = await newCustomer();
    const answer = await get(what === "an unknown product" ? "none" : productCode, more);
    expect(errorOf(answer)).toEqual({ status: 400, type });
  });

  it("knows nothing of another seller's product", async () => {
    const productCode = await newProduct({ sellerAccountId: "333333333333" });
    expect(errorOf(await get(productCode)).type).toBe("InvalidParameterException");
  });
});
