import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type {
  ErrorKind,
  MarketplaceClient,
  MarketplaceError,
  Outcome,
} from "../../../src/marketplace/index.ts";
import {
  createEntitlementClient,
  createMarketplaceClient,
  createStsClient,
  errorKinds,
  staticCredentials,
} from "../../../src/marketplace/index.ts";
import type { Reply } from "./stand-in.ts";
import { credentials, json, network, now, options, page, usage } from "./stand-in.ts";

function errorOf(outcome: Outcome<unknown>): MarketplaceError {
  if (outcome.ok) throw new Error("the call succeeded");
  return outcome.error;
}

type Operation = (client: MarketplaceClient) => Promise<Outcome<unknown>>;

const meter: Operation = (client) => client.batchMeterUsage({ UsageRecords: [usage()] });
const resolve: Operation = (client) => client.resolveCustomer({ RegistrationToken: "registration-token" });
const register: Operation = (client) => client.registerUsage({ ProductCode: "p", PublicKeyVersion: 1 });
const meterInside: Operation = (client) =>
  client.meterUsage({ ProductCode: "p", Timestamp: now / 1000, UsageDimension: "d" });

async function answered(
  reply: Reply,
  call = meter,
  more: Parameters<typeof options>[1] = {},
): Promise<MarketplaceError> {
  return errorOf(await call(createMarketplaceClient(options(network(reply).fetch, more))));
}

/** Every exception of the metering model: an operation that throws it, its kind, what to do, and what AWS may hold. */
const modelled = [
  ["CustomerNotEntitledException", meterInside, "customer-not-entitled", "tell-customer", "no"],
  ["DisabledApiException", meter, "disabled-api", "fix-setting", "no"],
  ["DuplicateRequestException", meterInside, "duplicate-request", "fix-record", "no"],
  ["ExpiredTokenException", resolve, "expired-registration-token", "tell-customer", "no"],
  ["IdempotencyConflictException", meterInside, "idempotency-conflict", "fix-record", "no"],
  ["InternalServiceErrorException", meter, "internal-service-error", "retry", "unknown"],
  ["InvalidCustomerIdentifierException", meter, "invalid-customer-identifier", "fix-record", "no"],
  ["InvalidEndpointRegionException", meterInside, "invalid-endpoint-region", "fix-setting", "no"],
  ["InvalidLicenseException", meter, "invalid-license", "fix-record", "no"],
  ["InvalidProductCodeException", meter, "invalid-product-code", "fix-setting", "no"],
  ["InvalidPublicKeyVersionException", register, "invalid-public-key-version", "fix-setting", "no"],
  ["InvalidRegionException", register, "invalid-region", "fix-setting", "no"],
  ["InvalidTagException", meter, "invalid-tag", "fix-record", "no"],
  ["InvalidTokenException", resolve, "invalid-registration-token", "tell-customer", "no"],
  ["InvalidUsageAllocationsException", meter, "invalid-usage-allocations", "fix-record", "no"],
  ["InvalidUsageDimensionException", meter, "invalid-usage-dimension", "fix-record", "no"],
  ["PlatformNotSupportedException", register, "platform-not-supported", "fix-setting", "no"],
  ["ThrottlingException", meter, "throttled", "retry", "no"],
  ["TimestampOutOfBoundsException", meter, "timestamp-out-of-bounds", "fix-record", "no"],
] as const;

/** What any AWS service may answer, in each of its spellings. */
const common: readonly (readonly [string, ErrorKind])[] = [
  ["AccessDeniedException", "access-denied"],
  ["AccessDenied", "access-denied"],
  ["NotAuthorized", "access-denied"],
  ["UnauthorizedException", "access-denied"],
  ["UnrecognizedClientException", "unknown-credentials"],
  ["InvalidClientTokenId", "unknown-credentials"],
  ["MissingAuthenticationTokenException", "missing-credentials"],
  ["InvalidSignatureException", "invalid-signature"],
  ["SignatureDoesNotMatch", "invalid-signature"],
  ["IncompleteSignature", "invalid-signature"],
  ["RequestExpired", "clock-skew"],
  ["RequestTimeTooSkewed", "clock-skew"],
  ["OptInRequired", "opt-in-required"],
  ["Throttling", "throttled"],
  ["TooManyRequestsException", "throttled"],
  ["InternalFailure", "internal-failure"],
  ["ServiceUnavailable", "service-unavailable"],
  ["RequestAbortedException", "request-interrupted"],
  ["RequestTimeoutException", "request-interrupted"],
  ["ValidationException", "validation-failed"],
  ["ValidationError", "validation-failed"],
  ["SerializationException", "validation-failed"],
  ["MalformedHttpRequestException", "validation-failed"],
  ["RequestEntityTooLargeException", "request-too-large"],
  ["UnknownOperationException", "unknown-operation"],
];

describe("an exception of AWS's model", () => {
  it.each(modelled)("%s is told apart, with what to do", async (code, call, kind, advice, held) => {
    const error = await answered(json(400, { __type: code, message: "AWS says so." }), call);

    expect(error).toMatchObject({ kind, advice, held, code, requestId: "req-1", httpStatus: 400 });
    expect(error.message).toContain(`AWS answered ${code} ("AWS says so").`);
    expect(error.message).toContain(errorKinds[kind].remedy);
  });

  it("has a kind of its own", () => {
    expect(new Set(modelled.map(([, , kind]) => kind)).size).toBe(modelled.length);
  });

  it.each(["InvalidParameterException", "ThrottlingException", "InternalServiceErrorException"])(
    "%s of the entitlement service is known too",
    async (code) => {
      const { fetch } = network(json(400, { __type: code }));
      const error = errorOf(
        await createEntitlementClient(options(fetch)).getEntitlements({ ProductCode: "p" }),
      );

      expect(error.kind).not.toBe("unknown-error");
      expect(error.message).toContain("GetEntitlements in us-east-1");
    },
  );
});

describe("an error that any AWS service may answer", () => {
  it.each(common)("%s is %s", async (code, kind) => {
    expect(await answered(json(400, { __type: code, message: "no" }))).toMatchObject({ kind, code });
  });

  it("is about the clock when AWS says that the signature has expired", async () => {
    const message = "Signature expired: 20261123T094000Z is now earlier than 20261123T095500Z";

    const error = await answered(json(400, { __type: "InvalidSignatureException", message }));

    expect(error).toMatchObject({ kind: "clock-skew", advice: "fix-setting" });
  });
});

describe("the name of an error", () => {
  const bare = "TimestampOutOfBoundsException";

  it.each([
    ["alone", json(400, { __type: bare })],
    ["with a namespace", json(400, { __type: `com.amazonaws.marketplacemetering#${bare}` })],
    ["with an address behind", json(400, { __type: `${bare}:http://internal.amazon.com/coral/` })],
    ["in the header only", json(400, { message: "late" }, { "x-amzn-errortype": `${bare}:http://x/` })],
    [
      "in the header of an answer without a body",
      () => new Response(null, { status: 400, headers: { "x-amzn-errortype": bare } }),
    ],
  ])("is read %s", async (_form, reply) => {
    expect(await answered(reply)).toMatchObject({ kind: "timestamp-out-of-bounds", code: bare });
  });

  it.each(["message", "Message"])("comes with its text under %s", async (key) => {
    expect((await answered(json(400, { __type: bare, [key]: "too late" }))).message).toContain(
      '("too late")',
    );
  });

  it("decides, whatever the HTTP status says", async () => {
    for (const status of [200, 400, 403, 409, 413, 500, 503]) {
      const error = await answered(json(status, { __type: "ThrottlingException", message: "slow down" }));
      expect(error).toMatchObject({ kind: "throttled", httpStatus: status });
    }
  });

  it("that nobody has heard of concludes nothing: the same bytes again, and AWS may hold them", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.stringMatching(/^[A-Za-z]{1,40}$/),
        fc.integer({ min: 400, max: 599 }),
        async (name, status) => {
          const code = `Brand${name}NewException`;
          const error = await answered(json(status, { __type: code, message: "?" }));
          expect(error).toMatchObject({ kind: "unknown-error", advice: "retry", held: "unknown", code });
        },
      ),
      { numRuns: 30 },
    );
  });

  it("that is a word of JavaScript's own objects is just unknown", async () => {
    expect(await answered(json(400, { __type: "constructor" }))).toMatchObject({ kind: "unknown-error" });
  });
});

describe("ExpiredTokenException", () => {
  const expired = (message: string): Reply => json(400, { __type: "ExpiredTokenException", message });
  const aboutSession = "The security token included in the request is expired";

  it("from ResolveCustomer is about the customer's registration link", async () => {
    const error = await answered(expired("Registration token is expired"), resolve);
    expect(error).toMatchObject({ kind: "expired-registration-token", advice: "tell-customer" });
  });

  it("from ResolveCustomer is about our own session when AWS's words say so", async () => {
    const error = await answered(expired(aboutSession), resolve);
    expect(error).toMatchObject({ kind: "expired-credentials", advice: "fix-setting" });
  });

  it("from ResolveCustomer is about our own session when that ended while the call was under way", async () => {
    // Given a session that ends while AWS is answering
    let time = now;
    const reply: Reply = () => {
      time = now + 1000;
      return expired("expired")();
    };
    const session = staticCredentials({
      ...credentials,
      sessionToken: "session-token",
      expiresAt: now + 500,
    });

    const error = await answered(reply, resolve, { credentials: session, now: () => time });

    expect(error.kind).toBe("expired-credentials");
  });

  it("from any other operation is about our own session", async () => {
    expect((await answered(expired("expired"), meter)).kind).toBe("expired-credentials");
  });

  it("from AssumeRoleWithWebIdentity is about the identity token", async () => {
    const xml =
      "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredTokenException</Code><Message>Token expired</Message></Error></ErrorResponse>";
    const sts = createStsClient(options(network(page(400, xml, "text/xml")).fetch));
    const role = {
      RoleArn: "arn:aws:iam::111122223333:role/r",
      RoleSessionName: "gw",
      WebIdentityToken: "eyJ0",
    };

    expect(errorOf(await sts.assumeRoleWithWebIdentity(role))).toMatchObject({
      kind: "expired-identity-token",
      advice: "retry",
    });
  });
});

describe("an answer that is not AWS's", () => {
  it.each([
    ["a page of a load balancer", page(503, "<html><body>Service Unavailable</body></html>")],
    ["a page with status 200", page(200, "<html>captive portal</html>")],
    ["no body", page(429, "")],
    ["JSON cut short", page(200, '{"Results":[{"Sta', "application/x-amz-json-1.1")],
    ["JSON that is no object", json(200, [])],
    ["an object without a name, with an error's status", json(500, { oops: true })],
    ["a list that is no list", json(200, { Results: "none" })],
    ["a list of other things than objects", json(200, { Results: [1] })],
    ["far too much", json(200, { Results: [], padding: "x".repeat(8_000_000) })],
    [
      "a redirect",
      () => new Response(null, { status: 302, headers: { location: "https://elsewhere.example/" } }),
    ],
  ])("is unreadable, to be sent again: %s", async (_what, reply) => {
    const { fetch, received } = network(reply);
    const error = errorOf(await meter(createMarketplaceClient(options(fetch))));

    expect(error).toMatchObject({ kind: "unreadable-answer", advice: "retry", held: "unknown" });
    expect(received).toHaveLength(1);
  });
});

describe("a call without an answer", () => {
  it("is a network failure that says who did not answer, and why", async () => {
    const refused = Object.assign(new TypeError("fetch failed"), {
      cause: new Error("connect ECONNREFUSED 127.0.0.1:1"),
    });

    const error = await answered(() => Promise.reject(refused));

    expect(error).toMatchObject({
      kind: "network-failure",
      advice: "retry",
      held: "unknown",
      httpStatus: null,
    });
    expect(error.message).toContain(
      "no whole answer from metering.marketplace.us-east-1.amazonaws.com: fetch failed (connect ECONNREFUSED",
    );
  });

  it("is a network failure when the body breaks off", async () => {
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("terminated")) });
    expect(await answered(() => new Response(broken))).toMatchObject({
      kind: "network-failure",
      held: "unknown",
    });
  });

  it("is a timeout when its time is up, even if fetch ignores the signal", async () => {
    // Given a network that never answers, and a timer that fires at once
    let cancelled = 0;
    const error = await answered(() => new Promise<Response>(() => undefined), meter, {
      timeoutMs: 7000,
      timer: (milliseconds, callback) => {
        expect(milliseconds).toBe(7000);
        queueMicrotask(callback);
        return () => (cancelled += 1);
      },
    });

    expect(error).toMatchObject({ kind: "timeout", advice: "retry", held: "unknown" });
    expect(error.message).toContain("no answer within 7000 ms");
    expect(cancelled).toBe(1);
  });

  it("aborts what it no longer waits for", async () => {
    let signal: AbortSignal | null = null;
    const client = createMarketplaceClient(
      options(
        (input, init) => {
          ({ signal } = new Request(input, init));
          return new Promise(() => undefined);
        },
        { timer: (_ms, callback) => (setTimeout(callback, 0), () => undefined) },
      ),
    );

    await meter(client);

    expect(signal).toMatchObject({ aborted: true });
  });
});

describe("every kind of error", () => {
  it("says what to do, in whole sentences", () => {
    for (const { advice, held, remedy } of Object.values(errorKinds)) {
      expect(["retry", "fix-record", "fix-setting", "tell-customer"]).toContain(advice);
      expect(["no", "unknown"]).toContain(held);
      expect(remedy).toMatch(/^[A-Z].*\.$/);
    }
  });
});
