import { createRoute, z } from "@hono/zod-openapi";
import { requireAdmin } from "../access/admin.ts";
import { problemResponses } from "../http/problems.ts";
import { page, pageQuery, router } from "../http/router.ts";
import { openLedger } from "./database.ts";
import { listAttempts, type Attempt } from "./records.ts";

const attemptSchema = z
  .object({
    id: z.string(),
    product: z.string(),
    region: z.string(),
    startedAt: z.iso.datetime(),
    finishedAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "Null while it is not known whether the call reached AWS" }),
    records: z.array(z.string()).openapi({ description: "The records that it carried" }),
    requestId: z.string().nullable().openapi({ description: "AWS's own id of the call, for its support" }),
    error: z.string().nullable().openapi({
      description: "AWS's error when the call as a whole failed; each record has its own answer",
    }),
  })
  .openapi("Attempt");

const iso = (time: number): string => new Date(time).toISOString();

const present = ({ id, productId, region, startedAt, finishedAt, recordIds, requestId, error }: Attempt) => ({
  id,
  product: productId,
  region,
  startedAt: iso(startedAt),
  finishedAt: finishedAt === null ? null : iso(finishedAt),
  records: JSON.parse(recordIds) as string[],
  requestId,
  error,
});

export const attemptRoutes = router();
attemptRoutes.use("/v1/attempts", requireAdmin);

attemptRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/attempts",
    summary: "List calls of AWS",
    description: "The audit trail: each call was written down before it was made.",
    security: [{ adminToken: [] }],
    request: {
      query: pageQuery.extend({
        product: z.string().optional(),
        record: z
          .string()
          .max(600)
          .optional()
          .openapi({ description: "Only calls that have carried this record" }),
      }),
    },
    responses: {
      200: {
        description: "Calls in the order in which they were made",
        content: {
          "application/json": {
            schema: z.object({ attempts: z.array(attemptSchema), next: z.string().nullable() }),
          },
        },
      },
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, ...query } = c.req.valid("query");
    const found = await listAttempts(openLedger(c.env.DB), { ...query, limit: limit + 1 });
    const { rows, next } = page(found, limit);
    return c.json({ attempts: rows.map(present), next }, 200);
  },
);
