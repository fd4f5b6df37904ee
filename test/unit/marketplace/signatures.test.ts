import { BatchMeterUsageCommand, MarketplaceMeteringClient } from "@aws-sdk/client-marketplace-metering";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMarketplaceClient, staticCredentials } from "../../../src/marketplace/index.ts";
import { sign } from "../../../src/marketplace/sign.ts";
import { expectedSignature, signatureOf } from "./signature.ts";
import type { Received } from "./stand-in.ts";
import { credentials, json, network, now, options, usage } from "./stand-in.ts";

/** The scope of AWS's published test suite for Signature Version 4 ("aws-sig-v4-test-suite"). */
const suite = { service: "service", region: "us-east-1", now: Date.UTC(2015, 7, 30, 12, 36) };

/** The suite's own session token, of its cases "post-sts-header-…". */
const suiteToken =
  "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

const published = [
  {
    name: "post-vanilla",
    url: "https://example.amazonaws.com/",
    headers: {},
    signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
  },
  {
    name: "post-vanilla-query",
    url: "https://example.amazonaws.com/?Param1=value1",
    headers: {},
    signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
  },
  {
    name: "post-header-key-sort",
    url: "https://example.amazonaws.com/",
    headers: { "my-header1": "value1" },
    signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
  },
  {
    name: "post-sts-header-before",
    url: "https://example.amazonaws.com/",
    headers: {},
    token: suiteToken,
    signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
  },
];

describe("AWS's published Signature Version 4 vectors", () => {
  it.each(published)("$name has the published signature", async ({ url, headers, token, signature }) => {
    const keys = { ...credentials, ...(token !== undefined && { sessionToken: token }) };
    const signed = await sign({ url: new URL(url), headers, body: "" }, keys, suite);

    const received = { url: signed.url, method: "POST", headers: signed.headers, body: signed.body };
    expect(signatureOf(received)).toBe(signature);
  });

  it("get-vanilla has the published signature by the second implementation too", () => {
    const headers = new Headers({
      "x-amz-date": "20150830T123600Z",
      authorization:
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=",
    });
    const request = { url: "https://example.amazonaws.com/", method: "GET", headers, body: "" };

    expect(expectedSignature(request, credentials.secretAccessKey)).toBe(
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
  });
});

interface SdkRequest {
  readonly hostname: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** What AWS's own client sends for the same records, caught before it leaves. */
async function sentBySdk(keys: typeof credentials & { sessionToken?: string }): Promise<Received> {
  const { fetch, received } = network(json(200, { Results: [], UnprocessedRecords: [] }));
  const client = new MarketplaceMeteringClient({
    region: "us-east-1",
    credentials: keys,
    requestHandler: {
      async handle({ hostname, path, method, headers, body }: SdkRequest) {
        await fetch(`https://${hostname}${path}`, { method, headers, body });
        return { response: { statusCode: 200, headers: {}, body: new TextEncoder().encode("{}") } };
      },
    },
  });
  await client.send(
    new BatchMeterUsageCommand({ UsageRecords: [{ Timestamp: new Date(now), Dimension: "d" }] }),
  );
  const [request] = received;
  if (request === undefined) throw new Error("the SDK sent nothing");
  return request;
}

describe("a signed request", () => {
  it("is accepted by the same verifier that accepts the official SDK's", async () => {
    // Given the verifier and a request of the official SDK
    const keys = { ...credentials, sessionToken: suiteToken };
    const official = await sentBySdk(keys);
    expect(signatureOf(official)).toBe(expectedSignature(official, credentials.secretAccessKey));

    // When our client makes the same call
    const { fetch, received } = network(json(200, {}));
    await createMarketplaceClient(options(fetch, { credentials: staticCredentials(keys) })).batchMeterUsage({
      UsageRecords: [usage()],
    });

    // Then the verifier accepts it, with the session token among what is signed
    const [ours] = received;
    expect(ours && signatureOf(ours)).toBe(ours && expectedSignature(ours, credentials.secretAccessKey));
    expect(ours?.headers.get("x-amz-security-token")).toBe(suiteToken);
    expect(ours?.headers.get("authorization")).toContain(
      "SignedHeaders=host;x-amz-date;x-amz-security-token;x-amz-target",
    );
  });

  it("verifies for any dimension, secret, Region, time and endpoint", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, maxLength: 255, unit: "grapheme" }).filter((text) => text.length <= 255),
        fc.stringMatching(/^[\x21-\x7e]{8,40}$/),
        fc.constantFrom("us-east-1", "eu-west-1", "cn-northwest-1", "us-gov-west-1"),
        fc.integer({ min: 0, max: 4_000_000_000_000 }),
        fc.constantFrom(
          undefined,
          "http://localhost:8788",
          "https://example.com/aws/marketplace",
          "http://[::1]:99/a%20b",
        ),
        async (Dimension, secretAccessKey, region, at, endpoint) => {
          const { fetch, received } = network(json(200, {}));
          const client = createMarketplaceClient(
            options(fetch, {
              region,
              credentials: staticCredentials({ ...credentials, secretAccessKey }),
              now: () => at,
              ...(endpoint !== undefined && { endpoint }),
            }),
          );
          await client.batchMeterUsage({ UsageRecords: [usage({ Dimension })] });
          const [request] = received;
          expect(request && signatureOf(request)).toBe(
            request && expectedSignature(request, secretAccessKey),
          );
          expect(request?.headers.get("authorization")).toContain(`/${region}/aws-marketplace/aws4_request`);
        },
      ),
    );
  });

  it("changes with every byte of the body", async () => {
    const { fetch, received } = network(json(200, {}));
    const client = createMarketplaceClient(options(fetch));
    await client.batchMeterUsage({ UsageRecords: [usage({ Quantity: 5 })] });
    await client.batchMeterUsage({ UsageRecords: [usage({ Quantity: 6 })] });

    const [first, second] = received.map(signatureOf);
    expect(first).not.toBe(second);
  });
});
