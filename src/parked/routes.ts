import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { requireAdmin } from "../access/admin.ts";
import { listAgreements } from "../ledger/agreements.ts";
import { jsonBody } from "../http/body.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { page, pageQuery, router, type AppEnv } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { parkReasons } from "../ledger/schema.ts";
import { hourOf } from "../meter/hours.ts";
import { formatQuantity } from "../meter/quantity.ts";
import { byShard } from "../meter/shard-name.ts";
import { timeId } from "../time-id.ts";
import { decideHeld, findHeld, type ShardNamed } from "./held-usage.ts";
import {
  decideRecord,
  findRecord,
  lastAction,
  listActions,
  listParked,
  refusalOf,
  type Action,
  type ActionRefusal,
} from "./parked-records.ts";
import { offeredActions, offeredForHeld } from "./rules.ts";
import {
  actionSchema,
  heldSchema,
  iso,
  newActionSchema,
  parkedSchema,
  presentAction,
  presentHeld,
  presentParked,
  previewSchema,
  usageOf,
} from "./schemas.ts";

const security = [{ adminToken: [] }];

const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { "application/json": { schema } },
});

export const parkedRoutes = router();
for (const path of ["/v1/parked", "/v1/held", "/v1/actions"]) parkedRoutes.use(path, requireAdmin);

const shardsOf =
  (env: Env): ShardNamed =>
  (name) =>
    env.METER_SHARD.getByName(name);

parkedRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/parked",
    summary: "List records that need a person",
    security,
    request: {
      query: pageQuery.extend({ product: z.string().optional(), reason: z.enum(parkReasons).optional() }),
    },
    responses: {
      200: json(
        "Each with its reason, the amount at stake and what is safe to do",
        z.object({ parked: z.array(parkedSchema), next: z.string().nullable() }),
      ),
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, ...query } = c.req.valid("query");
    const found = await listParked(openLedger(c.env.DB), { ...query, limit: limit + 1 });
    const { rows, next } = page(found, limit);
    const now = Date.now();
    return c.json({ parked: rows.map((record) => presentParked(record, now)), next }, 200);
  },
);

parkedRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/held",
    summary: "List late usage that is held for a person",
    description: "Of dimensions whose late usage is to `hold`. Pages are by agreement, so one may be empty.",
    security,
    request: {
      query: pageQuery.extend({ product: z.string().optional(), agreement: z.string().optional() }),
    },
    responses: {
      200: json("Held usage", z.object({ held: z.array(heldSchema), next: z.string().nullable() })),
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, ...query } = c.req.valid("query");
    const found = await listAgreements(openLedger(c.env.DB), { ...query, limit: limit + 1 });
    const { rows: agreements, next } = page(found, limit);
    const shards = shardsOf(c.env);
    const now = Date.now();
    const held = await Promise.all(
      [...byShard(agreements)].map(async ([name, members]) => {
        const usages = await shards(name).held(members.map(({ id }) => id));
        return usages.flatMap((usage) => {
          const agreement = members.find(({ id }) => id === usage.agreement);
          return agreement === undefined ? [] : [presentHeld(usage, agreement, now)];
        });
      }),
    );
    return c.json({ held: held.flat(), next }, 200);
  },
);

parkedRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/actions",
    summary: "List what persons have decided",
    security,
    request: { query: pageQuery.extend({ product: z.string().optional() }) },
    responses: {
      200: json(
        "The audit trail, oldest first",
        z.object({ actions: z.array(actionSchema), next: z.string().nullable() }),
      ),
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, ...query } = c.req.valid("query");
    const found = await listActions(openLedger(c.env.DB), { ...query, limit: limit + 1 });
    const { rows, next } = page(found, limit);
    return c.json({ actions: rows.map(presentAction), next }, 200);
  },
);

parkedRoutes.openapi(
  createRoute({
    method: "post",
    path: "/v1/actions",
    summary: "Decide about a parked record or held usage",
    description:
      "With `preview`, only says what would be done. The same decision again answers with the first one and does nothing.",
    security,
    middleware: jsonBody,
    request: { body: { required: true, content: { "application/json": { schema: newActionSchema } } } },
    responses: {
      200: json("A preview, or the decision that was taken before", z.union([previewSchema, actionSchema])),
      201: json("The decision", actionSchema),
      ...problemResponses(400, 401, 404, 409, 413, 415),
    },
  }),
  async (c) => {
    const body = c.req.valid("json");
    return "record" in body ? await decideAboutRecord(c, body) : await decideAboutHeld(c, body);
  },
);

type NewAction = z.output<typeof newActionSchema>;

async function decideAboutRecord(c: Context<AppEnv>, body: Extract<NewAction, { record: string }>) {
  const { record: id, action, note = null, notHeldByAws } = body;
  const ledger = openLedger(c.env.DB);
  const now = Date.now();
  const record = await findRecord(ledger, id);
  if (record === null)
    return notFound(c, `There is no record "${id}"; GET /v1/parked lists those that wait.`);
  if (record.state !== "parked") return takenBefore(c, id, action);
  const refusal = refusalOf({ record, action, note, notHeldByAws }, now);
  if (body.preview) {
    if (refusal?.reason === "not_offered") return refuse(c, action, refusal);
    const offers = offeredActions({ ...record, reason: record.reason ?? "refused" }, now);
    const preview = {
      preview: true as const,
      action,
      advice: offers.find((offer) => offer.action === action)?.advice ?? "",
      usage: usageOf(record),
      sends: action === "send_again" ? (JSON.parse(record.usageRecord) as unknown) : null,
      joinsHour: action === "roll_over" ? iso(hourOf(now)) : null,
    };
    return c.json(preview, 200);
  }
  if (refusal !== null) return refuse(c, action, refusal);
  const decision = { record, action, note, notHeldByAws, quantity: usageOf(record), now };
  const taken = await decideRecord(ledger, { id: newActionId(now), ...decision });
  if (!taken) return takenBefore(c, id, action);
  await c.env.SUBMITTER.getByName(record.region).expectTick();
  const row = await lastAction(ledger, id);
  if (row === null) throw new Error("an action that was just taken is not there");
  return c.json(presentAction(row), 201);
}

async function decideAboutHeld(c: Context<AppEnv>, body: Extract<NewAction, { held: string }>) {
  const { held: id, action, note = null } = body;
  const ledger = openLedger(c.env.DB);
  const shards = shardsOf(c.env);
  const now = Date.now();
  const found = await findHeld(ledger, shards, id);
  if (found === null) {
    if ((await lastAction(ledger, id)) !== null) return takenBefore(c, id, action);
    return notFound(c, `Nothing is held as "${id}"; GET /v1/held lists what is.`);
  }
  const offers = offeredForHeld(found.agreement.usageUntil, now);
  const offer = offers.find((offer) => offer.action === action);
  if (offer === undefined)
    return refuse(c, action, { reason: "not_offered", offered: offers.map((offer) => offer.action) });
  if (body.preview) {
    const preview = {
      preview: true as const,
      action,
      advice: offer.advice,
      usage: formatQuantity(found.usage.quantity),
      sends: null,
      joinsHour: action === "release" ? iso(hourOf(now)) : null,
    };
    return c.json(preview, 200);
  }
  if (action === "write_off" && note === null) return refuse(c, action, { reason: "note_missing" });
  await decideHeld(ledger, shards, found, { id: newActionId(now), heldId: id, kind: action, note, now });
  const row = await lastAction(ledger, id);
  if (row === null) throw new Error("an action that was just taken is not there");
  return c.json(presentAction(row), 201);
}

const newActionId = (now: number): string => timeId("act", now, crypto.randomUUID());

const notFound = (c: Context<AppEnv>, detail: string) => problem(c, { code: "not_found", detail });

/** The same decision again is answered with the first; another one comes too late. */
async function takenBefore(c: Context<AppEnv>, subject: string, action: Action["action"]) {
  const row = await lastAction(openLedger(c.env.DB), subject);
  if (row?.action === action) return c.json(presentAction(row), 200);
  const detail =
    row === null
      ? `"${subject}" is not parked; GET /v1/parked lists the records that are.`
      : `"${subject}" waits no more: ${row.action} was decided at ${iso(row.decidedAt)}.`;
  return problem(c, { code: "conflict", detail });
}

function refuse(c: Context<AppEnv>, action: Action["action"], refusal: ActionRefusal) {
  switch (refusal.reason) {
    case "not_offered": {
      const detail = `${action} is not offered here; ${refusal.offered.join(", ") || "nothing"} is.`;
      return problem(c, { code: "conflict", detail });
    }
    case "note_missing": {
      const detail = `${action} needs a note: what nobody can see from the books is to be written down.`;
      return problem(c, {
        code: "invalid_request",
        detail,
        errors: [{ pointer: "#/note", detail: "required for this action" }],
      });
    }
    case "not_confirmed": {
      const detail =
        'AWS may have this record. Look into AWS\'s usage report first; if it shows nothing for the hour, say so with "notHeldByAws": true.';
      return problem(c, {
        code: "invalid_request",
        detail,
        errors: [{ pointer: "#/notHeldByAws", detail: "must be true to roll over an uncertain record" }],
      });
    }
  }
}
