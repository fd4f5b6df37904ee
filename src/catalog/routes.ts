import { createRoute, z } from "@hono/zod-openapi";
import { requireAdmin } from "../access/admin.ts";
import { jsonBody } from "../http/body.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { page, pageQuery, router } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { changeProduct, type ChangedProduct } from "./change-product.ts";
import { MAX_DIMENSIONS, withDefaults } from "./dimensions.ts";
import { newProductSchema, productChangeSchema, productSchema } from "./product-schema.ts";
import { createProduct, findProduct, listProducts, type Product } from "./products.ts";

const isoTime = (time: number): string => new Date(time).toISOString();

const present = ({ dimensions, snsTopics, concurrentAgreementsFrom, createdAt, ...product }: Product) => ({
  ...product,
  snsTopics: [...snsTopics],
  dimensions: [...dimensions],
  concurrentAgreementsFrom: concurrentAgreementsFrom === null ? null : isoTime(concurrentAgreementsFrom),
  createdAt: isoTime(createdAt),
});

const security = [{ adminToken: [] }];

export const catalogRoutes = router();
catalogRoutes.use("/v1/products", requireAdmin);
catalogRoutes.use("/v1/products/*", requireAdmin);

catalogRoutes.openapi(
  createRoute({
    method: "post",
    path: "/v1/products",
    summary: "Add a product",
    security,
    middleware: jsonBody,
    request: { body: { required: true, content: { "application/json": { schema: newProductSchema } } } },
    responses: {
      201: { description: "The product", content: { "application/json": { schema: productSchema } } },
      ...problemResponses(400, 401, 409, 413, 415),
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

catalogRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/v1/products/{id}",
    summary: "Change a product, or add dimensions to it",
    description:
      "What is absent stays as it is, dimensions that are not named, too. Of a dimension that is there only `late` and `included` can change. Takes effect within 10 seconds everywhere.",
    security,
    middleware: jsonBody,
    request: {
      params: z.object({ id: z.string() }),
      body: { required: true, content: { "application/json": { schema: productChangeSchema } } },
    },
    responses: {
      200: { description: "The product", content: { "application/json": { schema: productSchema } } },
      ...problemResponses(400, 401, 404, 409, 413, 415),
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const { concurrentAgreementsFrom: from, ...settings } = c.req.valid("json");
    const change = {
      ...settings,
      ...(from !== undefined && { concurrentAgreementsFrom: from === null ? null : Date.parse(from) }),
    };
    const changed = await changeProduct(openLedger(c.env.DB), id, change, Date.now());
    return changed.ok ? c.json(present(changed.product), 200) : problem(c, refusalOf(id, changed));
  },
);

function refusalOf(id: string, refusal: Exclude<ChangedProduct, { ok: true }>) {
  switch (refusal.reason) {
    case "unknown": {
      const detail = `There is no product "${id}"; GET /v1/products lists their ids.`;
      return { code: "not_found", detail } as const;
    }
    case "fewer_shards": {
      const detail = `Product "${id}" has ${refusal.shards} shards, and agreements stay on the shard that has counted for them: shards can be raised, not lowered.`;
      return { code: "conflict", detail } as const;
    }
    case "counted_otherwise": {
      const { name, aggregation, divisor, uniqueTag } = refusal.dimension;
      const counted = `aggregation "${aggregation}", divisor ${divisor}${uniqueTag === null ? "" : `, uniqueTag "${uniqueTag}"`}`;
      const detail = `Dimension "${name}" of product "${id}" counts with ${counted}; otherwise, what has been counted would change its meaning. Only late and included can change. To count in another way, add a dimension with another name.`;
      return { code: "conflict", detail } as const;
    }
    case "too_many_dimensions": {
      const detail = `Product "${id}" would have ${refusal.count} dimensions; it can have ${MAX_DIMENSIONS}.`;
      return { code: "conflict", detail } as const;
    }
    case "no_contract": {
      const detail = `Dimension "${refusal.dimension}" would include a quantity of the customer's contract, and product "${id}" has "contract": false.`;
      return { code: "conflict", detail } as const;
    }
    case "moved_already": {
      const detail = `Product "${id}" is metered by LicenseArn already; AWS knows no way back.`;
      return { code: "conflict", detail } as const;
    }
    case "move_too_early": {
      const detail = `Hours that have begun stay with ProductCode, or AWS would bill them twice: the move can be at ${isoTime(refusal.earliest)} or later.`;
      return { code: "conflict", detail } as const;
    }
    case "licenses_missing": {
      const detail = `${refusal.count} agreements of product "${id}" have no LicenseArn to be metered by: GET /v1/agreements?product=${encodeURIComponent(id)}&licensed=false lists them. The customer comes by AWS's button once more, or you set it with PATCH /v1/agreements/:id.`;
      return { code: "conflict", detail } as const;
    }
    case "invalid_unique_tag": {
      const { index, detail } = refusal;
      const errors = [{ pointer: `#/dimensions/${index}/uniqueTag`, detail }];
      return { code: "invalid_request", detail, errors } as const;
    }
  }
}
