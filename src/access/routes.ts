import { createRoute, z } from "@hono/zod-openapi";
import { findProduct } from "../catalog/products.ts";
import { jsonBody } from "../http/body.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { page, pageQuery, router } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { isText, NOT_TEXT } from "../text.ts";
import { requireAdmin } from "./admin.ts";
import { createKey, listKeys, revokeKey } from "./keys.ts";

const keyFields = {
  id: z.string(),
  product: z.string(),
  name: z.string().nullable(),
  createdAt: z.iso.datetime(),
};

const createdKeySchema = z
  .object({ ...keyFields, key: z.string().openapi({ description: "Shown this once; only a hash is kept" }) })
  .openapi("CreatedKey");

const keySchema = z.object({ ...keyFields, revokedAt: z.iso.datetime().nullable() }).openapi("Key");

const isoTime = (time: number): string => new Date(time).toISOString();
const security = [{ adminToken: [] }];

export const accessRoutes = router();
accessRoutes.use("/v1/keys", requireAdmin);
accessRoutes.use("/v1/keys/*", requireAdmin);

accessRoutes.openapi(
  createRoute({
    method: "post",
    path: "/v1/keys",
    summary: "Make an ingest key",
    security,
    middleware: jsonBody,
    request: {
      body: {
        required: true,
        content: {
          "application/json": {
            schema: z
              .strictObject({
                product: z.string(),
                name: z.string().max(200).refine(isText, NOT_TEXT).optional(),
              })
              .openapi("NewKey"),
          },
        },
      },
    },
    responses: {
      201: { description: "The key", content: { "application/json": { schema: createdKeySchema } } },
      ...problemResponses(400, 401, 404, 413, 415),
    },
  }),
  async (c) => {
    const { product, name = null } = c.req.valid("json");
    const ledger = openLedger(c.env.DB);
    if ((await findProduct(ledger, product)) === null) {
      return problem(c, {
        code: "not_found",
        detail: `There is no product "${product}"; GET /v1/products lists their ids.`,
      });
    }
    const now = Date.now();
    const created = await createKey(ledger, { productId: product, name, now });
    return c.json({ ...created, product, name, createdAt: isoTime(now) }, 201);
  },
);

accessRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/keys",
    summary: "List ingest keys",
    security,
    request: { query: pageQuery },
    responses: {
      200: {
        description: "Keys without their secret",
        content: {
          "application/json": { schema: z.object({ keys: z.array(keySchema), next: z.string().nullable() }) },
        },
      },
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, after } = c.req.valid("query");
    const { rows, next } = page(await listKeys(openLedger(c.env.DB), { limit: limit + 1, after }), limit);
    const keys = rows.map(({ id, productId, name, createdAt, revokedAt }) => ({
      id,
      product: productId,
      name,
      createdAt: isoTime(createdAt),
      revokedAt: revokedAt === null ? null : isoTime(revokedAt),
    }));
    return c.json({ keys, next }, 200);
  },
);

accessRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/v1/keys/{id}",
    summary: "Revoke an ingest key",
    description: "Takes effect within 10 seconds everywhere. Usage that came by it stays.",
    security,
    request: { params: z.object({ id: z.string() }) },
    responses: { 204: { description: "Revoked, now or before" }, ...problemResponses(401, 404) },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    if (!(await revokeKey(openLedger(c.env.DB), id, Date.now()))) {
      return problem(c, {
        code: "not_found",
        detail: `There is no key "${id}"; GET /v1/keys lists their ids.`,
      });
    }
    return c.body(null, 204);
  },
);
