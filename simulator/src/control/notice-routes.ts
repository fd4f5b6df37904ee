import { Hono, type Context } from "hono";
import { z } from "zod";
import { iso } from "../clock.ts";
import type { Agreement } from "../model.ts";
import { deliver, type Send } from "../notices/delivery.ts";
import { eventBridgeEvent, offerId } from "../notices/event-bridge.ts";
import {
  newToken,
  notification,
  snsHeaders,
  subscriptionConfirmation,
  topicArn,
  type SnsContext,
  type SnsMessage,
} from "../notices/sns.ts";
import { subscriptionArnOf } from "../notices/subscriptions.ts";
import type { Simulator } from "../simulator.ts";
import { productCodeSchema } from "./product-routes.ts";
import { accountId, readBody, Refusal, time } from "./requests.ts";

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

const publishing = {
  signatureVersion: z.enum(["1", "2"]).default("1"),
  /** AWS's account that owns the topics. */
  topicAccount: accountId.default("287250355862"),
  ...posting,
};

const message = { via: z.literal("sns"), ...publishing };

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

const messageSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.enum(["subscribe-success", "subscribe-fail"]),
    freeTrial: z.boolean().default(false),
    ...message,
  }),
  z.strictObject({
    kind: z.enum(["unsubscribe-pending", "unsubscribe-success", "entitlement-updated"]),
    ...message,
  }),
]);

/** Each kind of notice with what it can tell: a field that would have no effect is refused. */
const noticeSchema = z.discriminatedUnion("via", [eventSchema, messageSchema]);

const confirmationSchema = z.strictObject({
  productCode: productCodeSchema,
  topic: z.enum(["subscription", "entitlement"]),
  ...publishing,
});

/** What AWS sends a seller, ordered by a test: it tells, and changes nothing. */
export function noticeRoutes(simulator: Simulator, send: Send): Hono {
  const { store } = simulator;
  return new Hono()
    .post("/agreements/:id/notices", async (c) => {
      const body = await readBody(c, noticeSchema);
      if (body instanceof Refusal) return body.answer(c);
      const agreement = store.get("agreement", c.req.param("id"));
      if (agreement === undefined) {
        return new Refusal(404, `There is no agreement ${c.req.param("id")}.`).answer(c);
      }
      if (body.via === "sns") {
        const told = await saleMessage(simulator, agreement, body, originOf(c));
        return c.json(await posted(send, told, snsHeaders(told), body), 201);
      }
      const told = await eventBridgeEvent(agreement, body, {
        id: body.id ?? simulator.newId(),
        requestId: simulator.newId(),
        at: body.at ?? simulator.now,
        sellerAccountId:
          store.get("product", agreement.productCode)?.sellerAccountId ?? simulator.seller.accountId,
      });
      return c.json(await posted(send, told, { "content-type": "application/json" }, body), 201);
    })
    .post("/sns/confirmations", async (c) => {
      const body = await readBody(c, confirmationSchema);
      if (body instanceof Refusal) return body.answer(c);
      const { productCode, topic, topicAccount } = body;
      if (store.get("product", productCode) === undefined) {
        const error = `productCode: there is no product ${productCode}.`;
        return new Refusal(400, error, "productCode").answer(c);
      }
      const arn = topicArn(topicAccount, topic, productCode);
      const token = newToken();
      store.put("snsToken", token, arn);
      const told = await subscriptionConfirmation(snsContext(simulator, body, arn, originOf(c)), token);
      return c.json(await posted(send, told, snsHeaders(told), body), 201);
    })
    .get("/sns/subscriptions", (c) => {
      const confirmed = store.list("snsSubscription", { limit: 10_000 });
      return c.json({
        subscriptions: confirmed.map(({ key, value }) => ({
          topicArn: key,
          confirmedAt: iso(value.confirmedAt),
        })),
      });
    });
}

const originOf = (c: Context): string => new URL(c.req.url).origin;

/** A message of a product's topics (AWS Marketplace Seller Guide, "Amazon SNS notifications for SaaS products"). */
async function saleMessage(
  simulator: Simulator,
  agreement: Agreement,
  body: z.output<typeof messageSchema>,
  origin: string,
): Promise<SnsMessage> {
  const { productCode, customerIdentifier } = agreement;
  const { kind, topicAccount } = body;
  const topic = kind === "entitlement-updated" ? "entitlement" : "subscription";
  const context = snsContext(simulator, body, topicArn(topicAccount, topic, productCode), origin);
  const told = {
    action: kind,
    "customer-identifier": customerIdentifier,
    "product-code": productCode,
    ...("freeTrial" in body && {
      "offer-identifier": await offerId(agreement),
      isFreeTrialTermPresent: String(body.freeTrial),
    }),
  };
  const { store, newId } = simulator;
  return notification(context, told, subscriptionArnOf(store, context.topicArn, newId));
}

type Publishing = Pick<z.output<typeof confirmationSchema>, "at" | "id" | "signatureVersion">;

const snsContext = (
  { now, newId }: Simulator,
  { id, at, signatureVersion }: Publishing,
  topicArn: string,
  origin: string,
): SnsContext => ({ id: id ?? newId(), at: at ?? now, signatureVersion, topicArn, origin });

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
