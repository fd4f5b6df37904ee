import { createRoute, z } from "@hono/zod-openapi";
import { requireAdmin } from "../access/admin.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { page, pageQuery, router } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { listMessages, resendMessage, type Message } from "./messages.ts";

const messageSchema = z
  .object({
    id: z.string().openapi({ description: "The `webhook-id`" }),
    type: z.string(),
    agreement: z.string().nullable(),
    createdAt: z.iso.datetime(),
    attempts: z.number().int(),
    deliveredAt: z.iso.datetime().nullable(),
    nextAttemptAt: z.iso.datetime().nullable().openapi({ description: "Null once it is delivered" }),
    error: z.string().nullable().openapi({ description: "Why the last attempt failed" }),
    payload: z.unknown().openapi({ description: "The body, as it is sent every time" }),
  })
  .openapi("WebhookMessage");

function present(message: Message): z.output<typeof messageSchema> {
  const { id, type, attempts, error, deliveredAt } = message;
  return {
    id,
    type,
    agreement: message.agreementId,
    createdAt: new Date(message.createdAt).toISOString(),
    attempts,
    deliveredAt: deliveredAt === null ? null : new Date(deliveredAt).toISOString(),
    nextAttemptAt: deliveredAt === null ? new Date(message.nextAttemptAt).toISOString() : null,
    error,
    payload: JSON.parse(message.payload) as unknown,
  };
}

const security = [{ adminToken: [] }];

export const messageRoutes = router();
messageRoutes.use("/v1/messages", requireAdmin);
messageRoutes.use("/v1/messages/*", requireAdmin);

messageRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/messages",
    summary: "List webhook messages",
    description: "Of the last 30 days, delivered or not.",
    security,
    request: {
      query: pageQuery.extend({
        agreement: z.string().optional(),
        undelivered: z.enum(["true", "false"]).optional().openapi({
          description: "Whether only those that your receiver has not taken, or only the others",
        }),
      }),
    },
    responses: {
      200: {
        description: "Messages in the order in which they were written",
        content: {
          "application/json": {
            schema: z.object({ messages: z.array(messageSchema), next: z.string().nullable() }),
          },
        },
      },
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, undelivered, ...query } = c.req.valid("query");
    const found = await listMessages(openLedger(c.env.DB), {
      ...query,
      undelivered: undelivered === undefined ? undefined : undelivered === "true",
      limit: limit + 1,
    });
    const { rows, next } = page(found, limit);
    return c.json({ messages: rows.map(present), next }, 200);
  },
);

messageRoutes.openapi(
  createRoute({
    method: "post",
    path: "/v1/messages/{id}/resend",
    summary: "Send a webhook message again",
    description: "With the next minute's tick, under the same webhook-id.",
    security,
    request: { params: z.object({ id: z.string() }) },
    responses: {
      200: {
        description: "The message, which is due",
        content: { "application/json": { schema: messageSchema } },
      },
      ...problemResponses(401, 404),
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const message = await resendMessage(openLedger(c.env.DB), id, Date.now());
    if (message !== null) return c.json(present(message), 200);
    const detail = `There is no webhook message "${id}"; GET /v1/messages lists those of the last 30 days.`;
    return problem(c, { code: "not_found", detail });
  },
);
