import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { openLedger } from "../../src/ledger/database.ts";
import { sendMessages } from "../../src/webhooks/send.ts";
import { tick } from "./support/delivering.ts";
import { admin, json } from "./support/gateway.ts";
import { newArrival, newListing, notify } from "./support/marketplace.ts";
import { agreementOf } from "./support/registering.ts";
import { ago, HOUR, MINUTE } from "./support/times.ts";

const SECRET = `whsec_${btoa("a secret of twenty-four b")}`;

interface Message {
  id: string;
  type: string;
  attempts: number;
  deliveredAt: string | null;
  error: string | null;
}

const messagesOf = async (query: string) =>
  json<{ messages: Message[]; next: string | null }>(admin("GET", `/v1/messages?${query}`));

interface Delivery {
  headers: Record<string, string>;
  body: string;
}

/** Sends what is due, to a receiver that answers so. */
async function send(status = 200, now = Date.now()): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  await sendMessages({
    ledger: openLedger(env.DB),
    receiver: { url: "https://seller.test/hook", secret: SECRET },
    fetch: (_url, init) => {
      deliveries.push({
        headers: Object.fromEntries(new Headers(init?.headers)),
        body: init?.body as string,
      });
      return Promise.resolve(new Response(null, { status }));
    },
    now: () => now,
    random: () => 0,
  });
  return deliveries;
}

/** A customer's whole life, each notice of it told twice. */
async function wholeLife(): Promise<{ id: string; accountId: string }> {
  const listing = await newListing();
  const { agreementId, accountId } = await newArrival(listing);
  const notices = [
    ["license-updated", ago(5 * HOUR)],
    ["agreement-ended", ago(2 * HOUR)],
    ["license-deprovisioned", ago(1.9 * HOUR)],
  ] as const;
  for (const [kind, at] of [...notices, ...notices]) await notify(agreementId, kind, { at });
  await tick();
  return { id: (await agreementOf(listing.id)).id, accountId };
}

describe("webhook messages of an agreement", () => {
  it("tell each change of its life once, in order, signed, to whoever verifies it", async () => {
    await env.DB.exec("DELETE FROM messages");
    const { id, accountId } = await wholeLife();
    const { messages } = await messagesOf(`agreement=${id}`);
    const types = ["registered", "activated", "ending", "ended"].map((change) => `agreement.${change}`);
    expect(messages.map(({ type }) => type)).toEqual(types);
    const deliveries = await send();
    const verified = deliveries.map(({ headers, body }) => new Webhook(SECRET).verify(body, headers));
    expect(verified).toMatchObject(types.map((type) => ({ type, data: { id, accountId } })));
    expect((await messagesOf(`agreement=${id}&undelivered=true`)).messages).toEqual([]);
    expect((await messagesOf(`agreement=${id}&undelivered=false`)).messages).toHaveLength(4);
    expect(await send()).toEqual([]);
  });

  it("are listed in pages", async () => {
    await env.DB.exec("DELETE FROM messages");
    const { id } = await wholeLife();
    const first = await messagesOf("limit=3");
    expect(first.messages).toHaveLength(3);
    const rest = await messagesOf(`limit=3&after=${first.next ?? ""}`);
    expect([...first.messages, ...rest.messages].map(({ id: message }) => message)).toEqual(
      (await messagesOf(`agreement=${id}`)).messages.map(({ id: message }) => message),
    );
    expect(rest.next).toBeNull();
  });

  it("go again until they are taken, and say why they were not", async () => {
    await env.DB.exec("DELETE FROM messages");
    const { id } = await wholeLife();
    expect(await send(500)).toHaveLength(1);
    const { messages } = await messagesOf(`agreement=${id}&undelivered=true`);
    expect(messages).toHaveLength(4);
    expect((await messagesOf(`agreement=${id}&undelivered=false`)).messages).toEqual([]);
    expect(messages.filter(({ attempts }) => attempts === 1)).toMatchObject([
      { error: "the receiver answered 500", deliveredAt: null },
    ]);
    expect(await send(204, Date.now() + HOUR)).toHaveLength(4);
  });

  it("are sent by one run, however many meet", async () => {
    await env.DB.exec("DELETE FROM messages");
    await wholeLife();
    const runs = await Promise.all([send(), send(), send()]);
    const ids = runs.flat().map(({ headers }) => headers["webhook-id"]);
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(4);
  });

  it("are sent once more when a person asks, under the same id", async () => {
    await env.DB.exec("DELETE FROM messages");
    const { id } = await wholeLife();
    const sent = await send();
    const [message] = (await messagesOf(`agreement=${id}`)).messages;
    const resent = await admin("POST", `/v1/messages/${message?.id ?? ""}/resend`);
    expect(resent.status).toBe(200);
    expect(await json(resent)).toMatchObject({ id: message?.id, deliveredAt: null });
    const [again, ...others] = await send(200, Date.now() + 1000);
    expect(others).toEqual([]);
    expect(again?.headers["webhook-id"]).toBe(message?.id);
    expect(again?.body).toBe(sent[0]?.body);
    // Anew: not after a day, as one that has failed often.
    await env.DB.prepare("UPDATE messages SET attempts = 9").run();
    await admin("POST", `/v1/messages/${message?.id ?? ""}/resend`);
    expect(await send(500, Date.now() + 1000)).toHaveLength(1);
    expect(await send(200, Date.now() + MINUTE)).toHaveLength(1);
    expect((await admin("POST", "/v1/messages/msg_none/resend")).status).toBe(404);
  });
});
