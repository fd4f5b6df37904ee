import { createRoute, z } from "@hono/zod-openapi";
import { requireAdmin } from "../access/admin.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { page, pageQuery, router } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { withDefaults } from "./dimensions.ts";
import { newProductSchema, productSchema } from "./product-schema.ts";
import { createProduct, findProduct, listProducts, type Product } from "./products.ts";

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
      dimensions: dimensions.map(withDefaults),
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
