import { describe, expect, it } from "vitest";
import { isOfSns, refusalOf, type Verification } from "../../../src/customers/notices/sns-signature.ts";
import type { SnsMessage } from "../../../src/customers/notices/sns-message.ts";
import { certificatePem, signText } from "../../../simulator/src/notices/certificate.ts";

const NOW = Date.UTC(2026, 10, 23, 14, 0);
const TOPIC = "arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-code";
let path = 0;

/** Each message has a certificate of its own, since certificates are remembered by their address. */
const unsigned = (): SnsMessage => ({
  Type: "Notification",
  MessageId: "m-1",
  TopicArn: TOPIC,
  Subject: "a subject",
  Message: '{"action":"subscribe-success"}',
  Timestamp: new Date(NOW - 1000).toISOString(),
  SignatureVersion: "1",
  Signature: "none",
  SigningCertURL: `https://sns.us-east-1.amazonaws.com/certificate-${(path += 1)}.pem`,
});

/** As the SNS developer guide has it: each field that is there, by its name. */
async function sign(message: SnsMessage): Promise<SnsMessage> {
  const names =
    message.Type === "Notification"
      ? ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
      : ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
  const fields = message as unknown as Record<string, string | undefined>;
  const text = names.flatMap((name) => (fields[name] === undefined ? [] : [`${name}\n${fields[name]}\n`]));
  return { ...message, Signature: await signText(text.join(""), message.SignatureVersion) };
}

const answering = (text: string, status = 200): Verification => ({
  fetch: () => Promise.resolve(new Response(text, { status })),
  now: NOW,
  endpoint: null,
});

describe("an address that a message of SNS names", () => {
  const cases: [string, string, boolean][] = [
    ["https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem", TOPIC, true],
    ["https://sns.eu-west-1.amazonaws.com/x.pem", TOPIC.replace("us-east-1", "eu-west-1"), true],
    [
      "https://sns.cn-north-1.amazonaws.com.cn/x.pem",
      TOPIC.replace("aws:sns:us-east-1", "aws-cn:sns:cn-north-1"),
      true,
    ],
    [
      "https://sns.cn-north-1.amazonaws.com/x.pem",
      TOPIC.replace("aws:sns:us-east-1", "aws-cn:sns:cn-north-1"),
      false,
    ],
    ["https://sns.eu-west-1.amazonaws.com/x.pem", TOPIC, false],
    ["http://sns.us-east-1.amazonaws.com/x.pem", TOPIC, false],
    ["https://sns.us-east-1.amazonaws.com:8443/x.pem", TOPIC, false],
    ["https://sns.us-east-1.amazonaws.com.evil.test/x.pem", TOPIC, false],
    ["https://evil.test/sns.us-east-1.amazonaws.com/x.pem", TOPIC, false],
    ["https://evil.test#sns.us-east-1.amazonaws.com/x.pem", TOPIC, false],
    ["https://sns.us-east-1.amazonaws.com@evil.test/x.pem", TOPIC, false],
    ["https://user:word@sns.us-east-1.amazonaws.com/x.pem", TOPIC, false],
    ["https://user@sns.us-east-1.amazonaws.com/x.pem", TOPIC, false],
    ["https://:word@sns.us-east-1.amazonaws.com/x.pem", TOPIC, false],
    ["https://sns.us-east-1.amazonaws.com/x.pem#y", TOPIC, false],
    ["https://sns.1us-east-1.amazonaws.com/x.pem", TOPIC.replace("us-east-1", "1us-east-1"), false],
    ["https://sns.us-east-1.evil.amazonaws.com/x.pem", TOPIC.replace("us-east-1", "us-east-1.evil"), false],
    ["https://bucket.s3.amazonaws.com/x.pem", TOPIC, false],
    ["https://sns..amazonaws.com/x.pem", TOPIC.replace("us-east-1", ""), false],
    [
      "https://evil.test/?x=.amazonaws.com/x.pem",
      TOPIC.replace("us-east-1", "us-east-1.evil.test/?x="),
      false,
    ],
    ["sns.us-east-1.amazonaws.com/x.pem", TOPIC, false],
    ["", TOPIC, false],
  ];

  it.each(cases)("%s for %s is SNS's own: %s", (address, topic, isOwn) => {
    expect(isOfSns(address, topic, null)).toBe(isOwn);
  });

  it("may be the one that stands in for SNS, and then no other", () => {
    const endpoint = "http://127.0.0.1:8788";
    expect(isOfSns("http://127.0.0.1:8788/x.pem", TOPIC, endpoint)).toBe(true);
    expect(isOfSns("http://127.0.0.1:8789/x.pem", TOPIC, endpoint)).toBe(false);
    expect(isOfSns("https://sns.us-east-1.amazonaws.com/x.pem", TOPIC, endpoint)).toBe(false);
  });
});

describe("the signature of a message of SNS", () => {
  it.each(["1", "2"] as const)(
    "of version %s is right if nothing has been changed since",
    async (version) => {
      const message = await sign({ ...unsigned(), SignatureVersion: version });
      const verification = answering(certificatePem);
      expect(await refusalOf(message, verification)).toBeNull();
      const { Subject: _none, ...without } = unsigned() as Extract<SnsMessage, { Type: "Notification" }>;
      expect(await refusalOf(await sign({ ...without, SignatureVersion: version }), verification)).toBeNull();
      for (const [name, value] of [
        ["Message", "{}"],
        ["MessageId", "m-2"],
        ["Subject", "another"],
        ["Timestamp", new Date(NOW).toISOString()],
        ["TopicArn", `${TOPIC}2`],
        ["Signature", Buffer.from("forged").toString("base64")],
        ["Signature", "not base64!"],
        ["SignatureVersion", version === "1" ? "2" : "1"],
      ] as const) {
        const changed = { ...message, [name]: value };
        expect([name, await refusalOf(changed, verification)]).toEqual([name, "wrong_signature"]);
      }
    },
  );

  it("covers what a confirmation asks for", async () => {
    const { Subject: _none, ...fields } = unsigned() as Extract<SnsMessage, { Type: "Notification" }>;
    const asked = {
      Token: "t",
      SubscribeURL: "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
    };
    const message = await sign({ ...fields, ...asked, Type: "SubscriptionConfirmation" });
    const verification = answering(certificatePem);
    expect(await refusalOf(message, verification)).toBeNull();
    const elsewhere = {
      ...message,
      SubscribeURL: "https://sns.us-east-1.amazonaws.com/?Action=Else",
    } as SnsMessage;
    expect(await refusalOf(elsewhere, verification)).toBe("wrong_signature");
  });

  it.each([
    ["an hour and more ago", -61, "stale"],
    ["just within the hour", -59, null],
    ["a little ahead", 4, null],
    ["far ahead", 6, "stale"],
  ] as const)("made %s is judged so", async (_when, minutes, expected) => {
    const message = await sign({ ...unsigned(), Timestamp: new Date(NOW + minutes * 60_000).toISOString() });
    expect(await refusalOf(message, answering(certificatePem))).toBe(expected);
  });

  it("is not looked at when its certificate is of another host, which is not asked", async () => {
    const asked: string[] = [];
    const verification: Verification = {
      ...answering(certificatePem),
      fetch: (input) => {
        asked.push(new Request(input).url);
        return Promise.resolve(new Response(certificatePem));
      },
    };
    const message = await sign({ ...unsigned(), SigningCertURL: "https://evil.test/x.pem" });
    expect(await refusalOf(message, verification)).toBe("foreign_certificate");
    expect(asked).toEqual([]);
  });

  it.each(["?Action=Else", "x.pem?Action=Else", "x.html"])(
    "is not looked at when %s is no certificate",
    async (path) => {
      const message = await sign({
        ...unsigned(),
        SigningCertURL: `https://sns.us-east-1.amazonaws.com/${path}`,
      });
      expect(await refusalOf(message, answering(certificatePem))).toBe("certificate_unavailable");
    },
  );

  it("is looked at by a certificate that is fetched once", async () => {
    const message = await sign(unsigned());
    expect(await refusalOf(message, answering(certificatePem))).toBeNull();
    expect(await refusalOf(message, answering("gone", 404))).toBeNull();
  });

  it.each([
    ["missing", answering("no", 404)],
    ["no certificate", answering("<html>")],
    ["refused, whatever is in the answer", answering(certificatePem, 403)],
    ["too large", answering(certificatePem + " ".repeat(20_000))],
    ["out of reach", { ...answering(""), fetch: () => Promise.reject(new TypeError("no network")) }],
  ])("waits for another try when its certificate is %s", async (_what, verification) => {
    expect(await refusalOf(await sign(unsigned()), verification)).toBe("certificate_unavailable");
  });

  it("is not taken by a certificate that is not in force", async () => {
    const now = Date.UTC(2199, 0);
    const message = await sign({ ...unsigned(), Timestamp: new Date(now).toISOString() });
    expect(await refusalOf(message, { ...answering(certificatePem), now })).toBe("certificate_unavailable");
  });
});
