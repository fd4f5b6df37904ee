import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { signText } from "../../simulator/src/notices/certificate.ts";
import { admin, call, json, type TestProduct } from "./support/gateway.ts";
import { aws, newArrival, newListing, type AwsAgreement } from "./support/marketplace.ts";
import { agreementOf, arriveAgo } from "./support/registering.ts";
import { ago, HOUR } from "./support/times.ts";

const topicOf = (code: string, of = "subscription") =>
  `arn:aws:sns:us-east-1:287250355862:aws-mp-${of}-notification-${code}`;

/** A product of before June 2026, which names AWS's topics. */
async function newLegacyListing(): Promise<TestProduct> {
  const listing = await newListing({ concurrentAgreements: false });
  const snsTopics = [topicOf(listing.id), topicOf(listing.id, "entitlement")];
  await admin("PATCH", `/v1/products/${listing.id}`, { snsTopics });
  return listing;
}

const post = (body: unknown) =>
  call("POST", "/aws/sns", { body, headers: { "content-type": "text/plain; charset=UTF-8" } });

type Message = Record<string, string>;

const messageOf = async ({ agreementId }: AwsAgreement, kind: string, options: object = {}) =>
  (await aws.notice(agreementId, { kind, via: "sns", ...options })).notice as Message;

/** Tells the gateway of something as SNS does. */
const tell = async (bought: AwsAgreement, kind: string, options: object = {}) =>
  post(await messageOf(bought, kind, options));

/** A message as SNS itself would have signed it; the key is the simulator's. */
async function signed(message: Message): Promise<Message> {
  const names =
    message["Type"] === "Notification"
      ? ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
      : ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
  const text = names.map((name) => `${name}\n${message[name] ?? ""}\n`).join("");
  return { ...message, SignatureVersion: "2", Signature: await signText(text, "2") };
}

const noticesOf = async (query: string) =>
  (await json<{ notices: { id: string }[] }>(admin("GET", `/v1/notices?limit=1000&${query}`))).notices;

describe("a subscription to AWS's topics", () => {
  it("confirms itself, of topics that a product names and no others", async () => {
    const listing = await newLegacyListing();
    const confirmation = await aws.confirmation({ productCode: listing.id, topic: "subscription" });
    const confirmed = await post(confirmation.notice);
    expect([confirmed.status, await json(confirmed)]).toEqual([200, { confirmed: true }]);
    expect(await aws.subscriptions()).toContain(topicOf(listing.id));

    const foreign = { productCode: listing.id, topic: "subscription", topicAccount: "999999999999" };
    const refused = await post((await aws.confirmation(foreign)).notice);
    expect(refused.status).toBe(403);
    expect(await json(refused)).toMatchObject({ detail: expect.stringContaining("snsTopics") as unknown });
    expect(await aws.subscriptions()).not.toContain(
      topicOf(listing.id).replace("287250355862", "999999999999"),
    );
  });

  it("is not confirmed at an address that is not SNS's, though it is signed", async () => {
    const listing = await newLegacyListing();
    const { notice } = await aws.confirmation({ productCode: listing.id, topic: "subscription" });
    // No test may reach another host: were it asked, the test would fail.
    const elsewhere = { ...notice, SubscribeURL: "https://evil.test/?Action=ConfirmSubscription" };
    expect((await post(await signed(elsewhere))).status).toBe(503);
    expect((await post(elsewhere)).status).toBe(403);
  });

  it("is over when SNS says so, which nobody has to answer", async () => {
    const listing = await newLegacyListing();
    const { notice } = await aws.confirmation({ productCode: listing.id, topic: "subscription" });
    const over = await post(await signed({ ...notice, Type: "UnsubscribeConfirmation" }));
    expect([over.status, await json(over)]).toEqual([200, { unsubscribed: true }]);
    expect(await aws.subscriptions()).not.toContain(topicOf(listing.id));
  });
});

describe("POST /aws/sns", () => {
  it.each(["1", "2"])("takes a message with a signature of version %s, once", async (signatureVersion) => {
    const listing = await newLegacyListing();
    const bought = await newArrival(listing);
    const message = await messageOf(bought, "subscribe-success", { signatureVersion });
    const { id } = await agreementOf(listing.id);
    expect(await json(post(message))).toEqual({
      notice: `sns:${message["MessageId"] ?? ""}`,
      duplicate: false,
      agreement: id,
    });
    expect((await agreementOf(listing.id)).state).toBe("active");
    expect(await json(post(message))).toMatchObject({ duplicate: true });
    expect(await noticesOf(`agreement=${id}`)).toMatchObject([
      { id: expect.stringContaining("gateway:registered:") as unknown },
      { id: `sns:${message["MessageId"] ?? ""}` },
    ]);
  });

  it.each<[string, (message: Message) => Message, number]>([
    [
      "that was changed",
      (message) => ({ ...message, Message: (message["Message"] ?? "").replace("X", "Y") + " " }),
      403,
    ],
    ["with another's signature", (message) => ({ ...message, Signature: btoa("x".repeat(256)) }), 403],
    [
      "with a certificate of another host",
      (message) => ({ ...message, SigningCertURL: "https://evil.test/a.pem" }),
      403,
    ],
    ["of a topic that no product names", (message) => ({ ...message, TopicArn: topicOf("nobody") }), 403],
    ["without a signature", ({ Signature: _none, ...message }) => message, 400],
    ["of another type", (message) => ({ ...message, Type: "Chatter" }), 400],
  ])("refuses a message %s, and keeps nothing", async (_what, change, status) => {
    const listing = await newLegacyListing();
    const bought = await newArrival(listing);
    const before = await noticesOf("unmatched=false");
    const refused = await post(change(await messageOf(bought, "subscribe-success")));
    expect(refused.status).toBe(status);
    expect(refused.headers.get("content-type")).toContain("application/problem+json");
    expect(await noticesOf("unmatched=false")).toEqual(before);
    expect((await agreementOf(listing.id)).state).toBe("pending");
  });

  it("refuses what somebody has kept for more than an hour", async () => {
    const listing = await newLegacyListing();
    const bought = await newArrival(listing);
    expect((await tell(bought, "subscribe-success", { at: ago(1.1 * HOUR) })).status).toBe(403);
    expect((await agreementOf(listing.id)).state).toBe("pending");
  });

  it("refuses a message of one product's topic about another product", async () => {
    const [listing, other] = [await newLegacyListing(), await newLegacyListing()];
    const bought = await newArrival(other);
    const message = await messageOf(bought, "subscribe-success");
    const refused = await post(await signed({ ...message, TopicArn: topicOf(listing.id) }));
    expect(refused.status).toBe(400);
    expect((await agreementOf(other.id)).state).toBe("pending");
  });

  it("is no JSON, no object, or too much: refused clearly", async () => {
    for (const body of ["{", "[]", '"x"', "null"]) expect((await post(body)).status).toBe(400);
    expect((await post(`"${"x".repeat(1_000_001)}"`)).status).toBe(413);
  });
});

describe("a legacy customer's life, as SNS tells it", () => {
  it("begins, ends, and goes on under the old agreement when the customer comes back", async () => {
    const listing = await newLegacyListing();
    const bought = await aws.agreement(listing.id);
    await arriveAgo(bought.registrationToken, HOUR);
    await tell(bought, "subscribe-success", { at: ago(0.9 * HOUR), freeTrial: true });
    expect(await agreementOf(listing.id)).toMatchObject({ state: "active", freeTrial: true });
    await tell(bought, "unsubscribe-pending", { at: ago(0.5 * HOUR) });
    expect((await agreementOf(listing.id)).state).toBe("ending");
    await tell(bought, "unsubscribe-success", { at: ago(0.4 * HOUR) });
    expect((await agreementOf(listing.id)).state).toBe("ended");
    // A quick re-subscription, instead of the end that AWS has announced.
    await tell(bought, "subscribe-success", { at: ago(0.3 * HOUR), freeTrial: false });
    expect(await agreementOf(listing.id)).toMatchObject({ state: "active", freeTrial: false });
  });

  it("comes to the same when its messages come backwards, and before the customer", async () => {
    const listing = await newLegacyListing();
    const bought = await aws.agreement(listing.id);
    await tell(bought, "unsubscribe-pending", { at: ago(0.5 * HOUR) });
    const active = ago(0.9 * HOUR);
    await tell(bought, "subscribe-success", { at: active });
    await arriveAgo(bought.registrationToken, HOUR);
    expect(await agreementOf(listing.id)).toMatchObject({ state: "ending", activatedAt: active });
  });

  it("is over before it has begun when AWS says that the subscription has failed", async () => {
    const listing = await newLegacyListing();
    const bought = await newArrival(listing);
    await tell(bought, "subscribe-fail");
    expect((await agreementOf(listing.id)).state).toBe("ended");
  });

  it("is read with the blanks and commas that AWS's own examples have", async () => {
    const listing = await newLegacyListing();
    const bought = await newArrival(listing);
    const message = await messageOf(bought, "subscribe-success");
    const text = `{"action":"subscribe-success","customer-identifier":" ${bought.customerIdentifier}","product-code":"${listing.id} ",}`;
    expect((await post(await signed({ ...message, Message: text }))).status).toBe(200);
    expect((await agreementOf(listing.id)).state).toBe("active");
  });

  it.each(["paint-success", "__proto__"])("keeps a message of the unknown action %s", async (action) => {
    const listing = await newLegacyListing();
    const bought = await newArrival(listing);
    const message = await messageOf(bought, "subscribe-success");
    const text = (message["Message"] ?? "").replace("subscribe-success", action);
    expect((await post(await signed({ ...message, Message: text }))).status).toBe(200);
    const { id, state } = await agreementOf(listing.id);
    expect(state).toBe("pending");
    expect(await noticesOf(`agreement=${id}`)).toMatchObject([{ source: "gateway" }, { kind: "other" }]);
  });

  it("has its contract read when SNS says that it has changed", async () => {
    const listing = await newLegacyListing();
    await admin("PATCH", `/v1/products/${listing.id}`, { contract: true });
    const bought = await newArrival(listing);
    const { id } = await agreementOf(listing.id);
    const due = () =>
      env.DB.prepare("SELECT entitlements_due_at AS due FROM agreements WHERE id = ?")
        .bind(id)
        .first<number>("due");
    await env.DB.prepare("UPDATE agreements SET entitlements_due_at = ? WHERE id = ?")
      .bind(Date.now() + HOUR, id)
      .run();
    await tell(bought, "entitlement-updated");
    expect(await due()).toBeLessThanOrEqual(Date.now());
  });
});
