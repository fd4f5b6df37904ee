import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { beforeEach, describe, expect, it } from "vitest";
import { openLedger } from "../../src/ledger/database.ts";
import { keepWatch } from "../../src/watch/keep-watch.ts";
import { recordsOf, retryNow, seal, tick, usage } from "./support/delivering.ts";
import { admin, call, json } from "./support/gateway.ts";
import { aws, newCustomer, newListing } from "./support/marketplace.ts";
import { DAY, HOUR, MINUTE } from "./support/times.ts";

const SECRET = `whsec_${btoa("a secret of twenty-four b")}`;

interface Delivery {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** The operator's receiver, and a watch that tells it. */
function receiver(answers: number[] = [], secret = SECRET) {
  const deliveries: Delivery[] = [];
  const fetch = (url: unknown, init?: RequestInit): Promise<Response> => {
    const headers = Object.fromEntries(new Headers(init?.headers));
    deliveries.push({ url: String(url), headers, body: init?.body as string });
    return Promise.resolve(new Response(null, { status: answers.shift() ?? 200 }));
  };
  const watch = (now = Date.now()) =>
    keepWatch({
      ledger: openLedger(env.DB),
      receiver: { url: "https://ops.example/hook?token=hidden", secret },
      fetch,
      now: () => now,
      random: () => 0,
      newId: () => crypto.randomUUID(),
    });
  const told = () =>
    deliveries.flatMap(({ body }) => {
      const { type, data } = JSON.parse(body) as { type: string; data: { kind: string; subject: string } };
      return type.startsWith("alarm.") ? [`${type} ${data.kind} ${data.subject}`] : [];
    });
  return { deliveries, watch, told };
}

const openAlarms = async () =>
  (
    await json<{ alarms: { kind: string; subject: string; detail: string }[] }>(
      admin("GET", "/v1/alarms?open=true"),
    )
  ).alarms;

/** A record of a listing that is open, with a part of its way behind it. */
async function openRecord(partOfWay: number) {
  const listing = await newListing();
  const { accountId } = await newCustomer(listing);
  await listing.post(usage(accountId, 1));
  await seal(listing.id);
  const now = Date.now();
  await forgetAgreements();
  await env.DB.prepare("UPDATE records SET sealed_at = ?, deadline = ? WHERE product_id = ?")
    .bind(now - partOfWay * 10 * HOUR, now + (1 - partOfWay) * 10 * HOUR, listing.id)
    .run();
  return listing;
}

/** What agreements have to tell is no alarm. */
const forgetAgreements = () => env.DB.exec("DELETE FROM messages WHERE type GLOB 'agreement.*'");

beforeEach(async () => {
  // Alarms are about everything there is; each test begins without any.
  await env.DB.batch(
    ["records", "alarms", "incidents", "messages", "deliveries", "shard_reports", "submitters"].map((table) =>
      env.DB.prepare(`DELETE FROM ${table}`),
    ),
  );
});

describe("alarms", () => {
  it("come at three quarters of a record's way, and go when it is delivered", async () => {
    const { watch, told } = receiver();
    const early = await openRecord(0.7);
    await watch();
    expect(told()).toEqual([]);
    const listing = await openRecord(0.76);
    await watch();
    expect(told()).toEqual([`alarm.raised deadline_near ${listing.id}`]);
    expect(await openAlarms()).toMatchObject([
      { kind: "deadline_near", subject: listing.id, detail: expect.stringContaining("1 record") as unknown },
    ]);
    await tick();
    expect(await recordsOf(early.id)).toMatchObject([{ state: "delivered" }]);
    await watch();
    expect(told().slice(1)).toEqual([`alarm.cleared deadline_near ${listing.id}`]);
    expect(await openAlarms()).toEqual([]);
  });

  it("are told once, and again after an hour if there is more of it", async () => {
    const { watch, told } = receiver();
    const now = Date.now();
    const listing = await openRecord(0.9);
    await watch(now);
    await watch(now + MINUTE);
    expect(told()).toHaveLength(1);
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 1));
    await seal(listing.id);
    await env.DB.prepare("UPDATE records SET sealed_at = 0, deadline = ? WHERE product_id = ?")
      .bind(now + 2 * HOUR, listing.id)
      .run();
    await watch(now + 2 * MINUTE);
    expect(told()).toHaveLength(1);
    await watch(now + HOUR + 1);
    expect(told()).toEqual(Array(2).fill(`alarm.raised deadline_near ${listing.id}`));
    await watch(now + 2 * HOUR + 2);
    expect(told()).toHaveLength(2);
  });

  it("say which product pauses for which setting, until it is mended", async () => {
    const { watch, told } = receiver();
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 1));
    await seal(listing.id);
    await aws.faults({ kind: "error", error: "AccessDeniedException", operation: "BatchMeterUsage" });
    await tick();
    await watch();
    expect(told()).toEqual([`alarm.raised product_paused ${listing.id}`]);
    const [alarm] = await openAlarms();
    expect(alarm?.detail).toContain("AccessDeniedException");
    await retryNow(listing.id);
    await tick();
    await watch();
    expect(told()[1]).toBe(`alarm.cleared product_paused ${listing.id}`);
  });

  it("say which records are parked, per product and reason", async () => {
    const { watch, told } = receiver();
    const listing = await openRecord(0.1);
    await env.DB.prepare("UPDATE records SET state = 'parked', reason = 'refused', settled_at = 1").run();
    await watch();
    expect(told()).toEqual([`alarm.raised parked ${listing.id}:refused`]);
  });

  it("notice that the cron trigger is silent", async () => {
    const { watch, told } = receiver();
    await env.DB.prepare("INSERT INTO submitters (region, last_tick_at) VALUES ('us-east-1', ?)")
      .bind(Date.now() - 11 * MINUTE)
      .run();
    await watch();
    expect(told()).toEqual(["alarm.raised ticks_missing us-east-1"]);
    await tick();
    await watch();
    expect(told()[1]).toBe("alarm.cleared ticks_missing us-east-1");
  });
});

describe("webhook messages", () => {
  it("carry a Standard Webhooks signature that its own library verifies, and no secret", async () => {
    const { watch, deliveries } = receiver();
    const listing = await openRecord(0.9);
    await watch();
    const [message] = deliveries;
    if (message === undefined) throw new Error("nothing was told");
    const verified = new Webhook(SECRET).verify(message.body, message.headers);
    expect(verified).toMatchObject({
      type: "alarm.raised",
      timestamp: expect.stringMatching(/^20\d\d-.*Z$/) as unknown,
      data: { kind: "deadline_near", subject: listing.id, size: 1 },
    });
    expect(message.body).not.toContain("hidden");
    expect(() =>
      new Webhook(SECRET).verify(message.body.replace(listing.id, "other"), message.headers),
    ).toThrow("No matching signature found");
  });

  it("go again with the same id until they are taken, later from failure to failure", async () => {
    const { watch, deliveries } = receiver([500, 429]);
    const now = Date.now();
    await openRecord(0.9);
    await watch(now);
    await watch(now + 1000);
    expect(deliveries).toHaveLength(1);
    await watch(now + 5000);
    expect(deliveries).toHaveLength(2);
    await watch(now + MINUTE);
    expect(deliveries).toHaveLength(2);
    await watch(now + 5000 + 5 * MINUTE);
    expect(deliveries).toHaveLength(3);
    await watch(now + HOUR);
    expect(deliveries).toHaveLength(3);
    expect(new Set(deliveries.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    const { results } = await env.DB.prepare("SELECT attempts, error, delivered_at FROM messages").all();
    expect(results).toEqual([{ attempts: 3, error: null, delivered_at: now + 5000 + 5 * MINUTE }]);
  });
});

describe("a receiver that takes no message", () => {
  const alarmOfIt = async () => (await openAlarms()).filter(({ kind }) => kind === "webhooks_failing");

  it.each([
    ["is down", [500, 500, 500, 500], SECRET, "the receiver answered 500"],
    ["cannot be written to, for want of a secret", [], "abc", "WEBHOOK_SECRET is not whsec_"],
  ])("is an alarm after some minutes, until it takes one, when it %s", async (_why, answers, secret, why) => {
    const now = Date.now();
    await openRecord(0.9);
    const failing = receiver(answers, secret);
    for (const minutes of [0, 1, 7]) await failing.watch(now + minutes * MINUTE);
    expect(await alarmOfIt()).toEqual([]);
    await failing.watch(now + 8 * MINUTE);
    const [alarm] = await alarmOfIt();
    expect(alarm?.detail).toContain(why);
    expect(alarm?.detail).toContain("GET /v1/messages?undelivered=true");
    expect(JSON.stringify(alarm)).not.toContain("hidden");
    await receiver().watch(now + HOUR);
    await receiver().watch(now + HOUR);
    expect(await alarmOfIt()).toEqual([]);
  });

  it("is none when it refuses one of them and takes others", async () => {
    const now = Date.now();
    await openRecord(0.9);
    for (const minutes of [0, 1, 7, 38]) await receiver([400]).watch(now + minutes * MINUTE);
    await receiver().watch(now + HOUR);
    expect(await alarmOfIt()).toEqual([]);
  });
});

describe("a webhook secret that is none", () => {
  it("is said to be so, and nothing leaves unsigned", async () => {
    const { watch, deliveries } = receiver([], "whsec_not base64!");
    await openRecord(0.9);
    await watch();
    expect(deliveries).toEqual([]);
    const { results } = await env.DB.prepare("SELECT error, delivered_at FROM messages").all();
    expect(results).toEqual([{ error: "WEBHOOK_SECRET is not whsec_ and base64", delivered_at: null }]);
  });
});

describe("webhook messages of a month ago", () => {
  it("are forgotten", async () => {
    const now = Date.now();
    await openRecord(0.9);
    await receiver([400]).watch(now);
    const count = async () =>
      (await env.DB.prepare("SELECT count(*) AS count FROM messages").first<{ count: number }>())?.count;
    expect(await count()).toBe(1);
    await receiver([400]).watch(now + 29 * DAY);
    expect(await count()).toBe(1);
    await receiver().watch(now + 31 * DAY);
    expect(await count()).toBe(0);
  });
});

describe("health", () => {
  it("is 200 and says how delivery goes, and 503 with the same while an alarm is open", async () => {
    const { watch } = receiver();
    const listing = await openRecord(0.9);
    const well = await admin("GET", "/v1/health");
    expect(well.status).toBe(200);
    const { products } = await json<{ products: { product: string }[] }>(well);
    expect(products.find(({ product }) => product === listing.id)).toMatchObject({
      backlog: 1,
      oldestUnsent: expect.any(String) as unknown,
      nearestDeadline: expect.any(String) as unknown,
      lastSuccess: null,
      paused: null,
    });
    await watch();
    const ill = await admin("GET", "/v1/health");
    expect(ill.status).toBe(503);
    expect(await ill.json()).toMatchObject({ status: "alarm", alarms: [{ kind: "deadline_near" }] });
    await tick();
    const after = await json<{ products: object[]; regions: object[] }>(admin("GET", "/v1/health"));
    expect(after.products).toContainEqual(
      expect.objectContaining({
        product: listing.id,
        backlog: 0,
        lastSuccess: expect.any(String) as unknown,
      }),
    );
    expect(after.regions).toMatchObject([
      { region: "us-east-1", silentSeconds: expect.any(Number) as unknown },
    ]);
  });

  it("is Prometheus text, too", async () => {
    const listing = await openRecord(0.1);
    const response = await admin("GET", "/metrics");
    expect(response.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    const text = await response.text();
    expect(text).toContain("# TYPE metergate_backlog_records gauge");
    expect(text).toContain(`metergate_backlog_records{product="${listing.id}"} 1`);
    expect(text).toMatch(/^metergate_undelivered_messages \d+$/m);
  });

  it.each(["/v1/health", "/v1/alarms", "/metrics", "/v1/parked", "/v1/held", "/v1/actions"])(
    "of %s is the operator's alone",
    async (path) => {
      expect((await call("GET", path)).status).toBe(401);
    },
  );
});
