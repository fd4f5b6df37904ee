import { describe, expect, it } from "vitest";
import type { AssumeRoleRequest, Outcome } from "../../../src/marketplace/index.ts";
import {
  createMarketplaceClient,
  createStsClient,
  roleCredentials,
  webIdentityCredentials,
} from "../../../src/marketplace/index.ts";
import { expectedSignature, signatureOf } from "./signature.ts";
import type { Reply } from "./stand-in.ts";
import { credentials, json, network, now, options, page, usage } from "./stand-in.ts";

const role = { RoleArn: "arn:aws:iam::111122223333:role/metering", RoleSessionName: "metergate" };

function session(operation: string, more = "", expiration = "2026-11-23T11:00:00Z"): Reply {
  const result = `
    <Credentials>
      <AccessKeyId>ASIASESSION</AccessKeyId><SecretAccessKey>session/secret+key</SecretAccessKey>
      <SessionToken>token-of&amp;the&#x2F;session==</SessionToken><Expiration>${expiration}</Expiration>
    </Credentials>
    <AssumedRoleUser><AssumedRoleId>AROA:metergate</AssumedRoleId><Arn>arn:aws:sts::111122223333:assumed-role/metering/metergate</Arn></AssumedRoleUser>
    <PackedPolicySize>6</PackedPolicySize>${more}`;
  const xml = `<${operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${operation}Result>${result}</${operation}Result><ResponseMetadata><RequestId>req-sts</RequestId></ResponseMetadata></${operation}Response>`;
  return page(200, xml, "text/xml");
}

function refusal(code: string, status = 400): Reply {
  const xml = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>User: arn:aws:iam::111122223333:user/gateway said &quot;no&quot;</Message></Error><RequestId>req-err</RequestId></ErrorResponse>`;
  return page(status, xml, "text/xml");
}

function errorOf(outcome: Outcome<unknown>): unknown {
  return outcome.ok ? "it succeeded" : outcome.error;
}

describe("AssumeRole", () => {
  it("travels signed, as AWS's query protocol has it", async () => {
    const { fetch, received } = network(session("AssumeRole"));

    await createStsClient(options(fetch)).assumeRole({
      ...role,
      ExternalId: "tenant:a/b c".replace(" ", "-"),
      DurationSeconds: 900,
      Policy: '{"Version":"2012-10-17"}',
    });

    const [request] = received;
    expect(request?.url).toBe("https://sts.us-east-1.amazonaws.com/");
    expect(request?.headers.get("content-type")).toBe("application/x-www-form-urlencoded; charset=utf-8");
    expect(request?.headers.get("authorization")).toContain("/20261123/us-east-1/sts/aws4_request");
    expect(request && signatureOf(request)).toBe(
      request && expectedSignature(request, credentials.secretAccessKey),
    );
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      Action: "AssumeRole",
      Version: "2011-06-15",
      ...role,
      ExternalId: "tenant:a/b-c",
      DurationSeconds: "900",
      Policy: '{"Version":"2012-10-17"}',
    });
  });

  it("answers the session, its end in seconds", async () => {
    const outcome = await createStsClient(options(network(session("AssumeRole")).fetch)).assumeRole(role);

    expect(outcome).toEqual({
      ok: true,
      value: {
        Credentials: {
          AccessKeyId: "ASIASESSION",
          SecretAccessKey: "session/secret+key",
          SessionToken: "token-of&the/session==",
          Expiration: now / 1000 + 3600,
        },
        AssumedRoleUser: {
          AssumedRoleId: "AROA:metergate",
          Arn: "arn:aws:sts::111122223333:assumed-role/metering/metergate",
        },
        PackedPolicySize: 6,
      },
      requestId: "req-sts",
    });
  });

  it.each([
    ["AccessDenied", 403, "access-denied", "fix-setting"],
    ["ExpiredToken", 403, "expired-credentials", "fix-setting"],
    ["ExpiredTokenException", 400, "expired-credentials", "fix-setting"],
    ["InvalidClientTokenId", 403, "unknown-credentials", "fix-setting"],
    ["SignatureDoesNotMatch", 403, "invalid-signature", "fix-setting"],
    ["MalformedPolicyDocument", 400, "invalid-session-policy", "fix-setting"],
    ["PackedPolicyTooLarge", 400, "invalid-session-policy", "fix-setting"],
    ["RegionDisabledException", 403, "region-disabled", "fix-setting"],
    ["Throttling", 400, "throttled", "retry"],
    ["ValidationError", 400, "validation-failed", "fix-record"],
    ["ServiceUnavailable", 503, "service-unavailable", "retry"],
    ["SomethingNew", 400, "unknown-error", "retry"],
  ])("refused with %s (%i) is %s", async (code, status, kind, advice) => {
    const outcome = await createStsClient(options(network(refusal(code, status)).fetch)).assumeRole(role);

    expect(errorOf(outcome)).toMatchObject({ kind, advice, code, requestId: "req-err", httpStatus: status });
    expect(outcome.ok ? "" : outcome.error.message).toContain('user/gateway said "no"');
  });

  it.each([
    ["a page", page(503, "<html>busy</html>")],
    ["JSON", json(200, {})],
    ["half a session", page(200, "<AssumeRoleResponse><AccessKeyId>ASIA</AccessKeyId>", "text/xml")],
    ["a session without an end", session("AssumeRole", "", "soon")],
    ["an error without a name", page(400, "<ErrorResponse><Error/></ErrorResponse>", "text/xml")],
  ])("answered with %s is unreadable", async (_what, reply) => {
    const outcome = await createStsClient(options(network(reply).fetch)).assumeRole(role);
    expect(errorOf(outcome)).toMatchObject({ kind: "unreadable-answer", advice: "retry" });
  });

  it.each<[Partial<AssumeRoleRequest>, string]>([
    [{ RoleArn: "arn:short" }, "RoleArn"],
    [{ RoleSessionName: "m" }, "RoleSessionName"],
    [{ RoleSessionName: "with space" }, "RoleSessionName"],
    [{ DurationSeconds: 899 }, "DurationSeconds"],
    [{ DurationSeconds: 43_201 }, "DurationSeconds"],
    [{ ExternalId: "x" }, "ExternalId"],
    [{ ExternalId: "has space" }, "ExternalId"],
    [{ Policy: "" }, "Policy"],
  ])("is not sent with %j", async (wrong, field) => {
    const { fetch, received } = network(session("AssumeRole"));
    const outcome = await createStsClient(options(fetch)).assumeRole({ ...role, ...wrong });
    expect(errorOf(outcome)).toMatchObject({ kind: "invalid-request", record: null, field });
    expect(received).toEqual([]);
  });
});

describe("AssumeRoleWithWebIdentity", () => {
  const who =
    "<SubjectFromWebIdentityToken>tenant:abc</SubjectFromWebIdentityToken><Provider>gw.example.com</Provider><Audience>sts.amazonaws.com</Audience>";

  it("travels unsigned, and answers who it was", async () => {
    const { fetch, received } = network(session("AssumeRoleWithWebIdentity", who));

    const outcome = await createStsClient(options(fetch)).assumeRoleWithWebIdentity({
      ...role,
      WebIdentityToken: "eyJ0.eyJ0.sig",
    });

    expect(received[0]?.headers.get("authorization")).toBeNull();
    expect(Object.fromEntries(new URLSearchParams(received[0]?.body))).toEqual({
      Action: "AssumeRoleWithWebIdentity",
      Version: "2011-06-15",
      ...role,
      WebIdentityToken: "eyJ0.eyJ0.sig",
    });
    expect(outcome).toMatchObject({
      ok: true,
      value: {
        SubjectFromWebIdentityToken: "tenant:abc",
        Provider: "gw.example.com",
        Audience: "sts.amazonaws.com",
      },
    });
  });

  it.each([
    ["IDPRejectedClaim", "identity-provider-rejected", "fix-setting"],
    ["IDPCommunicationError", "identity-provider-unreachable", "retry"],
    ["InvalidIdentityToken", "invalid-identity-token", "fix-setting"],
    ["ExpiredTokenException", "expired-identity-token", "retry"],
  ])("refused with %s is %s", async (code, kind, advice) => {
    const sts = createStsClient(options(network(refusal(code)).fetch));
    const outcome = await sts.assumeRoleWithWebIdentity({ ...role, WebIdentityToken: "eyJ0" });
    expect(errorOf(outcome)).toMatchObject({ kind, advice });
  });

  it("is not sent with a token that is none", async () => {
    const sts = createStsClient(options(network(json(200, {})).fetch));
    const outcome = await sts.assumeRoleWithWebIdentity({ ...role, WebIdentityToken: "e" });
    expect(errorOf(outcome)).toMatchObject({ kind: "invalid-request", field: "WebIdentityToken" });
  });
});

describe("a client that meters as a role", () => {
  const metered = json(200, { Results: [], UnprocessedRecords: [] });

  it("signs with the role's session, assumed once for many calls", async () => {
    // Given a role that our own key may assume
    const atSts = network(session("AssumeRole"));
    const sts = createStsClient(options(atSts.fetch));
    const provider = roleCredentials({ sts, request: { ...role, ExternalId: "tenant-abc" }, now: () => now });
    const { fetch, received } = network(metered);
    const client = createMarketplaceClient(options(fetch, { credentials: provider }));

    // When usage is reported twice
    await client.batchMeterUsage({ UsageRecords: [usage()] });
    await client.batchMeterUsage({ UsageRecords: [usage()] });

    // Then both calls carry the session
    expect(atSts.received).toHaveLength(1);
    expect(received).toHaveLength(2);
    for (const request of received) {
      expect(request.headers.get("x-amz-security-token")).toBe("token-of&the/session==");
      expect(signatureOf(request)).toBe(expectedSignature(request, "session/secret+key"));
    }
  });

  it("asks for a new identity token for each session", async () => {
    const atSts = network(session("AssumeRoleWithWebIdentity"));
    let tokens = 0;
    let time = now;
    const provider = webIdentityCredentials({
      sts: createStsClient(options(atSts.fetch)),
      request: role,
      token: () => Promise.resolve(`token-${(tokens += 1)}`),
      now: () => time,
    });

    await provider();
    time = now + 3_600_000;
    await provider();

    const sent = atSts.received.map(({ body }) => new URLSearchParams(body).get("WebIdentityToken"));
    expect(sent).toEqual(["token-1", "token-2"]);
  });

  it("says so when the identity token cannot be made, without the reason's text", async () => {
    const provider = webIdentityCredentials({
      sts: createStsClient(options(network(json(200, {})).fetch)),
      request: role,
      token: () => Promise.reject(new Error("bad key: -----BEGIN PRIVATE KEY-----")),
      now: () => now,
    });

    const outcome = await provider();

    expect(errorOf(outcome)).toMatchObject({ kind: "credentials-unavailable", advice: "fix-setting" });
    expect(JSON.stringify(outcome)).not.toContain("PRIVATE KEY");
  });
});
