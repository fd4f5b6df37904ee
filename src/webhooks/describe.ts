import { z, type OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../http/router.ts";

/** One type of the messages that are sent. */
export interface MessageDescription {
  readonly type: string;
  /** When it is sent. */
  readonly summary: string;
  readonly data: z.ZodType;
}

/** Describes a message as a webhook of the API. Of the app itself: a room that is mounted would have its path put before. */
export function describeMessage(
  { openAPIRegistry }: OpenAPIHono<AppEnv>,
  { type, summary, data }: MessageDescription,
): void {
  const schema = z.object({ type: z.literal(type), timestamp: z.iso.datetime(), data });
  openAPIRegistry.registerWebhook({
    method: "post",
    path: type,
    summary,
    description: "Signed by Standard Webhooks, and repeated until it is answered with 2xx, for 30 days.",
    request: { body: { required: true, content: { "application/json": { schema } } } },
    responses: { 200: { description: "Accepted. After any answer other than 2xx it is sent again" } },
  });
}
