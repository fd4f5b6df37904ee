import { beforeEach, describe, expect, it } from "vitest";
import { aws, control, type Answer, type CallOptions } from "./client.ts";
import {
  errorOf,
  newAgreement,
  newCustomer,
  newLegacyCustomer,
  newProduct,
  setTime,
  startOver,
  tenOClock,
} from "./world.ts";

beforeEach(startOver);

const resolve = (RegistrationToken: string, options: CallOptions = {}): Promise<Answer> =>
  aws("ResolveCustomer", { RegistrationToken }, options);

const hour = 3600;
const expired = { status: 400, type: "ExpiredTokenException" };
const invalid = {
  status: 400,
  body: { __type: "InvalidTokenException", message: "Registration token is invalid" },
};

describe("ResolveCustomer", () => {
  it("tells the account and the license of who came, and no legacy identifier", async () => {
    const { registrationToken, accountId, licenseArn, productCode } = await newCustomer();
    const answer = await resolve(registrationToken);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      CustomerIdentifier: "",
      ProductCode: productCode,
      CustomerAWSAccountId: accountId,
      LicenseArn: licenseArn,
    });
  });

  it("tells the legacy identifier of a legacy product's customer", async () => {
    const { registrationToken, customerIdentifier } = await newLegacyCustomer();
    expect(customerIdentifier).toMatch(/^[A-Z0-9]{11}$/);
    expect((await resolve(registrationToken)).body).toMatchObject({
      CustomerIdentifier: customerIdentifier,
    });
  });

  it("works in another Region than that of the metering", async () => {
    const { registrationToken } = await newCustomer();
    expect((await resolve(registrationToken, { region: "eu-central-1" })).status).toBe(200);
  });

  it("says the same each time until the token is four hours old", async () => {
    const { registrationToken } = await newCustomer();
    const first = await resolve(registrationToken);
    await setTime(tenOClock + 4 * hour - 1);
    expect((await resolve(registrationToken)).body).toEqual(first.body);
    await setTime(tenOClock + 4 * hour);
    expect(errorOf(await resolve(registrationToken))).toEqual(expired);
  });

  it("takes a token for as long, and as often, as the switches say", async () => {
    const { registrationToken, agreementId } = await newCustomer();
    await control("POST", "/switches", { tokenTtlHours: 1 });
    await setTime(tenOClock + hour);
    expect(errorOf(await resolve(registrationToken))).toEqual(expired);

    const again = await control<{ registrationToken: string }>("POST", `/agreements/${agreementId}/tokens`);
    await control("POST", "/switches", { tokenSingleUse: true });
    expect((await resolve(again.body.registrationToken)).status).toBe(200);
    expect(errorOf(await resolve(again.body.registrationToken))).toEqual(expired);
  });

  it("knows each of an agreement's tokens", async () => {
    const { registrationToken, agreementId, licenseArn } = await newCustomer();
    const { status, body } = await control<{ registrationToken: string }>(
      "POST",
      `/agreements/${agreementId}/tokens`,
    );
    expect(status).toBe(201);
    expect(body.registrationToken).not.toBe(registrationToken);
    for (const token of [registrationToken, body.registrationToken]) {
      expect((await resolve(token)).body).toMatchObject({ LicenseArn: licenseArn });
    }
  });

  it("refuses a token that it did not issue, and one that was decoded twice or not at all", async () => {
    const { registrationToken } = await newCustomer();
    expect(registrationToken).toMatch(/\+.*=/);
    expect(await resolve("made-up")).toMatchObject(invalid);
    expect(await resolve(registrationToken.replaceAll("+", " "))).toMatchObject(invalid);
    expect(await resolve(encodeURIComponent(registrationToken))).toMatchObject(invalid);
  });

  it("refuses the token of another seller's customer", async () => {
    const { registrationToken } = await newAgreement(await newProduct({ sellerAccountId: "333333333333" }));
    expect(await resolve(registrationToken)).toMatchObject(invalid);
  });

  it.each([[{}], [{ RegistrationToken: "" }], [{ RegistrationToken: null }]])(
    "refuses %j by its model",
    async (input) => {
      expect(errorOf(await aws("ResolveCustomer", input))).toEqual({
        status: 400,
        type: "ValidationException",
      });
    },
  );

  it("is not available in the Regions that a switch disables", async () => {
    const { registrationToken } = await newCustomer();
    await control("POST", "/switches", { disabledRegions: ["eu-west-1"] });
    expect(errorOf(await resolve(registrationToken, { region: "eu-west-1" }))).toEqual({
      status: 400,
      type: "DisabledApiException",
    });
    expect((await resolve(registrationToken)).status).toBe(200);
  });

  it("resolves a customer whose agreement takes no usage yet", async () => {
    const { productCode } = await newCustomer();
    const pending = await newAgreement(productCode, { status: "pending" });
    expect((await resolve(pending.registrationToken)).body).toMatchObject({
      LicenseArn: pending.licenseArn,
    });
  });
});
