import { Hono } from "hono";
import { z } from "zod";
import { deliver, type Send } from "../notices/delivery.ts";
import { eventBridgeEvent } from "../notices/event-bridge.ts";
import type { Simulator } from "../simulator.ts";
import { readBody, Refusal, time } from "./requests.ts";

const text = z.string().min(1).max(255);

/** What AWS calls an agreement's state or purpose; a word that it has yet to think of is one, too. */
const word = text.regex(/^[A-Z_]+$/, { error: "must be capital letters, as in CANCELLED" });

const header = {
  name: z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, { error: "must be the name of a header" }),
  value: z.string().regex(/^[\t\x20-\x7e]*$/, { error: "must be the value of a header" }),
};

const posting = {
  at: time.optional(),
  id: text.optional(),
  to: z.url({ protocol: /^https?$/, error: "must be an http or https address" }).optional(),
  headers: z.record(header.name, header.value).default({}),
};

const event = { via: z.literal("eventbridge"), agreementId: text.optional(), ...posting };

const eventSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("agreement-created"),
    intent: word.optional(),
    previousAgreementId: text.optional(),
    ...event,
  }),
  z.strictObject({ kind: z.literal("agreement-amended"), intent: word.optional(), ...event }),
  z.strictObject({ kind: z.literal("agreement-ended"), status: word.optional(), ...event }),
  z.strictObject({ kind: z.enum(["license-updated", "license-deprovisioned"]), ...event }),
]);

/** Each kind of notice with what it can tell: a field that would have no effect is refused. */
const noticeSchema = z.discriminatedUnion("via", [eventSchema]);

/** What AWS sends a seller, ordered by a test: it tells, and changes nothing. */
export function noticeRoutes(simulator: Simulator, send: Send): Hono {
  const { store } = simulator;
  return new Hono().post("/agreements/:id/notices", async (c) => {
    const body = await readBody(c, noticeSchema);
    if (body instanceof Refusal) return body.answer(c);
    const agreement = store.get("agreement", c.req.param("id"));
    if (agreement === undefined) {
      return new Refusal(404, `There is no agreement ${c.req.param("id")}.`).answer(c);
    }
    const told = await eventBridgeEvent(agreement, body, {
      id: body.id ?? simulator.newId(),
      requestId: simulator.newId(),
      at: body.at ?? simulator.now,
      sellerAccountId:
        store.get("product", agreement.productCode)?.sellerAccountId ?? simulator.seller.accountId,
    });
    return c.json(await posted(send, told, { "content-type": "application/json" }, body), 201);
  });
}

/** A notice with the headers that it is posted with, and what came of it; null when there was nowhere to post it. */
async function posted(
  send: Send,
  notice: object,
  headers: Readonly<Record<string, string>>,
  { to, headers: added }: { readonly to?: string | undefined; readonly headers: Record<string, string> },
) {
  const all = { ...headers, ...lowerCase(added) };
  const delivery = to === undefined ? null : await deliver(send, to, all, JSON.stringify(notice));
  return { notice, headers: all, delivery };
}

/** So that a header which is added takes the place of AWS's. */
const lowerCase = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
