import { beforeEach, describe, expect, it } from "vitest";
import { aws, control, type CallOptions } from "./client.ts";
import { assume } from "./sts.ts";
import { books, errorOf, newCustomer, setTime, startOver, tenOClock, type Agreement } from "./world.ts";

// MeterUsage and RegisterUsage are called by software in the customer's own AWS account.

beforeEach(startOver);

const report = ({ productCode }: Agreement, more: object = {}) => ({
  ProductCode: productCode,
  Timestamp: tenOClock - 60,
  UsageDimension: "requests",
  UsageQuantity: 3,
  ...more,
});

interface Metered {
  readonly MeteringRecordId: string;
}

async function software() {
  const customer = await newCustomer();
  const key = await assume(customer.accountId);
  const meterUsage = (more: object = {}, options: CallOptions = {}) =>
    aws<Metered & Record<string, unknown>>("MeterUsage", report(customer, more), { key, ...options });
  return { customer, key, meterUsage };
}

describe("MeterUsage", () => {
  it("books one report an hour and dimension, and answers an identical one with the first one's id", async () => {
    const { customer, meterUsage } = await software();
    const first = await meterUsage();
    const again = await meterUsage({ Timestamp: tenOClock - 3000 });
    expect(first.status).toBe(200);
    expect(again.body).toEqual(first.body);
    await meterUsage({ UsageDimension: "storage" });
    expect(await books()).toMatchObject([
      { operation: "MeterUsage", accountId: customer.accountId, dimension: "requests", quantity: 3 },
      { operation: "MeterUsage", dimension: "storage" },
    ]);
    expect(await books()).toHaveLength(2);
  });

  it("answers a repeated ClientToken with the first answer", async () => {
    const { meterUsage } = await software();
    const first = await meterUsage({ ClientToken: "once" });
    expect((await meterUsage({ ClientToken: "once" })).body).toEqual(first.body);
  });

  it("takes usage of less than six hours ago", async () => {
    const { meterUsage } = await software();
    expect((await meterUsage({ Timestamp: tenOClock - 6 * 3600 + 1 })).status).toBe(200);
    const late = await meterUsage({ Timestamp: tenOClock - 6 * 3600 });
    expect(errorOf(late)).toEqual({ status: 400, type: "TimestampOutOfBoundsException" });
  });

  it("keeps nothing of a dry run", async () => {
    const { meterUsage } = await software();
    expect(errorOf(await meterUsage({ DryRun: true })).type).toBe("DryRunOperation");
    expect(await books()).toEqual([]);
  });

  it("knows no customer by the seller's key", async () => {
    const customer = await newCustomer();
    const answer = await aws("MeterUsage", report(customer));
    expect(errorOf(answer)).toEqual({ status: 400, type: "CustomerNotEntitledException" });
  });

  it("refuses a customer whose agreement has ended", async () => {
    const { customer, meterUsage } = await software();
    await control("POST", `/agreements/${customer.agreementId}/deprovision`);
    expect((await meterUsage()).status).toBe(200);
    await setTime(tenOClock + 3600);
    expect(errorOf(await meterUsage()).type).toBe("CustomerNotEntitledException");
  });
});

interface Registered {
  readonly Signature: string;
  readonly PublicKeyRotationTimestamp?: number;
}

const decode = (part: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

describe("RegisterUsage", () => {
  async function register(more: object = {}) {
    const { customer, key } = await software();
    const input = { ProductCode: customer.productCode, PublicKeyVersion: 1, ...more };
    return { customer, answer: await aws<Registered>("RegisterUsage", input, { key }) };
  }

  it("signs what it was asked for, so that AWS's public key verifies it", async () => {
    const { customer, answer } = await register({ Nonce: "a nonce" });
    const [header = "", claims = "", signature = ""] = answer.body.Signature.split(".");
    expect(JSON.parse(new TextDecoder().decode(decode(claims)))).toEqual({
      productCode: customer.productCode,
      publicKeyVersion: 1,
      nonce: "a nonce",
      iat: tenOClock,
    });
    const { body } = await control<JsonWebKey>("GET", "/public-key");
    const algorithm = { name: "RSA-PSS", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("jwk", body, algorithm, false, ["verify"]);
    const signed = new TextEncoder().encode(`${header}.${claims}`);
    const verify = { name: "RSA-PSS", saltLength: 32 };
    expect(await crypto.subtle.verify(verify, key, decode(signature), signed)).toBe(true);
    expect(body).not.toHaveProperty("d");
  });

  it("tells when the public key's version has expired", async () => {
    expect((await register()).answer.body).not.toHaveProperty("PublicKeyRotationTimestamp");
    await control("PATCH", "/switches", { publicKeyVersion: 2 });
    const { answer } = await register();
    expect(answer.body.PublicKeyRotationTimestamp).toBe(tenOClock);
  });
});
