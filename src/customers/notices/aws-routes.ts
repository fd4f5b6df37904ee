import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { timingSafeEqual } from "hono/utils/buffer";
import { bearerToken } from "../../access/tokens.ts";
import { findProductByTopic } from "../../catalog/products.ts";
import { jsonBody, readJsonText } from "../../http/body.ts";
import { problem, problemResponses, type ProblemOptions } from "../../http/problems.ts";
import { router, type AppEnv } from "../../http/router.ts";
import { eventSchema, noticeOf } from "./event-bridge.ts";
import { forgetIncident } from "../../ledger/incidents.ts";
import { MINUTE } from "../../meter/hours.ts";
import { hearNotice, type Heard } from "./hear-notice.ts";
import {
  forgetMissingSecret,
  noteForeignMessage,
  noteRefusedEvent,
  noteUnsubscribed,
} from "./missed-notices.ts";
import { noticeIn, snsMessageSchema, type SnsMessage } from "./sns-message.ts";
import { confirmSubscription, refusalOf, type SnsRefusal, type Verification } from "./sns-signature.ts";
import { EVENTS_SECRET_MISSING, eventsSecrets } from "../secrets.ts";
import { surroundingsOf } from "../surroundings.ts";

/** AWS's clock and Cloudflare's may differ, by less than this. */
const MAX_AHEAD = 5 * MINUTE;

const answerSchema = z
  .object({
    notice: z.string().openapi({ description: "The gateway's id of it" }),
    duplicate: z.boolean().openapi({ description: "Whether it has come before" }),
    agreement: z.string().nullable().openapi({
      description: "Whose it is; null while no such agreement has registered: it is kept until then",
    }),
  })
  .openapi("HeardNotice");

const kept = {
  description: "The notice is kept",
  content: { "application/json": { schema: answerSchema } },
};

const presentHeard = (notice: string, { isNew, agreementId }: Heard) => ({
  notice,
  duplicate: !isNew,
  agreement: agreementId,
});

const broughtSecret = (c: Context<AppEnv>): string | null =>
  c.req.header("x-api-key") ?? bearerToken(c.req.header("authorization"));

/** Lets only whoever brings EVENTS_SECRET through: what EventBridge sends is not signed. */
const requireEventsSecret = createMiddleware<AppEnv>(async (c, next) => {
  const secrets = eventsSecrets(c.env);
  if (secrets.length === 0) return problem(c, { code: "not_configured", detail: EVENTS_SECRET_MISSING });
  const brought = broughtSecret(c) ?? "";
  const isRight = await Promise.all(secrets.map((secret) => timingSafeEqual(brought, secret)));
  if (isRight.includes(true)) return next();
  const detail =
    "Send EVENTS_SECRET in the header x-api-key, as the connection of the API destination does: authorization type API key.";
  return problem(c, {
    code: "unauthorized",
    detail,
    headers: { "www-authenticate": 'Bearer realm="metergate events"' },
  });
});

/** Tells an operator of events that AWS has sent and that were refused: EventBridge does not send them again. */
const noteRefusedEvents = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  const { status } = c.res;
  const surroundings = surroundingsOf(c.env);
  if (status === 401) {
    // Anybody can send that, and is not to write into the ledger by it.
    surroundings.report("an event was refused that brought another secret than EVENTS_SECRET", {});
    return;
  }
  if (status < 300) await forgetMissingSecret(surroundings);
  const isUnset = eventsSecrets(c.env).length === 0 && broughtSecret(c) !== null;
  if (isUnset || (status >= 400 && status < 500)) await noteRefusedEvent(surroundings, status);
});

export const awsRoutes = router();
awsRoutes.use("/aws/events", noteRefusedEvents, requireEventsSecret);

awsRoutes.openapi(
  createRoute({
    method: "post",
    path: "/aws/events",
    summary: "Where EventBridge sends AWS Marketplace's events",
    description:
      "The target of an API destination whose connection adds EVENTS_SECRET as x-api-key. Let the rule send the matched event as it is.",
    security: [{ eventsSecret: [] }],
    middleware: jsonBody,
    request: {
      body: { required: true, content: { "application/json": { schema: eventSchema } } },
    },
    responses: { 200: kept, ...problemResponses(400, 401, 413, 415, 503) },
  }),
  async (c) => {
    const notice = noticeOf(c.req.valid("json"));
    const surroundings = surroundingsOf(c.env);
    // What happens last counts: an event of a time that is far ahead would outweigh every one to come.
    if (notice.occurredAt > surroundings.now() + MAX_AHEAD)
      return problem(c, {
        code: "invalid_request",
        detail: "The event is of a time that has not come.",
        errors: [{ pointer: "#/time", detail: "must not be in the future" }],
      });
    const heard = await hearNotice(surroundings, notice);
    return c.json(presentHeard(notice.id, heard), 200);
  },
);

const snsAnswer = z.union([
  answerSchema,
  z.object({ confirmed: z.literal(true) }).openapi("ConfirmedSubscription"),
  z.object({ unsubscribed: z.literal(true) }).openapi("EndedSubscription"),
]);

awsRoutes.openAPIRegistry.registerPath({
  method: "post",
  path: "/aws/sns",
  summary: "Where Amazon SNS posts the notices of legacy products",
  description:
    "Subscribe it by HTTPS to the topics that the product names in snsTopics. Each message's signature is verified, and the subscription confirms itself.",
  request: { body: { required: true, content: { "text/plain": { schema: z.string() } } } },
  responses: {
    200: {
      description: "The notice is kept, or the subscription confirmed",
      content: { "application/json": { schema: snsAnswer } },
    },
    ...problemResponses(400, 403, 413, 415, 503),
  },
});

awsRoutes.post("/aws/sns", async (c) => {
  const read = await readJsonText(c.req.raw);
  if (!read.ok) return problem(c, read.problem);
  const message = snsMessageIn(read.text);
  if (message === null) {
    return problem(c, { code: "invalid_request", detail: "The body is not a message of Amazon SNS." });
  }
  const { ledger, report } = surroundingsOf(c.env);
  const { TopicArn, MessageId } = message;
  const product = await findProductByTopic(ledger, TopicArn);
  if (product === null) {
    report("a message of an SNS topic that no product names was refused", { topic: TopicArn });
    const detail = `No product names the topic ${TopicArn}: PATCH /v1/products/:id with snsTopics, if it is AWS's.`;
    return problem(c, { code: "forbidden", detail });
  }
  const verification: Verification = {
    fetch: (input, init) => fetch(input, init),
    now: Date.now(),
    endpoint: c.env.AWS_ENDPOINT_URL_SNS ?? null,
  };
  const refusal = await refusalOf(message, verification);
  if (refusal === null) return takeMessage(c, message, { product, verification });
  report(`a message of SNS was refused: ${refusal}`, { topic: TopicArn, message: MessageId });
  return problem(c, refusals[refusal]);
});

function snsMessageIn(text: string): SnsMessage | null {
  try {
    return snsMessageSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

const refusals: Record<SnsRefusal, ProblemOptions> = {
  stale: {
    code: "forbidden",
    detail: "The message was signed more than an hour ago, or ahead of the gateway's clock.",
  },
  foreign_certificate: {
    code: "forbidden",
    detail:
      "SigningCertURL is not an address of Amazon SNS in the topic's Region; where AWS_ENDPOINT_URL_SNS is set, it has to be of that origin.",
  },
  certificate_unavailable: {
    code: "unavailable",
    detail: "SNS's certificate cannot be read, or is not in force, now. Send the message again.",
    headers: { "retry-after": "20" },
  },
  wrong_signature: { code: "forbidden", detail: "The signature is not Amazon SNS's of this message." },
};

interface Verified {
  readonly product: { readonly id: string; readonly productCode: string };
  readonly verification: Verification;
}

/** Does what a message that SNS has surely sent says. */
async function takeMessage(c: Context<AppEnv>, message: SnsMessage, { product, verification }: Verified) {
  const surroundings = surroundingsOf(c.env);
  const { TopicArn } = message;
  switch (message.Type) {
    case "SubscriptionConfirmation": {
      if (await confirmSubscription(message.SubscribeURL, TopicArn, verification)) {
        await forgetIncident(surroundings.ledger, "notices_unsubscribed", TopicArn);
        return c.json({ confirmed: true }, 200);
      }
      const detail = "SNS could not be asked to confirm the subscription. Send the message again.";
      return problem(c, { code: "unavailable", detail, headers: { "retry-after": "20" } });
    }
    case "UnsubscribeConfirmation":
      await noteUnsubscribed(surroundings, TopicArn);
      return c.json({ unsubscribed: true }, 200);
    case "Notification": {
      const notice = noticeIn(message);
      if (notice?.productCode !== product.productCode) {
        await noteForeignMessage(surroundings, message);
        const detail = `The message is no notice of AWS Marketplace about product code "${product.productCode}".`;
        return problem(c, { code: "invalid_request", detail });
      }
      return c.json(presentHeard(notice.id, await hearNotice(surroundings, notice)), 200);
    }
  }
}
