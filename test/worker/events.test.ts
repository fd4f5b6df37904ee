import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { tick } from "./support/delivering.ts";
import { admin, call, json } from "./support/gateway.ts";
import { arrive, aws, newArrival, newListing, notify, type AwsAgreement } from "./support/marketplace.ts";
import { agreementOf, agreementsOf } from "./support/registering.ts";
import { DAY, HOUR, iso, MINUTE, steadyAgo } from "./support/times.ts";

const ago = steadyAgo();

interface Notice {
  id: string;
  kind: string;
  agreement: string | null;
  awsAgreementId: string | null;
}

interface Heard {
  notice: string;
  duplicate: boolean;
  agreement: string | null;
}

const noticesOf = async (query: string) =>
  (await json<{ notices: Notice[] }>(admin("GET", `/v1/notices?limit=1000&${query}`))).notices;

const post = (body: unknown, headers: Record<string, string> = { "x-api-key": env.EVENTS_SECRET ?? "" }) =>
  call("POST", "/aws/events", { body, headers });

const eventOf = async ({ agreementId }: AwsAgreement, kind: string, options: object = {}) =>
  (await aws.notice(agreementId, { kind, via: "eventbridge", ...options })).notice as {
    id: string;
    "detail-type": string;
    detail: object;
  };

describe("POST /aws/events", () => {
  it("opens with the connection's key, in either header, and with no other", async () => {
    const listing = await newListing();
    const event = await eventOf(await newArrival(listing), "license-updated");
    const secret = env.EVENTS_SECRET ?? "";
    for (const headers of [
      {},
      { "x-api-key": `${secret}x` },
      { "x-api-key": "" },
      { authorization: "Bearer x" },
    ])
      expect((await post(event, headers)).status).toBe(401);
    // Neither does the admin token.
    expect((await post(event, { authorization: `Bearer ${env.ADMIN_TOKEN ?? ""}` })).status).toBe(401);
    expect((await agreementOf(listing.id)).state).toBe("pending");
    expect((await post(event, { authorization: `Bearer ${secret}` })).status).toBe(200);
    expect((await agreementOf(listing.id)).state).toBe("active");
  });

  it("refuses an event of a time that has not come, which would outweigh all that follow", async () => {
    const listing = await newListing();
    const event = await eventOf(await newArrival(listing), "license-updated");
    const later = { ...event, time: iso(Date.now() + 10 * MINUTE) };
    const refused = await post(later);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ errors: [{ pointer: "#/time" }] });
    expect((await agreementOf(listing.id)).state).toBe("pending");
    const bySlowClock = { ...event, time: iso(Date.now() + MINUTE) };
    expect((await post(bySlowClock)).status).toBe(200);
    expect((await agreementOf(listing.id)).state).toBe("active");
  });

  it("takes an event that comes twice once", async () => {
    const listing = await newListing();
    const event = await eventOf(await newArrival(listing), "license-updated");
    const { id } = await agreementOf(listing.id);
    const first = { notice: `eventbridge:${event.id}`, duplicate: false, agreement: id };
    expect(await json<Heard>(post(event))).toEqual(first);
    expect(await json<Heard>(post(event))).toEqual({ ...first, duplicate: true });
    expect(await noticesOf(`agreement=${id}`)).toMatchObject([
      { source: "eventbridge" },
      { id: expect.stringContaining("gateway:registered:") as unknown },
    ]);
  });

  it.each(["License Painted - Manufacturer", "__proto__"])(
    "keeps events of a kind that it does not know, %s, and learns nothing from them",
    async (detailType) => {
      const listing = await newListing();
      const event = await eventOf(await newArrival(listing), "license-updated");
      const before = await agreementOf(listing.id);
      const later = {
        ...event,
        "detail-type": detailType,
        detail: { ...event.detail, paint: 1 },
      };
      expect((await post(later)).status).toBe(200);
      expect(await noticesOf(`agreement=${before.id}`)).toMatchObject([
        { source: "eventbridge", kind: "other" },
        { source: "gateway" },
      ]);
      expect(await agreementOf(listing.id)).toEqual(before);
    },
  );

  it.each([
    ["another source", { source: "aws.ec2" }, "#/source"],
    ["no id", { id: undefined }, "#/id"],
    ["a time that is none", { time: "yesterday" }, "#/time"],
    ["no detail", { detail: undefined }, "#/detail"],
  ])("refuses an event with %s, and keeps nothing", async (_what, change, pointer) => {
    const listing = await newListing();
    const event = await eventOf(await newArrival(listing), "license-updated");
    const refused = await post({ ...event, ...change });
    expect(refused.status).toBe(400);
    expect(await json(refused)).toMatchObject({ code: "invalid_request", errors: [{ pointer }] });
    expect((await agreementOf(listing.id)).state).toBe("pending");
  });

  it("knows a licence by its id, however the rest of its name is written", async () => {
    const listing = await newListing();
    const bought = await newArrival(listing);
    const event = await eventOf(bought, "license-updated");
    // As an example on AWS's own page has it.
    const arn = bought.licenseArn.replace(
      "arn:aws:license-manager::222222222222:license:",
      "aws:license-manager:us-east-1:1:",
    );
    expect((await post({ ...event, detail: { ...event.detail, license: { arn } } })).status).toBe(200);
    expect(await agreementOf(listing.id)).toMatchObject({ state: "active", licenseArn: bought.licenseArn });
  });
});

describe("a notice that comes before its customer", () => {
  it("is kept, and found by its licence", async () => {
    const listing = await newListing();
    const bought = await aws.agreement(listing.id);
    const heard = await json<Heard>(notify(bought.agreementId, "license-updated"));
    expect(heard.agreement).toBeNull();
    expect((await noticesOf("unmatched=true")).map(({ id }) => id)).toContain(heard.notice);
    expect((await noticesOf("unmatched=false")).map(({ id }) => id)).not.toContain(heard.notice);
    await arrive(bought.registrationToken);
    expect(await agreementOf(listing.id)).toMatchObject({
      state: "active",
      awsAgreementId: bought.agreementId,
    });
    expect((await noticesOf("unmatched=true")).map(({ id }) => id)).not.toContain(heard.notice);
  });

  it("is forgotten when nobody has come for it in ninety days, and what is an agreement's never", async () => {
    const listing = await newListing();
    const age = (id: string, days: number) =>
      env.DB.prepare("UPDATE notices SET received_at = ? WHERE id = ?")
        .bind(Date.now() - days * DAY, id)
        .run();
    const heard = async ({ agreementId }: AwsAgreement, days: number) => {
      const { notice } = await json<Heard>(notify(agreementId, "license-updated"));
      await age(notice, days);
      return notice;
    };
    const waiting = await heard(await aws.agreement(listing.id), 89.9);
    const lapsed = await heard(await aws.agreement(listing.id), 90.1);
    const known = await heard(await newArrival(listing), 400);
    await tick();
    const kept = new Set((await noticesOf("")).map(({ id }) => id));
    expect([waiting, lapsed, known].map((id) => kept.has(id))).toEqual([true, false, true]);
  });

  it("is found by AWS's id of the agreement as soon as that is known", async () => {
    const listing = await newListing();
    const bought = await newArrival(listing);
    // These two do not name the licence.
    await notify(bought.agreementId, "agreement-created", { at: ago(2 * HOUR) });
    const ended = ago(0.2 * HOUR);
    await notify(bought.agreementId, "agreement-ended", { at: ended });
    expect((await agreementOf(listing.id)).state).toBe("pending");
    await notify(bought.agreementId, "license-updated", { at: ago(1.9 * HOUR) });
    expect(await agreementOf(listing.id)).toMatchObject({ state: "ending", endedAt: ended });
  });

  it("is found by the customer where a customer has one agreement of the product", async () => {
    const listing = await newListing({ concurrentAgreements: false });
    const bought = await aws.agreement(listing.id);
    const event = await eventOf(bought, "license-updated");
    await post({ ...event, detail: { ...event.detail, license: null } });
    await arrive(bought.registrationToken);
    expect((await agreementOf(listing.id)).state).toBe("active");
  });

  it("is no other customer's", async () => {
    const listing = await newListing();
    const [one, other] = [await aws.agreement(listing.id), await newArrival(listing)];
    await notify(one.agreementId, "license-updated");
    await notify(one.agreementId, "license-deprovisioned");
    const { id } = await agreementOf(listing.id);
    expect(await noticesOf(`agreement=${id}`)).toMatchObject([{ source: "gateway" }]);
    await arrive(one.registrationToken);
    const states = (await agreementsOf(listing.id)).map(({ accountId, state }) => [accountId, state]);
    expect(new Map(states.map(([account, state]) => [account, state]))).toEqual(
      new Map([
        [one.accountId, "ending"],
        [other.accountId, "pending"],
      ]),
    );
  });
});

describe("an agreement that is renewed under another id of AWS's", () => {
  const RENEWED = "agmt-renewed";
  const notices = {
    created: { kind: "agreement-created", at: ago(9 * HOUR) },
    active: { kind: "license-updated", at: ago(8 * HOUR) },
    over: { kind: "agreement-ended", status: "EXPIRED", at: ago(2 * HOUR) },
    renewed: { kind: "agreement-created", intent: "RENEW", agreementId: RENEWED, at: ago(1.9 * HOUR) },
  };

  it.each([
    ["as it happens", ["created", "active", "over", "renewed"]],
    ["its end last", ["created", "active", "renewed", "over"]],
    ["all backwards", ["renewed", "over", "active", "created"]],
  ] as const)("goes on: %s", async (_order, order) => {
    const listing = await newListing();
    const bought = await newArrival(listing);
    for (const name of order) {
      const { kind, ...notice } = notices[name];
      const previous = name === "renewed" ? { previousAgreementId: bought.agreementId } : {};
      const id = `${bought.agreementId}-${name}`;
      const options = "agreementId" in notice ? { ...notice, agreementId: `${id}-${RENEWED}` } : notice;
      expect((await notify(bought.agreementId, kind, { ...options, ...previous })).status).toBe(200);
    }
    expect(await agreementOf(listing.id)).toMatchObject({
      state: "active",
      awsAgreementId: `${bought.agreementId}-renewed-${RENEWED}`,
      endedAt: null,
    });
    // Of its end under the new id it hears, too.
    const id = `${bought.agreementId}-renewed-${RENEWED}`;
    const ended = ago(0.1 * HOUR);
    await notify(bought.agreementId, "agreement-ended", { agreementId: id, at: ended });
    expect(await agreementOf(listing.id)).toMatchObject({ state: "ending", endedAt: ended });
  });
});
