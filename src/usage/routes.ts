import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { bearerToken } from "../access/tokens.ts";
import { productOfKey } from "../access/keys.ts";
import { recallProduct } from "../catalog/products.ts";
import { tellRefused } from "../customers/refused-usage.ts";
import { MAX_NAME_LENGTH } from "../customers/customer-name.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { router, type AppEnv } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { ingest } from "./ingest.ts";
import { MAX_DIMENSION_LENGTH, MAX_ID_LENGTH, MAX_TAGS } from "./parse-event.ts";
import { MAX_EVENTS, readBody } from "./read-body.ts";
import { rejectionCodes } from "./rejections.ts";
import type { EventResult } from "./results.ts";

const eventSchema = z
  .object({
    id: z
      .string()
      .min(1)
      .max(MAX_ID_LENGTH)
      .openapi({ description: "Idempotency key: counts once per agreement" }),
    customer: z.string().min(1).max(MAX_NAME_LENGTH).openapi({
      description:
        "Your own id for the customer, an AWS account id, a LicenseArn or a legacy CustomerIdentifier",
    }),
    dimension: z.string().min(1).max(MAX_DIMENSION_LENGTH),
    quantity: z
      .union([z.number().min(0), z.string()])
      .optional()
      .openapi({
        description:
          "Number or decimal string, up to 9 decimals; may be left out where a dimension counts different values of a tag",
      }),
    timestamp: z
      .union([z.string(), z.number()])
      .optional()
      .openapi({ description: "RFC 3339 or epoch seconds; now if absent" }),
    tags: z
      .record(z.string(), z.string())
      .optional()
      .openapi({ description: `Up to ${MAX_TAGS}; become UsageAllocations` }),
  })
  .openapi("UsageEvent");

const voidSchema = z
  .object({
    id: eventSchema.shape.id,
    customer: eventSchema.shape.customer,
    voids: z.string().min(1).max(MAX_ID_LENGTH).openapi({
      description:
        "The id of an earlier event of the customer: taken back from its open hour, or credited to the coming ones",
    }),
  })
  .openapi("VoidEvent");

const postedSchema = z.union([eventSchema, voidSchema]);

const answerSchema = z
  .object({
    accepted: z.number().int(),
    duplicates: z.number().int(),
    rejected: z.number().int(),
    results: z.array(
      z.object({
        index: z.number().int(),
        id: z.string().nullable(),
        status: z.enum(["accepted", "duplicate", "rejected"]),
        billedHour: z
          .string()
          .optional()
          .openapi({ description: "For late usage: the hour whose record bills it" }),
        held: z
          .literal(true)
          .optional()
          .openapi({ description: "Late usage that is counted and waits for a person" }),
        voided: z.enum(["removed", "credited"]).optional().openapi({
          description: "For a voiding: taken back from its open hour, or credited to the coming ones",
        }),
        error: z.object({ code: z.enum(rejectionCodes), field: z.string(), detail: z.string() }).optional(),
      }),
    ),
  })
  .openapi("UsageAnswer");

const answer = (description: string) => ({
  description,
  content: { "application/json": { schema: answerSchema } },
});

export const usageRoutes = router();

// Described here, checked by hand: events are refused one by one, and a schema library is too slow for a thousand.
usageRoutes.openAPIRegistry.registerPath({
  method: "post",
  path: "/v1/usage",
  summary: "Post usage",
  security: [{ ingestKey: [] }],
  request: {
    body: {
      content: {
        "application/json": { schema: z.union([postedSchema, z.array(postedSchema).min(1).max(MAX_EVENTS)]) },
      },
    },
  },
  responses: {
    202: answer("Everything accepted is on disk and will be billed exactly once"),
    422: answer("No event was accepted; each result says why"),
    ...problemResponses(400, 401, 413, 415, 429, 503),
  },
});

usageRoutes.post("/v1/usage", async (c) => {
  const receivedAt = Date.now();
  const ledger = openLedger(c.env.DB);
  const key = bearerToken(c.req.header("authorization"));
  const productId = key === null ? null : await productOfKey(ledger, key);
  const product = productId === null ? null : await recallProduct(ledger, productId);
  if (product === null) return refuseKey(c);

  const body = await readBody(c.req.raw);
  if (!body.ok) return problem(c, body.problem);
  const ingested = await ingest({ ledger, shards: c.env.METER_SHARD, product, receivedAt }, body.events);
  if (ingested.kind === "overloaded") return overloaded(c);
  if (ingested.ended.size > 0) c.executionCtx.waitUntil(tellRefused(ledger, [...ingested.ended], receivedAt));
  const counts = countStatuses(ingested.results);
  return c.json(
    { ...counts, results: ingested.results },
    counts.accepted + counts.duplicates === 0 ? 422 : 202,
  );
});

function countStatuses(results: readonly EventResult[]) {
  const counts = { accepted: 0, duplicates: 0, rejected: 0 };
  for (const { status } of results) counts[status === "duplicate" ? "duplicates" : status] += 1;
  return counts;
}

function refuseKey(c: Context<AppEnv>): Response {
  const detail =
    "Send an ingest key that is in force: `Authorization: Bearer mgk_...`. POST /v1/keys makes one.";
  return problem(c, {
    code: "unauthorized",
    detail,
    headers: { "www-authenticate": 'Bearer realm="metergate usage"' },
  });
}

function overloaded(c: Context<AppEnv>): Response {
  const detail =
    "Usage comes in faster than it can be written. Send the same request again; what is counted already will be a duplicate.";
  return problem(c, { code: "overloaded", detail, headers: { "retry-after": "1" } });
}
