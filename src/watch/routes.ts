import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { requireAdmin } from "../access/admin.ts";
import { problemResponses } from "../http/problems.ts";
import { page, pageQuery, router, type AppEnv } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { alarmKinds } from "../ledger/schema.ts";
import { SECOND } from "../meter/hours.ts";
import { describeMessage } from "../webhooks/describe.ts";
import { listAlarms } from "./alarms.ts";
import { readHealth, type ProductHealth } from "./health.ts";
import { metricsText } from "./metrics.ts";

const security = [{ adminToken: [] }];
const time = z.iso.datetime().nullable();

const healthSchema = z
  .object({
    status: z.enum(["ok", "alarm"]).openapi({ description: "alarm: a person should look; see alarms" }),
    products: z.array(
      z.object({
        product: z.string(),
        backlog: z.number().int().openapi({ description: "Records that are not settled" }),
        oldestUnsent: time.openapi({ description: "When the oldest of them was sealed" }),
        nearestDeadline: time,
        parked: z.number().int(),
        lastSuccess: time.openapi({ description: "When AWS last took a call" }),
        paused: z
          .object({ since: z.iso.datetime(), code: z.string(), detail: z.string() })
          .nullable()
          .openapi({ description: "Why delivery pauses" }),
      }),
    ),
    regions: z.array(
      z.object({
        region: z.string(),
        lastTick: z.iso.datetime(),
        silentSeconds: z.number().openapi({ description: "Since the cron trigger last fired" }),
      }),
    ),
    alarms: z.array(z.object({ kind: z.enum(alarmKinds), subject: z.string(), detail: z.string() })),
    undeliveredMessages: z.number().int().openapi({ description: "Webhook messages not taken yet" }),
  })
  .openapi("Health");

const alarmSchema = z
  .object({
    id: z.string(),
    kind: z.enum(alarmKinds),
    subject: z.string(),
    detail: z.string(),
    size: z.number().int(),
    raisedAt: z.iso.datetime(),
    clearedAt: time,
  })
  .openapi("Alarm");

const iso = (at: number): string => new Date(at).toISOString();
const optional = (at: number | null): string | null => (at === null ? null : iso(at));

const presentProduct = (health: ProductHealth) => ({
  product: health.product,
  backlog: health.backlog,
  oldestUnsent: optional(health.oldestSealedAt),
  nearestDeadline: optional(health.nearestDeadline),
  parked: health.parked,
  lastSuccess: optional(health.lastSuccessAt),
  paused:
    health.pausedAt === null
      ? null
      : { since: iso(health.pausedAt), code: health.errorCode ?? "", detail: health.errorDetail ?? "" },
});

/** Describes the messages about alarms in the API. */
export function describeAlarmMessages(app: OpenAPIHono<AppEnv>): void {
  const data = alarmSchema.omit({ clearedAt: true });
  const raised = "Something needs a person; told again, at most once an hour, when there is more of it";
  describeMessage(app, { type: "alarm.raised", summary: raised, data });
  describeMessage(app, { type: "alarm.cleared", summary: "It is over", data });
}

export const watchRoutes = router();
for (const path of ["/v1/health", "/v1/alarms", "/metrics"]) watchRoutes.use(path, requireAdmin);

watchRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/health",
    summary: "How delivery goes",
    description:
      "For monitors: status 200 while all is well, 503 while an alarm is open, with the same body.",
    security,
    responses: {
      200: { description: "All is well", content: { "application/json": { schema: healthSchema } } },
      503: { description: "An alarm is open", content: { "application/json": { schema: healthSchema } } },
      ...problemResponses(401),
    },
  }),
  async (c) => {
    const health = await readHealth(openLedger(c.env.DB));
    const now = Date.now();
    const body = {
      status: health.alarms.length === 0 ? ("ok" as const) : ("alarm" as const),
      products: health.products.map(presentProduct),
      regions: health.regions.map(({ region, lastTickAt }) => ({
        region,
        lastTick: iso(lastTickAt),
        silentSeconds: Math.max(0, Math.round((now - lastTickAt) / SECOND)),
      })),
      alarms: [...health.alarms],
      undeliveredMessages: health.undeliveredMessages,
    };
    return body.status === "ok" ? c.json(body, 200) : c.json(body, 503);
  },
);

watchRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/alarms",
    summary: "List alarms",
    security,
    request: {
      query: pageQuery.extend({
        open: z.enum(["true", "false"]).optional().openapi({ description: "Only those that are open" }),
      }),
    },
    responses: {
      200: {
        description: "Alarms in the order in which they were raised",
        content: {
          "application/json": {
            schema: z.object({ alarms: z.array(alarmSchema), next: z.string().nullable() }),
          },
        },
      },
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, after, open } = c.req.valid("query");
    const found = await listAlarms(openLedger(c.env.DB), { limit: limit + 1, after, open: open === "true" });
    const { rows, next } = page(found, limit);
    const alarms = rows.map(({ id, kind, subject, detail, size, raisedAt, clearedAt }) => ({
      id,
      kind,
      subject,
      detail,
      size,
      raisedAt: iso(raisedAt),
      clearedAt: optional(clearedAt),
    }));
    return c.json({ alarms, next }, 200);
  },
);

watchRoutes.openapi(
  createRoute({
    method: "get",
    path: "/metrics",
    summary: "Metrics for Prometheus",
    security,
    responses: {
      200: {
        description: "Prometheus text format",
        content: { "text/plain": { schema: z.string() } },
      },
      ...problemResponses(401),
    },
  }),
  async (c) => {
    const text = metricsText(await readHealth(openLedger(c.env.DB)), Date.now());
    return c.text(text, 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  },
);
