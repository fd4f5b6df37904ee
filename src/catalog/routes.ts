import { createRoute, z } from "@hono/zod-openapi";
import { requireAdmin } from "../access/admin.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { page, pageQuery, router } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { createProduct, findProduct, listProducts, type Product } from "./products.ts";

const HOUR_SECONDS = 3600;

const fields = {
  name: z.string().min(1).max(200),
  productCode: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[-a-zA-Z0-9/=:_.@]*$/)
    .openapi({ description: "AWS's product code of the listing (not its prod- id)" }),
  region: z
    .string()
    .regex(/^[a-z]{2,}(-[a-z]+)+-\d+$/)
    .openapi({
      description: "The one Region this product is metered in. AWS dedupes per Region, so it never changes",
    }),
  concurrentAgreements: z.boolean().openapi({
    description: "Records carry LicenseArn (products since June 2026, or opted in); otherwise ProductCode",
  }),
  signUpUrl: z
    .url({ protocol: /^https?$/ })
    .openapi({ description: "Where customers go after registration" }),
  dimensions: z.array(z.string().min(1).max(255)).min(1).max(200),
  settleSeconds: z
    .number()
    .int()
    .min(0)
    .max(6 * HOUR_SECONDS)
    .openapi({ description: "How long an hour stays open after its end" }),
  lateSettleSeconds: z.number().int().min(0).max(HOUR_SECONDS).openapi({
    description: "How long an ended hour stays open after its newest usage",
  }),
  shards: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .openapi({ description: "Meter shards that new agreements are spread over" }),
};

const id = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/, "1 to 64 letters, digits, _ . -");

const newProductSchema = z
  .strictObject({
    ...fields,
    id: id.optional().openapi({ description: "Your name for it in this API; the product code if absent" }),
    name: fields.name.optional(),
    region: fields.region.default("us-east-1"),
    concurrentAgreements: fields.concurrentAgreements.default(true),
    settleSeconds: fields.settleSeconds.default(900),
    lateSettleSeconds: fields.lateSettleSeconds.default(300),
    shards: fields.shards.default(1),
  })
  .openapi("NewProduct");

const productSchema = z.object({ id, ...fields, createdAt: z.iso.datetime() }).openapi("Product");

const present = (product: Product) => ({
  ...product,
  dimensions: [...product.dimensions],
  createdAt: new Date(product.createdAt).toISOString(),
});

const security = [{ adminToken: [] }];

export const catalogRoutes = router();
catalogRoutes.use("/v1/products", requireAdmin);

catalogRoutes.openapi(
  createRoute({
    method: "post",
    path: "/v1/products",
    summary: "Add a product",
    security,
    request: { body: { required: true, content: { "application/json": { schema: newProductSchema } } } },
    responses: {
      201: { description: "The product", content: { "application/json": { schema: productSchema } } },
      ...problemResponses(400, 401, 409),
    },
  }),
  async (c) => {
    const { dimensions, ...body } = c.req.valid("json");
    const ledger = openLedger(c.env.DB);
    const product = {
      ...body,
      id: body.id ?? body.productCode,
      name: body.name ?? body.id ?? body.productCode,
      dimensions: [...new Set(dimensions)].toSorted(),
    };
    if (!(await createProduct(ledger, product, Date.now()))) {
      const detail = `A product with id "${product.id}" or product code "${product.productCode}" is there already; GET /v1/products lists it.`;
      return problem(c, { code: "conflict", detail });
    }
    const stored = await findProduct(ledger, product.id);
    if (stored === null) throw new Error("a product that was just inserted is not there");
    return c.json(present(stored), 201);
  },
);

catalogRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/products",
    summary: "List products",
    security,
    request: { query: pageQuery },
    responses: {
      200: {
        description: "Products in the order of their ids",
        content: {
          "application/json": {
            schema: z.object({ products: z.array(productSchema), next: z.string().nullable() }),
          },
        },
      },
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, after } = c.req.valid("query");
    const { rows, next } = page(await listProducts(openLedger(c.env.DB), { limit: limit + 1, after }), limit);
    return c.json({ products: rows.map(present), next }, 200);
  },
);
