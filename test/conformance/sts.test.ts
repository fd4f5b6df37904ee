import * as stsSdk from "@aws-sdk/client-sts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ErrorKind } from "../../src/marketplace/index.ts";
import {
  createMarketplaceClient,
  createStsClient,
  roleCredentials,
  staticCredentials,
  webIdentityCredentials,
} from "../../src/marketplace/index.ts";
import type { Simulator } from "./simulator.ts";
import { sellerKey, startSimulator } from "./simulator.ts";
import type { World } from "./world.ts";
import { books, newWorld, orderFault, usage } from "./world.ts";

let simulator: Simulator;
let world: World;
beforeAll(async () => {
  simulator = await startSimulator();
});
beforeEach(async () => {
  world = await newWorld(simulator);
});
afterAll(() => simulator.stop());

const now = (): number => world.now * 1000;

function options() {
  const credentials = staticCredentials(sellerKey);
  return { region: "us-east-1", endpoint: simulator.url, credentials, fetch, now };
}

function official() {
  const clock = { systemClockOffset: now() - Date.now() };
  return new stsSdk.STSClient({
    region: "us-east-1",
    endpoint: simulator.url,
    credentials: sellerKey,
    maxAttempts: 1,
    ...clock,
  });
}

/** The seller's account, as the simulator has it, so that the role's sessions may meter its products. */
async function sellersRole(): Promise<string> {
  const { products } = await simulator.send<{ products: { sellerAccountId: string }[] }>("GET", "products");
  return `arn:aws:iam::${products[0]?.sellerAccountId ?? ""}:role/metering`;
}

const issuer = "https://gateway.example.com";

/** A token of the issuer for a subject, signed by its key. */
async function identityToken(key: CryptoKey, sub: string, lifetime = 300): Promise<string> {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iss: issuer, sub, aud: "sts.amazonaws.com", iat: world.now, exp: world.now + lifetime };
  const content = `${part({ alg: "ES256", typ: "JWT" })}.${part(claims)}`;
  const signature = await crypto.subtle.sign(
    { name: "ECDSA", hash: "SHA-256" },
    key,
    new TextEncoder().encode(content),
  );
  return `${content}.${Buffer.from(signature).toString("base64url")}`;
}

async function newKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
}

/** A role that trusts the issuer for one subject. */
async function trustedRole(pair: CryptoKeyPair): Promise<string> {
  const roleArn = await sellersRole();
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const webIdentity = {
    issuer,
    subject: "tenant:abc",
    audience: "sts.amazonaws.com",
    keys: [{ kty, crv, x, y }],
  };
  await simulator.send("POST", "roles", { roleArn, webIdentity });
  return roleArn;
}

describe("a role with an external id", () => {
  it("meters by a session that both clients can take and use", async () => {
    // Given a role in the seller's account that asks for an external id
    const RoleArn = await sellersRole();
    await simulator.send("POST", "roles", { roleArn: RoleArn, externalId: "tenant-abc" });
    const request = { RoleArn, RoleSessionName: "metergate", ExternalId: "tenant-abc", DurationSeconds: 900 };

    // When each client assumes it, then both get a session of the same length for the same role
    const theirs = await official().send(new stsSdk.AssumeRoleCommand(request));
    const sts = createStsClient(options());
    const outcome = await sts.assumeRole(request);
    expect(outcome).toMatchObject({
      ok: true,
      value: {
        Credentials: { Expiration: (theirs.Credentials?.Expiration?.getTime() ?? 0) / 1000 },
        AssumedRoleUser: { Arn: theirs.AssumedRoleUser?.Arn },
      },
    });

    // And our client meters with it
    const client = createMarketplaceClient({
      ...options(),
      credentials: roleCredentials({ sts, request, now }),
    });
    expect(await client.batchMeterUsage({ UsageRecords: [usage(world)] })).toMatchObject({ ok: true });
    expect(await books(world)).toHaveLength(1);
  });

  it("is closed to another external id", async () => {
    const RoleArn = await sellersRole();
    await simulator.send("POST", "roles", { roleArn: RoleArn, externalId: "tenant-abc" });
    const request = { RoleArn, RoleSessionName: "metergate", ExternalId: "tenant-other" };

    await expect(official().send(new stsSdk.AssumeRoleCommand(request))).rejects.toMatchObject({
      name: "AccessDenied",
    });
    expect(await createStsClient(options()).assumeRole(request)).toMatchObject({
      ok: false,
      error: { kind: "access-denied", code: "AccessDenied", advice: "fix-setting" },
    });
  });
});

describe("a role that trusts an identity provider", () => {
  it("meters without any AWS key", async () => {
    // Given a role that trusts tokens of our issuer for one subject
    const pair = await newKey();
    const request = { RoleArn: await trustedRole(pair), RoleSessionName: "metergate" };
    const token = () => identityToken(pair.privateKey, "tenant:abc");

    // When our client meters as that role
    const sts = createStsClient({
      ...options(),
      credentials: staticCredentials({ accessKeyId: "", secretAccessKey: "" }),
    });
    const credentials = webIdentityCredentials({ sts, request, token, now });
    const client = createMarketplaceClient({ ...options(), credentials });

    // Then AWS books the usage
    expect(await client.batchMeterUsage({ UsageRecords: [usage(world)] })).toMatchObject({ ok: true });
    expect(await books(world)).toHaveLength(1);
  });

  it("answers both clients who it was", async () => {
    const pair = await newKey();
    const request = {
      RoleArn: await trustedRole(pair),
      RoleSessionName: "metergate",
      WebIdentityToken: await identityToken(pair.privateKey, "tenant:abc"),
    };
    const who = {
      SubjectFromWebIdentityToken: "tenant:abc",
      Provider: issuer,
      Audience: "sts.amazonaws.com",
    };

    expect(await official().send(new stsSdk.AssumeRoleWithWebIdentityCommand(request))).toMatchObject(who);
    expect(await createStsClient(options()).assumeRoleWithWebIdentity(request)).toMatchObject({
      ok: true,
      value: who,
    });
  });

  it.each<[string, ErrorKind, string, (pair: CryptoKeyPair) => Promise<string>]>([
    [
      "that has expired",
      "expired-identity-token",
      "ExpiredTokenException",
      ({ privateKey }) => identityToken(privateKey, "tenant:abc", -1),
    ],
    [
      "of another subject",
      "access-denied",
      "AccessDenied",
      ({ privateKey }) => identityToken(privateKey, "tenant:other"),
    ],
    [
      "that is no token",
      "invalid-identity-token",
      "InvalidIdentityToken",
      () => Promise.resolve("not-a-token"),
    ],
    [
      "signed by another key",
      "invalid-identity-token",
      "InvalidIdentityToken",
      async () => identityToken((await newKey()).privateKey, "tenant:abc"),
    ],
  ])("is closed to a token %s", async (_what, kind, code, token) => {
    const pair = await newKey();
    const request = {
      RoleArn: await trustedRole(pair),
      RoleSessionName: "metergate",
      WebIdentityToken: await token(pair),
    };

    const outcome = await createStsClient(options()).assumeRoleWithWebIdentity(request);
    expect(outcome).toMatchObject({ ok: false, error: { kind, code } });
    expect(JSON.stringify(outcome)).not.toContain(request.WebIdentityToken);
    // The SDK says "…Exception" where the wire does not.
    const sent = official().send(new stsSdk.AssumeRoleWithWebIdentityCommand(request));
    await expect(sent).rejects.toMatchObject({ name: expect.stringContaining(code) as string });
  });
});

describe("an exception of STS's model", () => {
  const request = { RoleArn: "arn:aws:iam::111122223333:role/metering", RoleSessionName: "metergate" };

  it.each<[string, abstract new (...given: never[]) => Error, ErrorKind]>([
    ["ExpiredIdentityTokenException", stsSdk.ExpiredTokenException, "expired-identity-token"],
    [
      "IDPCommunicationErrorException",
      stsSdk.IDPCommunicationErrorException,
      "identity-provider-unreachable",
    ],
    ["IDPRejectedClaimException", stsSdk.IDPRejectedClaimException, "identity-provider-rejected"],
    ["InvalidIdentityTokenException", stsSdk.InvalidIdentityTokenException, "invalid-identity-token"],
    ["MalformedPolicyDocumentException", stsSdk.MalformedPolicyDocumentException, "invalid-session-policy"],
    ["PackedPolicyTooLargeException", stsSdk.PackedPolicyTooLargeException, "invalid-session-policy"],
    ["RegionDisabledException", stsSdk.RegionDisabledException, "region-disabled"],
  ])("%s is the SDK's own class, and a kind of ours", async (error, type, kind) => {
    const input = { ...request, WebIdentityToken: "token" };

    await orderFault(world, { kind: "error", error, operation: "AssumeRoleWithWebIdentity" });
    const sent = official().send(new stsSdk.AssumeRoleWithWebIdentityCommand(input));
    await expect(sent).rejects.toBeInstanceOf(type);

    await orderFault(world, { kind: "error", error, operation: "AssumeRoleWithWebIdentity" });
    const outcome = await createStsClient(options()).assumeRoleWithWebIdentity(input);
    expect(outcome).toMatchObject({ ok: false, error: { kind } });
  });
});
