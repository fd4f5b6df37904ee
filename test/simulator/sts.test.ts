import { beforeEach, describe, expect, it } from "vitest";
import { aws, control } from "./client.ts";
import { assume, assumeRole, assumeRoleWithWebIdentity, keyOf, roleArn } from "./sts.ts";
import { errorOf, meter, newCustomer, setTime, startOver, statuses, tenOClock, usage } from "./world.ts";

beforeEach(startOver);

const seller = "999999999999";
const RoleArn = roleArn(seller, "gateway");

describe("AssumeRole", () => {
  it("gives credentials that sign calls as the role's account", async () => {
    const customer = await newCustomer();
    const answer = await assumeRole({ RoleArn, DurationSeconds: "900" });
    expect(answer.status).toBe(200);
    expect(answer.text("Expiration")).toBe("2026-11-23T10:15:00Z");
    expect(answer.text("Arn")).toBe(`arn:aws:sts::${seller}:assumed-role/gateway/test`);
    expect(statuses(await meter([usage(customer)], { key: keyOf(answer) }))).toEqual(["Success"]);
  });

  it("gives credentials of another account no say over the seller's products", async () => {
    const customer = await newCustomer();
    const key = await assume("444444444444");
    expect(errorOf(await meter([usage(customer)], { key })).type).toBe("InvalidLicenseException");
    const RegistrationToken = customer.registrationToken;
    expect(errorOf(await aws("ResolveCustomer", { RegistrationToken }, { key })).type).toBe(
      "InvalidTokenException",
    );
  });

  it("lets a session expire by the simulated clock, in the words of AWS's generic error", async () => {
    const customer = await newCustomer();
    const key = keyOf(await assumeRole({ RoleArn, DurationSeconds: "900" }));
    await setTime(tenOClock + 900);
    const answer = await meter([usage(customer)], { key });
    expect(errorOf(answer)).toEqual({ status: 400, type: "ExpiredTokenException" });
    expect(answer.body.message).toBe("The security token included in the request is expired");
    const chained = await assumeRole({ RoleArn }, key);
    expect([chained.status, chained.text("Code")]).toEqual([403, "ExpiredToken"]);
  });

  it("asks for the ExternalId that the role demands", async () => {
    await control("POST", "/roles", { roleArn: RoleArn, externalId: "tenant-7" });
    for (const form of [{ RoleArn }, { RoleArn, ExternalId: "tenant-8" }]) {
      const answer = await assumeRole(form);
      expect([answer.status, answer.text("Code")]).toEqual([403, "AccessDenied"]);
    }
    expect((await assumeRole({ RoleArn, ExternalId: "tenant-7" })).status).toBe(200);
  });

  it.each([
    ["a session of 899 seconds", { DurationSeconds: "899" }, "ValidationError"],
    ["no role", { RoleArn: "" }, "ValidationError"],
    ["a user's ARN", { RoleArn: `arn:aws:iam::${seller}:user/someone` }, "ValidationError"],
    ["a session's name of one character", { RoleSessionName: "x" }, "ValidationError"],
    ["a policy that is not JSON", { Policy: "{" }, "MalformedPolicyDocument"],
    ["a policy of 2049 characters", { Policy: `{"a":"${"x".repeat(2042)}"}` }, "PackedPolicyTooLarge"],
  ])("refuses %s", async (_what, form, code) => {
    const answer = await assumeRole({ RoleArn, ...form });
    expect([answer.status, answer.text("Code")]).toEqual([400, code]);
    expect(answer.text("Type")).toBe("Sender");
  });

  it("holds a role to its own longest session, and a chained one to an hour", async () => {
    const DurationSeconds = "7200";
    await control("POST", "/roles", { roleArn: RoleArn, maxSessionSeconds: 3600 });
    expect((await assumeRole({ RoleArn, DurationSeconds })).text("Code")).toBe("ValidationError");
    const key = await assume(seller);
    const other = { RoleArn: roleArn(seller, "other"), DurationSeconds };
    expect((await assumeRole(other, key)).text("Message")).toContain("role chaining");
    expect((await assumeRole(other)).status).toBe(200);
  });

  it.each([
    ["a wrong secret", { secretAccessKey: "wrong" }, "SignatureDoesNotMatch"],
    ["an unknown key", { accessKeyId: "AKIDUNKNOWN" }, "InvalidClientTokenId"],
  ])("refuses %s in STS's own words", async (_what, change, code) => {
    const key = { accessKeyId: "AKIDSIMULATOR0000000", secretAccessKey: "simulator-secret", ...change };
    const answer = await assumeRole({ RoleArn }, key);
    expect([answer.status, answer.text("Code")]).toEqual([403, code]);
  });

  it("is an unknown action to nobody else", async () => {
    const answer = await assumeRole({ RoleArn, Action: "GetFederationToken" });
    expect([answer.status, answer.text("Code")]).toEqual([400, "InvalidAction"]);
  });
});

const issuer = "https://gateway.example.com";
const encode = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const encodeJson = (value: unknown): string => encode(new TextEncoder().encode(JSON.stringify(value)));

async function newIssuer() {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const pair = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const key = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const token = async (claims: object = {}): Promise<string> => {
    const standard = {
      iss: issuer,
      sub: "tenant:7",
      aud: "sts.amazonaws.com",
      iat: tenOClock,
      exp: tenOClock + 60,
    };
    const content = `${encodeJson({ alg: "ES256", typ: "JWT" })}.${encodeJson({ ...standard, ...claims })}`;
    const bytes = new TextEncoder().encode(content);
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, bytes);
    return `${content}.${encode(new Uint8Array(signature))}`;
  };
  return { key, token };
}

describe("AssumeRoleWithWebIdentity", () => {
  async function trusting() {
    await setTime(tenOClock);
    const { key, token } = await newIssuer();
    const webIdentity = { issuer, subject: "tenant:7", audience: "sts.amazonaws.com", keys: [key] };
    await control("POST", "/roles", { roleArn: RoleArn, webIdentity });
    return token;
  }

  it("gives credentials for a signed token of the issuer that the role trusts", async () => {
    const token = await trusting();
    const customer = await newCustomer();
    const answer = await assumeRoleWithWebIdentity({ RoleArn, WebIdentityToken: await token() });
    expect(answer.status).toBe(200);
    expect(answer.text("SubjectFromWebIdentityToken")).toBe("tenant:7");
    expect(answer.text("Audience")).toBe("sts.amazonaws.com");
    expect(statuses(await meter([usage(customer)], { key: keyOf(answer) }))).toEqual(["Success"]);
  });

  it.each([
    ["an expired token", { exp: tenOClock }, 400, "ExpiredTokenException"],
    ["another issuer", { iss: "https://other.example.com" }, 400, "InvalidIdentityToken"],
    ["another audience", { aud: "other" }, 400, "InvalidIdentityToken"],
    ["another subject", { sub: "tenant:8" }, 403, "AccessDenied"],
    ["an issuer without TLS", { iss: "http://gateway.example.com" }, 400, "InvalidIdentityToken"],
  ])("refuses %s", async (_what, claims, status, code) => {
    const token = await trusting();
    const answer = await assumeRoleWithWebIdentity({ RoleArn, WebIdentityToken: await token(claims) });
    expect([answer.status, answer.text("Code")]).toEqual([status, code]);
  });

  it("refuses a token that another key signed", async () => {
    await trusting();
    const forged = await newIssuer();
    const answer = await assumeRoleWithWebIdentity({ RoleArn, WebIdentityToken: await forged.token() });
    expect([answer.status, answer.text("Code")]).toEqual([400, "InvalidIdentityToken"]);
  });

  it("refuses a role that trusts no issuer, and AssumeRole one that trusts only an issuer", async () => {
    const token = await trusting();
    expect((await assumeRole({ RoleArn })).text("Code")).toBe("AccessDenied");
    await control("POST", "/roles", { roleArn: RoleArn, externalId: "tenant-7" });
    const answer = await assumeRoleWithWebIdentity({ RoleArn, WebIdentityToken: await token() });
    expect(answer.text("Code")).toBe("AccessDenied");
  });
});
