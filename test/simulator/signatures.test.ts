import { AwsClient } from "aws4fetch";
import { beforeEach, describe, expect, it } from "vitest";
import { aws, control, origin, sellerKey, send, signed, type CallOptions } from "./client.ts";
import { startOver } from "./world.ts";

beforeEach(startOver);

interface Refusal {
  readonly __type?: string;
  readonly message?: string;
}

async function answerTo(request: Request): Promise<{ status: number; type?: string; message?: string }> {
  const response = await send(request);
  const { __type, message } = await response.json<Refusal>();
  return { status: response.status, ...(__type && { type: __type, message: message ?? "" }) };
}

const call = async (options: CallOptions = {}) =>
  answerTo(await signed("BatchMeterUsage", { UsageRecords: [] }, options));

/** A signed request with other headers; null takes one away. */
async function altered(
  changes: Record<string, string | null>,
  body = '{"UsageRecords":[]}',
): Promise<Request> {
  const request = await signed("BatchMeterUsage", '{"UsageRecords":[]}');
  const headers = new Headers(request.headers);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return new Request(request.url, { method: "POST", headers, body });
}

/** A request that was signed at another time. */
function signedAt(time: number): Promise<Request> {
  const client = new AwsClient({ ...sellerKey, region: "us-east-1", service: "aws-marketplace", retries: 0 });
  return client.sign(`${origin}/`, {
    method: "POST",
    headers: { "x-amz-target": "AWSMPMeteringService.BatchMeterUsage" },
    body: '{"UsageRecords":[]}',
    aws: { datetime: new Date(time).toISOString().replaceAll(/[-:]|\.\d+/g, "") },
  });
}

const mismatch = {
  status: 400,
  type: "InvalidSignatureException",
  message: expect.stringMatching(/^The request signature we calculated does not match/) as string,
};
const incomplete = expect.objectContaining({ status: 400, type: "IncompleteSignatureException" }) as object;

describe("a signature", () => {
  it("of the seller's key is accepted in every Region with an endpoint", async () => {
    expect(await call()).toEqual({ status: 200 });
    expect(await call({ region: "ap-southeast-2" })).toEqual({ status: 200 });
  });

  it("over more headers and a query is accepted", async () => {
    const client = new AwsClient({
      ...sellerKey,
      region: "us-east-1",
      service: "aws-marketplace",
      retries: 0,
    });
    const request = await client.sign(`${origin}/?b=2&a=1%20x`, {
      method: "POST",
      headers: { "x-amz-target": "AWSMPMeteringService.BatchMeterUsage", "x-amz-meta": " two   spaces " },
      body: '{"UsageRecords":[]}',
    });
    expect(await answerTo(request)).toEqual({ status: 200 });
  });

  it("with a wrong secret does not match", async () => {
    expect(await call({ key: { ...sellerKey, secretAccessKey: "simulator-secreT" } })).toEqual(mismatch);
  });

  it("scoped to another service is refused in AWS's words", async () => {
    expect(await call({ service: "metering.marketplace" })).toEqual({
      status: 400,
      type: "InvalidSignatureException",
      message: expect.stringContaining(
        "Credential should be scoped to correct service: 'aws-marketplace'.",
      ) as string,
    });
  });

  it("scoped to a Region that does not exist is refused", async () => {
    expect(await call({ region: "mars-north-1" })).toMatchObject({
      status: 400,
      type: "InvalidSignatureException",
    });
  });

  it("does not match a body that was changed on the way", async () => {
    expect(await answerTo(await altered({}, '{"UsageRecords":[] }'))).toEqual(mismatch);
  });

  it("does not match a signed header that was changed on the way", async () => {
    const target = "AWSMPMeteringService.ResolveCustomer";
    expect(await answerTo(await altered({ "x-amz-target": target }))).toEqual(mismatch);
  });

  it("is not missed when a header that it leaves out changes", async () => {
    expect(await answerTo(await altered({ "user-agent": "another" }))).toEqual({ status: 200 });
  });

  it.each(["AKIDNOBODY0000000000", "akidsimulator0000000"])(
    "of the unknown key %s is refused",
    async (accessKeyId) => {
      expect(await call({ key: { ...sellerKey, accessKeyId } })).toMatchObject({
        status: 400,
        type: "UnrecognizedClientException",
      });
    },
  );

  it("with a session token that nobody issued is refused", async () => {
    expect(await call({ key: { ...sellerKey, sessionToken: "made-up" } })).toMatchObject({
      status: 400,
      type: "UnrecognizedClientException",
    });
  });

  it("that is not there is missed", async () => {
    expect(await answerTo(await altered({ authorization: null }))).toMatchObject({
      status: 400,
      type: "MissingAuthenticationTokenException",
    });
  });

  it.each([
    ["of another scheme", { authorization: "Bearer abc" }],
    ["without a signature", { authorization: "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host" }],
    [
      "with half a credential",
      { authorization: "AWS4-HMAC-SHA256 Credential=AKIDSIMULATOR0000000, SignedHeaders=host, Signature=0" },
    ],
    ["without a time", { "x-amz-date": null }],
    ["with a time in words", { "x-amz-date": "yesterday" }],
  ])("%s is incomplete", async (_what, changes) => {
    expect(await answerTo(await altered(changes))).toEqual(incomplete);
  });
});

describe("the time of a signature", () => {
  const minute = 60_000;

  it.each([-4, 4])("may be %i minutes off", async (minutes) => {
    expect(await answerTo(await signedAt(Date.now() + minutes * minute))).toEqual({ status: 200 });
  });

  it.each([
    [-6, "Signature expired"],
    [6, "Signature not yet current"],
  ])("is refused when it is %i minutes off", async (minutes, message) => {
    expect(await answerTo(await signedAt(Date.now() + minutes * minute))).toEqual({
      status: 400,
      type: "InvalidSignatureException",
      message: expect.stringContaining(message) as string,
    });
  });

  it("may be the simulated one as well as the machine's", async () => {
    await control("POST", "/clock", { offsetSeconds: 86_400 });
    expect(await answerTo(await signedAt(Date.now() + 1440 * minute))).toEqual({ status: 200 });
    expect(await answerTo(await signedAt(Date.now()))).toEqual({ status: 200 });
  });
});

describe("a call that is refused for its signature", () => {
  it("is in the log with the key it claimed", async () => {
    await call({ key: { ...sellerKey, secretAccessKey: "wrong" }, region: "eu-west-1" });
    const { body } = await control<{ calls: unknown[] }>("GET", "/calls");
    expect(body.calls).toMatchObject([
      {
        operation: "BatchMeterUsage",
        status: 400,
        error: "InvalidSignatureException",
        region: "eu-west-1",
        accessKeyId: sellerKey.accessKeyId,
      },
    ]);
  });
});

describe("a signed request", () => {
  it("for an operation that does not exist is UnknownOperationException", async () => {
    const answer = await aws("DeleteEverything", {});
    expect(answer).toMatchObject({ status: 400, body: { __type: "UnknownOperationException" } });
  });

  it.each(["{", "[]", '"text"', "\u0000"])("with %j for a body is SerializationException", async (body) => {
    const answer = await aws("BatchMeterUsage", body);
    expect(answer).toMatchObject({ status: 400, body: { __type: "SerializationException" } });
  });

  it("without its required members is ValidationException", async () => {
    const answer = await aws("BatchMeterUsage", {});
    expect(answer).toMatchObject({
      status: 400,
      body: {
        __type: "ValidationException",
        message: expect.stringContaining(
          "'usageRecords' failed to satisfy constraint: Member must not be null",
        ) as string,
      },
    });
  });

  it("of 1 MB or more is too large, whatever it holds", async () => {
    const answer = await aws("BatchMeterUsage", `{"UsageRecords":[]${" ".repeat(1_000_000)}}`);
    expect(answer).toMatchObject({ status: 413, body: { __type: "RequestEntityTooLargeException" } });
  });

  it("of a byte less than 1 MB is read", async () => {
    const body = '{"UsageRecords":[]';
    const answer = await aws("BatchMeterUsage", `${body}${" ".repeat(999_999 - body.length - 1)}}`);
    expect(answer.status).toBe(200);
  });
});
