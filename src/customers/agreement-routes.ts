import { createRoute, z } from "@hono/zod-openapi";
import { requireAdmin } from "../access/admin.ts";
import { jsonBody } from "../http/body.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { page, pageQuery, router } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { isText, NOT_TEXT } from "../text.ts";
import { MAX_NAME_LENGTH } from "../usage/parse-event.ts";
import { shardName } from "../meter/shard-name.ts";
import { listAgreements, nameCustomer, type Agreement } from "./agreements.ts";
import { endAgreement } from "./ending.ts";

const agreementSchema = z
  .object({
    id: z.string(),
    product: z.string(),
    customer: z.string().nullable().openapi({ description: "Your own id for the customer" }),
    accountId: z.string().nullable().openapi({ description: "The customer's AWS account" }),
    licenseArn: z.string().nullable(),
    customerIdentifier: z.string().nullable(),
    registeredAt: z.iso.datetime(),
    usageUntil: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "Until when AWS takes its usage; null while no end is known" }),
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
  usageUntil,
}: Agreement) => ({
  id,
  product: productId,
  customer,
  accountId,
  licenseArn,
  customerIdentifier,
  registeredAt: new Date(registeredAt).toISOString(),
  usageUntil: usageUntil === null ? null : new Date(usageUntil).toISOString(),
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
    middleware: jsonBody,
    request: {
      params: z.object({ id: z.string() }),
      body: {
        required: true,
        content: {
          "application/json": {
            schema: z
              .strictObject({
                customer: z.string().min(1).max(MAX_NAME_LENGTH).refine(isText, NOT_TEXT).nullable(),
              })
              .openapi("AgreementChange"),
          },
        },
      },
    },
    responses: {
      200: { description: "The agreement", content: { "application/json": { schema: agreementSchema } } },
      ...problemResponses(400, 401, 404, 409, 413, 415),
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

agreementRoutes.openapi(
  createRoute({
    method: "post",
    path: "/v1/agreements/{id}/end",
    summary: "Say that an agreement ends",
    description:
      "AWS takes its usage for one hour more. What is counted is sealed at once, the current hour too, and goes before everything else. Usage that comes later for a sealed hour cannot be billed any more, and waits for you.",
    security,
    middleware: jsonBody,
    request: {
      params: z.object({ id: z.string() }),
      body: {
        required: true,
        content: {
          "application/json": {
            schema: z
              .strictObject({
                at: z.iso
                  .datetime({ offset: true })
                  .optional()
                  .openapi({ description: "When it ended; now if absent" }),
              })
              .openapi("AgreementEnd"),
          },
        },
      },
    },
    responses: {
      200: { description: "The agreement", content: { "application/json": { schema: agreementSchema } } },
      ...problemResponses(400, 401, 404, 413, 415),
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const { at } = c.req.valid("json");
    const ended = await endAgreement(
      openLedger(c.env.DB),
      id,
      at === undefined ? Date.now() : Date.parse(at),
    );
    if (ended === null) {
      const detail = `There is no agreement "${id}"; GET /v1/agreements lists their ids.`;
      return problem(c, { code: "not_found", detail });
    }
    await c.env.METER_SHARD.getByName(shardName(ended.productId, ended.shard)).endAgreement(id);
    return c.json(present(ended), 200);
  },
);
