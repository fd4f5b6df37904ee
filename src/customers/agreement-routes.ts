import { createRoute, z } from "@hono/zod-openapi";
import { requireAdmin } from "../access/admin.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { page, pageQuery, router } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { MAX_NAME_LENGTH } from "../usage/parse-event.ts";
import { listAgreements, nameCustomer, type Agreement } from "./agreements.ts";

const agreementSchema = z
  .object({
    id: z.string(),
    product: z.string(),
    customer: z.string().nullable().openapi({ description: "Your own id for the customer" }),
    accountId: z.string().nullable().openapi({ description: "The customer's AWS account" }),
    licenseArn: z.string().nullable(),
    customerIdentifier: z.string().nullable(),
    registeredAt: z.iso.datetime(),
  })
  .openapi("Agreement");

const present = ({
  id,
  productId,
  customer,
  accountId,
  licenseArn,
  customerIdentifier,
  registeredAt,
}: Agreement) => ({
  id,
  product: productId,
  customer,
  accountId,
  licenseArn,
  customerIdentifier,
  registeredAt: new Date(registeredAt).toISOString(),
});

const security = [{ adminToken: [] }];

export const agreementRoutes = router();
agreementRoutes.use("/v1/agreements", requireAdmin);
agreementRoutes.use("/v1/agreements/*", requireAdmin);

agreementRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/agreements",
    summary: "List agreements",
    security,
    request: { query: pageQuery.extend({ product: z.string().optional() }) },
    responses: {
      200: {
        description: "Agreements in the order of their ids",
        content: {
          "application/json": {
            schema: z.object({ agreements: z.array(agreementSchema), next: z.string().nullable() }),
          },
        },
      },
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, ...query } = c.req.valid("query");
    const { rows, next } = page(
      await listAgreements(openLedger(c.env.DB), { ...query, limit: limit + 1 }),
      limit,
    );
    return c.json({ agreements: rows.map(present), next }, 200);
  },
);

agreementRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/v1/agreements/{id}",
    summary: "Set your own id for a customer",
    security,
    request: {
      params: z.object({ id: z.string() }),
      body: {
        required: true,
        content: {
          "application/json": {
            schema: z
              .strictObject({ customer: z.string().min(1).max(MAX_NAME_LENGTH).nullable() })
              .openapi("AgreementChange"),
          },
        },
      },
    },
    responses: {
      200: { description: "The agreement", content: { "application/json": { schema: agreementSchema } } },
      ...problemResponses(400, 401, 404, 409),
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const { customer } = c.req.valid("json");
    const named = await nameCustomer(openLedger(c.env.DB), id, customer);
    if (named.ok) return c.json(present(named.agreement), 200);
    switch (named.reason) {
      case "unknown":
        return problem(c, {
          code: "not_found",
          detail: `There is no agreement "${id}"; GET /v1/agreements lists their ids.`,
        });
      case "taken":
        return problem(c, {
          code: "conflict",
          detail: `"${customer}" is your id for another agreement of this product already.`,
        });
    }
  },
);
