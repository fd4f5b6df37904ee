import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { signText } from "../../simulator/src/notices/certificate.ts";
import worker from "../../src/index.ts";
import { tick } from "./support/delivering.ts";
import { admin, call, json } from "./support/gateway.ts";
import { aws, newArrival, newListing } from "./support/marketplace.ts";
import { agreementOf, listenToLogs } from "./support/registering.ts";
import { DAY, MINUTE } from "./support/times.ts";

/** Notices that AWS has sent and that were not taken, or that come no more: a person is told. */

let logged: string[] = [];
beforeEach(async () => {
  await env.DB.batch(["alarms", "incidents"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
  logged = listenToLogs();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const secret = env.EVENTS_SECRET ?? "";

const event = async () => {
  const { agreementId } = await newArrival(await newListing());
  return (await aws.notice(agreementId, { kind: "license-updated", via: "eventbridge" })).notice;
};

/** Calls the Worker as it would be deployed with another EVENTS_SECRET. */
function postWith(eventsSecret: string | undefined, brought: string, body: object) {
  const { EVENTS_SECRET: _theirs, ...others } = env;
  const bindings: Env = { ...others, ...(eventsSecret !== undefined && { EVENTS_SECRET: eventsSecret }) };
  const headers = { "content-type": "application/json", "x-api-key": brought };
  const request = new Request("https://gateway.test/aws/events", {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  return worker.fetch(request, bindings, createExecutionContext());
}

const alarms = async () => {
  await tick();
  const { alarms } = await json<{
    alarms: { kind: string; subject: string; detail: string; size: number }[];
  }>(admin("GET", "/v1/alarms?open=true"));
  return alarms.filter(({ kind }) => kind.startsWith("notices_"));
};

/** A day and a minute later, as far as what has happened is concerned. */
const aDayLater = () =>
  env.DB.prepare("UPDATE incidents SET happened_at = happened_at - ?")
    .bind(DAY + MINUTE)
    .run();

describe("an event of AWS's that is refused", () => {
  it("is an alarm for a day when it brought the secret and is no event", async () => {
    const refused = await postWith(secret, secret, { ...(await event()), time: "yesterday" });
    expect(refused.status).toBe(400);
    const detail = expect.stringContaining("without an input transformer") as unknown;
    expect(await alarms()).toMatchObject([{ kind: "notices_refused", subject: "eventbridge_form", detail }]);
    await postWith(secret, secret, { ...(await event()), source: "aws.ec2" });
    expect(await alarms()).toMatchObject([{ size: 2 }]);
    await aDayLater();
    await tick();
    expect(await alarms()).toEqual([]);
  });

  it("is an alarm when no secret is set, and says how to set one", async () => {
    expect((await postWith(undefined, "some-secret-of-sixteen", await event())).status).toBe(503);
    const detail = expect.stringContaining("wrangler secret put EVENTS_SECRET") as unknown;
    expect(await alarms()).toMatchObject([{ subject: "eventbridge_secret", detail }]);
    // Once it is set, EventBridge sends them again.
    expect((await postWith(secret, secret, await event())).status).toBe(200);
    expect(await alarms()).toEqual([]);
  });

  it("is in the log and nothing else when it brought another secret, which anybody can", async () => {
    expect((await postWith(secret, "another-secret-altogether", await event())).status).toBe(401);
    expect(await alarms()).toEqual([]);
    expect(logged.join("\n")).toContain("another secret than EVENTS_SECRET");
    expect(logged.join("\n")).not.toContain("another-secret-altogether");
  });
});

describe("EVENTS_SECRET", () => {
  it("may be two while it is changed, and each opens", async () => {
    const both = `old-secret-of-16-chars ${secret}`;
    for (const brought of ["old-secret-of-16-chars", secret])
      expect((await postWith(both, brought, await event())).status).toBe(200);
    for (const brought of [both, "old-secret-of-16-char", ""])
      expect((await postWith(both, brought, await event())).status).toBe(401);
  });

  it("is none when it is short, also beside another", async () => {
    const refused = await postWith("short", "short", await event());
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({
      detail: expect.stringContaining("fewer than 16 characters") as unknown,
    });
    expect((await postWith(`short ${secret}`, "short", await event())).status).toBe(401);
    expect((await postWith(`short ${secret}`, secret, await event())).status).toBe(200);
  });
});

describe("a subscription that SNS has ended", () => {
  const topicOf = (code: string) =>
    `arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-${code}`;

  const post = (body: unknown) =>
    call("POST", "/aws/sns", { body, headers: { "content-type": "text/plain; charset=UTF-8" } });

  async function signed(message: Record<string, string>) {
    const names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
    const text = names.map((name) => `${name}\n${message[name] ?? ""}\n`).join("");
    return { ...message, SignatureVersion: "2", Signature: await signText(text, "2") };
  }

  const newLegacyListing = async () => {
    const listing = await newListing({ concurrentAgreements: false });
    await admin("PATCH", `/v1/products/${listing.id}`, { snsTopics: [topicOf(listing.id)] });
    return listing;
  };

  it("is an alarm until it is confirmed again, or no product names the topic", async () => {
    const [listing, other] = [await newLegacyListing(), await newLegacyListing()];
    for (const { id } of [listing, other]) {
      const { notice } = await aws.confirmation({ productCode: id, topic: "subscription" });
      const ended = await signed({ ...notice, Type: "UnsubscribeConfirmation" });
      expect(await json(post(ended))).toEqual({ unsubscribed: true });
    }
    const subjects = async () => new Set((await alarms()).map(({ kind, subject }) => `${kind} ${subject}`));
    expect(await subjects()).toEqual(
      new Set([listing, other].map(({ id }) => `notices_unsubscribed ${topicOf(id)}`)),
    );
    await aDayLater();
    expect((await subjects()).size).toBe(2);
    const again = await aws.confirmation({ productCode: listing.id, topic: "subscription" });
    expect((await post(again.notice)).status).toBe(200);
    await admin("PATCH", `/v1/products/${other.id}`, { snsTopics: [] });
    expect(await subjects()).toEqual(new Set());
  });

  it("has one message of SNS be one, whatever line breaks somebody writes into it", async () => {
    const listing = await newLegacyListing();
    const { agreementId } = await newArrival(listing);
    const { notice } = await aws.notice(agreementId, { kind: "subscribe-success", via: "sns" });
    const message = notice as Record<string, string>;
    const fields = { ...message, Subject: "S" };
    const names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"] as const;
    const text = names.map((name) => `${name}\n${(fields as Record<string, string>)[name] ?? ""}\n`).join("");
    const { Subject, ...unnamed } = {
      ...fields,
      SignatureVersion: "2",
      Signature: await signText(text, "2"),
    } as Record<string, string>;
    expect((await post({ ...unnamed, Subject })).status).toBe(200);
    const MessageId = `${message["MessageId"] ?? ""}\nSubject\nS`;
    expect((await post({ ...unnamed, MessageId })).status).toBe(400);
    expect((await agreementOf(listing.id)).state).toBe("active");
  });
});
