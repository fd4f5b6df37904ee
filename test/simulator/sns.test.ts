import { createVerify, X509Certificate } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { control, origin, send } from "./client.ts";
import { tell, type Message, type Told } from "./notices.ts";
import { newLegacyCustomer, newProduct, startOver } from "./world.ts";

beforeEach(startOver);

const uuid = expect.stringMatching(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/) as string;

describe("a message of SNS", () => {
  const message = async (agreementId: string, body: object) =>
    (await tell<Message>(agreementId, { via: "sns", ...body })).body;

  it("has SNS's envelope, and comes with the headers to post it with", async () => {
    const { agreementId, productCode, customerIdentifier } = await newLegacyCustomer();
    const { notice, headers } = await message(agreementId, { kind: "subscribe-success" });
    const topic = `arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-${productCode}`;
    expect(notice).toEqual({
      Type: "Notification",
      MessageId: uuid,
      TopicArn: topic,
      Message: expect.any(String) as string,
      Timestamp: "2026-11-23T10:00:00.000Z",
      SignatureVersion: "1",
      Signature: expect.stringMatching(/^[A-Za-z0-9+/]{342}==$/) as string,
      SigningCertURL: `${origin}/SimpleNotificationService-simulator.pem`,
      UnsubscribeURL: expect.stringContaining(
        `${origin}/?Action=Unsubscribe&SubscriptionArn=${topic}:`,
      ) as string,
    });
    expect(JSON.parse(notice["Message"] ?? "")).toEqual({
      action: "subscribe-success",
      "customer-identifier": customerIdentifier,
      "product-code": productCode,
      "offer-identifier": expect.stringMatching(/^offer-[0-9a-z]{13}$/) as string,
      isFreeTrialTermPresent: "false",
    });
    expect(headers).toEqual({
      "content-type": "text/plain; charset=UTF-8",
      "x-amz-sns-message-type": "Notification",
      "x-amz-sns-message-id": notice["MessageId"],
      "x-amz-sns-topic-arn": topic,
    });
  });

  it.each([
    ["subscribe-success", "subscription", true],
    ["subscribe-fail", "subscription", true],
    ["unsubscribe-pending", "subscription", false],
    ["unsubscribe-success", "subscription", false],
    ["entitlement-updated", "entitlement", false],
  ])("%s is of the %s topic, with an offer: %s", async (kind, topic, hasOffer) => {
    const { agreementId, productCode } = await newLegacyCustomer();
    const { notice } = await message(agreementId, { kind, topicAccount: "123412341234" });
    expect(notice["TopicArn"]).toBe(
      `arn:aws:sns:us-east-1:123412341234:aws-mp-${topic}-notification-${productCode}`,
    );
    const told = JSON.parse(notice["Message"] ?? "") as Message;
    expect(told["action"]).toBe(kind);
    expect(["offer-identifier" in told, "isFreeTrialTermPresent" in told]).toEqual([hasOffer, hasOffer]);
  });

  it("tells of a free trial by a word", async () => {
    const { agreementId } = await newLegacyCustomer();
    const { notice } = await message(agreementId, { kind: "subscribe-success", freeTrial: true });
    expect(JSON.parse(notice["Message"] ?? "")).toMatchObject({ isFreeTrialTermPresent: "true" });
  });

  it("has the time and the id that were wished for", async () => {
    const { agreementId } = await newLegacyCustomer();
    const wishes = { kind: "subscribe-fail", at: "2026-08-20T14:24:23.999Z", id: "seen-before" };
    expect((await message(agreementId, wishes)).notice).toMatchObject({
      MessageId: "seen-before",
      Timestamp: "2026-08-20T14:24:23.999Z",
    });
  });
});

/** What SNS's guide says is signed, of either type of message. */
const signedFields = {
  Notification: ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
  SubscriptionConfirmation: [
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
  ],
};

/** Whether a message's signature is of the certificate that its SigningCertURL names. */
async function isGenuine(message: Message): Promise<boolean> {
  const response = await send(new Request(message["SigningCertURL"] ?? ""));
  const { publicKey } = new X509Certificate(await response.text());
  const names = signedFields[message["Type"] as keyof typeof signedFields];
  const text = names
    .filter((name) => name in message)
    .map((name) => `${name}\n${message[name]}\n`)
    .join("");
  const verify = createVerify(message["SignatureVersion"] === "2" ? "RSA-SHA256" : "RSA-SHA1");
  return verify.update(text).verify(publicKey, message["Signature"] ?? "", "base64");
}

const confirmation = async (productCode: string, body: object = {}) =>
  control<Told<Message>>("POST", "/sns/confirmations", { productCode, topic: "subscription", ...body });

describe("a signature of SNS", () => {
  it("is of a certificate for sns.amazonaws.com that is valid at every simulated time", async () => {
    const response = await send(new Request(`${origin}/SimpleNotificationService-simulator.pem`));
    expect(response.status).toBe(200);
    const { subject, validFrom, validTo } = new X509Certificate(await response.text());
    expect(subject).toBe("CN=sns.amazonaws.com");
    expect(new Date(validFrom).getUTCFullYear()).toBe(2020);
    expect(new Date(validTo).getUTCFullYear()).toBe(2120);
  });

  describe.each(["1", "2"])("of version %s", (signatureVersion) => {
    it.each(signedFields.Notification.filter((name) => name !== "Subject"))(
      "holds for a notification, and not when its %s is another",
      async (name) => {
        const { agreementId } = await newLegacyCustomer();
        const wishes = { via: "sns", kind: "subscribe-success", signatureVersion };
        const { notice } = (await tell<Message>(agreementId, wishes)).body;
        expect(notice["SignatureVersion"]).toBe(signatureVersion);
        expect(await isGenuine(notice)).toBe(true);
        const type = name === "Type" ? { Type: "SubscriptionConfirmation" } : {};
        expect(await isGenuine({ ...notice, [name]: `${notice[name]} `, ...type })).toBe(false);
      },
    );

    it.each(signedFields.SubscriptionConfirmation.filter((name) => name !== "Type"))(
      "holds for a confirmation, and not when its %s is another",
      async (name) => {
        const { notice } = (await confirmation(await newProduct(), { signatureVersion })).body;
        expect(notice["SignatureVersion"]).toBe(signatureVersion);
        expect(await isGenuine(notice)).toBe(true);
        expect(await isGenuine({ ...notice, [name]: `${notice[name]} ` })).toBe(false);
      },
    );
  });

  it("of one version does not hold for the other", async () => {
    const { notice } = (await confirmation(await newProduct())).body;
    expect(await isGenuine({ ...notice, SignatureVersion: "2" })).toBe(false);
  });
});

describe("a subscription to a topic", () => {
  const subscriptions = async () => (await control("GET", "/sns/subscriptions")).body;
  const visit = async (url: string) => {
    const response = await send(new Request(url));
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      xml: await response.text(),
    };
  };

  it("is there when the subscriber has visited the SubscribeURL, once however often", async () => {
    const { productCode, agreementId } = await newLegacyCustomer();
    const { status, body } = await confirmation(productCode);
    const topic = `arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-${productCode}`;
    expect(status).toBe(201);
    expect(body.delivery).toBeNull();
    expect(body.headers).toMatchObject({
      "content-type": "text/plain; charset=UTF-8",
      "x-amz-sns-message-type": "SubscriptionConfirmation",
    });
    const { notice } = body;
    expect(notice).toMatchObject({
      Type: "SubscriptionConfirmation",
      MessageId: uuid,
      TopicArn: topic,
      Message: expect.stringContaining(topic) as string,
      SubscribeURL: `${origin}/?Action=ConfirmSubscription&TopicArn=${topic}&Token=${notice["Token"]}`,
      Timestamp: "2026-11-23T10:00:00.000Z",
      SigningCertURL: `${origin}/SimpleNotificationService-simulator.pem`,
    });
    expect(await subscriptions()).toEqual({ subscriptions: [] });

    const first = await visit(notice["SubscribeURL"] ?? "");
    expect(first).toMatchObject({ status: 200, type: "text/xml" });
    const arn = /<SubscriptionArn>(.*)<\/SubscriptionArn>/.exec(first.xml)?.[1] ?? "";
    expect(first.xml).toMatch(
      /^<ConfirmSubscriptionResponse xmlns="http:\/\/sns\.amazonaws\.com\/doc\/2010-03-31\/"><ConfirmSubscriptionResult><SubscriptionArn>/,
    );
    expect(arn).toContain(`${topic}:`);
    expect((await visit(notice["SubscribeURL"] ?? "")).xml).toContain(`>${arn}<`);
    expect(await subscriptions()).toEqual({
      subscriptions: [{ topicArn: topic, confirmedAt: "2026-11-23T10:00:00.000Z" }],
    });

    const told = await tell<Message>(agreementId, { via: "sns", kind: "subscribe-success" });
    expect(told.body.notice["UnsubscribeURL"]).toBe(`${origin}/?Action=Unsubscribe&SubscriptionArn=${arn}`);
  });

  it.each([
    ["a token that is none", "InvalidParameter", { Token: "0123" }],
    ["another topic", "InvalidParameter", { TopicArn: "arn:aws:sns:us-east-1:287250355862:other" }],
    ["another action", "InvalidAction", { Action: "Unsubscribe" }],
  ])("is not there after a visit with %s", async (_what, code, change) => {
    const { notice } = (await confirmation(await newProduct())).body;
    const url = new URL(notice["SubscribeURL"] ?? "");
    for (const [name, value] of Object.entries(change)) url.searchParams.set(name, value);
    expect(await visit(url.href)).toEqual({
      status: 400,
      type: "text/xml",
      xml: expect.stringMatching(`<ErrorResponse xmlns="http://sns.*<Code>${code}</Code>`) as string,
    });
    expect(await subscriptions()).toEqual({ subscriptions: [] });
  });

  it.each(["TopicArn", "Token"])("is not there after a visit without %s", async (name) => {
    const { notice } = (await confirmation(await newProduct())).body;
    const url = new URL(notice["SubscribeURL"] ?? "");
    url.searchParams.delete(name);
    expect((await visit(url.href)).xml).toContain(`<Message>Invalid parameter: ${name}</Message>`);
    expect(await subscriptions()).toEqual({ subscriptions: [] });
  });

  it("of the entitlement topic is another one", async () => {
    const { notice } = (await confirmation(await newProduct(), { topic: "entitlement" })).body;
    expect(notice["TopicArn"]).toContain(":aws-mp-entitlement-notification-");
  });

  it("leaves the page at the root where it is", async () => {
    expect(await visit(`${origin}/?topic=1`)).toMatchObject({ status: 200, xml: /^<!doctype html>/i });
  });

  it.each([
    [{}, "productCode"],
    [{ productCode: "unknown", topic: "subscription" }, "productCode"],
    [{ productCode: "known" }, "topic"],
    [{ productCode: "known", topic: "offers" }, "topic"],
    [{ productCode: "known", topic: "entitlement", signatureVersion: "3" }, "signatureVersion"],
    [{ productCode: "known", topic: "entitlement", topicAccount: "aws" }, "topicAccount"],
    [{ productCode: "known", topic: "entitlement", colour: "red" }, "colour"],
  ])("is refused as %j", async (body, field) => {
    await newProduct({ productCode: "known" });
    expect(await control("POST", "/sns/confirmations", body)).toMatchObject({ status: 400, body: { field } });
  });
});
