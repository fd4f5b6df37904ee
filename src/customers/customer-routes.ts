import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { requireAdmin } from "../access/admin.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { page, pageQuery, router, type AppEnv } from "../http/router.ts";
import { places, presentPlaces } from "../ledger/conservation-view.ts";
import { openLedger } from "../ledger/database.ts";
import { presentRecord, recordSchema } from "../ledger/record-view.ts";
import { latestRecords } from "../ledger/records.ts";
import { isText, NOT_TEXT } from "../text.ts";
import type { Agreement } from "./agreements.ts";
import { agreementSchema, contactSchema, entitlementSchema, presentAgreement } from "./agreement-view.ts";
import { findCustomer, listCustomers } from "./customers.ts";
import { entitlementsOf, presentEntitlement } from "./contracts/entitlements.ts";
import { noticeSchema, presentNotice } from "./notices/notice-routes.ts";
import { noticesOf } from "./notices/notices.ts";
import { contactsOf, eraseContacts } from "./registration/sign-up.ts";
import { shardOf, surroundingsOf, type Surroundings } from "./surroundings.ts";

/** What a person looks at; the lists of records and notices have all. */
const LATEST = 50;

const security = [{ adminToken: [] }];
const params = z.object({ id: z.string() });

const customerId = z.string().openapi({
  description: "The AWS account; where AWS has told none, its legacy id of the customer",
});

const customerSchema = z.object({ id: customerId, agreements: z.array(agreementSchema) }).openapi("Customer");

const detailedSchema = z
  .object({
    id: customerId,
    agreements: z.array(
      z.object({
        agreement: agreementSchema,
        contact: contactSchema.nullable().openapi({ description: "From the gateway's own sign-up page" }),
        entitlements: z.array(entitlementSchema),
        usage: z.array(z.object({ dimension: z.string(), ...places })),
        records: z.array(recordSchema).openapi({ description: `The latest ${LATEST}` }),
        notices: z.array(noticeSchema).openapi({ description: `The latest ${LATEST}` }),
      }),
    ),
  })
  .openapi("CustomerDetails");

export const customerRoutes = router();
customerRoutes.use("/v1/customers", requireAdmin);
customerRoutes.use("/v1/customers/*", requireAdmin);

customerRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/customers",
    summary: "List or search customers",
    security,
    request: {
      query: pageQuery.extend({
        search: z.string().min(1).max(2048).refine(isText, NOT_TEXT).optional().openapi({
          description:
            "The beginning of your own id or of an e-mail address; or the whole of an AWS account, LicenseArn, agreement id or CustomerIdentifier",
        }),
      }),
    },
    responses: {
      200: {
        description: "Customers in the order of their ids, with their agreements",
        content: {
          "application/json": {
            schema: z.object({ customers: z.array(customerSchema), next: z.string().nullable() }),
          },
        },
      },
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, ...query } = c.req.valid("query");
    const now = Date.now();
    const found = await listCustomers(openLedger(c.env.DB), { ...query, limit: limit + 1 });
    const { rows, next } = page(found, limit);
    const customers = rows.map(({ id, agreements }) => ({
      id,
      agreements: agreements.map((agreement) => presentAgreement(agreement, now)),
    }));
    return c.json({ customers, next }, 200);
  },
);

customerRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/customers/{id}",
    summary: "Show a customer with agreements, notices, usage and records",
    security,
    request: { params },
    responses: {
      200: { description: "The customer", content: { "application/json": { schema: detailedSchema } } },
      ...problemResponses(401, 404),
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const surroundings = surroundingsOf(c.env);
    const customer = await findCustomer(surroundings.ledger, id);
    if (customer === null) return unknown(c, id);
    const agreements = await Promise.all(
      customer.agreements.map((agreement) => detailsOf(surroundings, agreement)),
    );
    return c.json({ id, agreements }, 200);
  },
);

async function detailsOf(surroundings: Surroundings, agreement: Agreement) {
  const { ledger, now } = surroundings;
  const { id } = agreement;
  const [[contact], entitlements, usage, records, notices] = await Promise.all([
    contactsOf(ledger, [id]),
    entitlementsOf(ledger, id),
    shardOf(surroundings, agreement).conservation([id]),
    latestRecords(ledger, id, LATEST),
    noticesOf(ledger, id),
  ]);
  return {
    agreement: presentAgreement(agreement, now()),
    contact:
      contact === undefined
        ? null
        : {
            email: contact.email,
            name: contact.name,
            company: contact.company,
            givenAt: new Date(contact.givenAt).toISOString(),
          },
    entitlements: entitlements.map(presentEntitlement),
    usage: usage.map((row) => ({ dimension: row.dimension, ...presentPlaces(row) })),
    records: records.map(presentRecord),
    notices: notices.slice(-LATEST).map(presentNotice),
  };
}

customerRoutes.openapi(
  createRoute({
    method: "delete",
    path: "/v1/customers/{id}/personal-data",
    summary: "Erase a customer's personal data",
    description:
      "What the customer wrote on the gateway's own page, and the webhook messages that have told it. Agreements, usage and records stay as they are: the books know nothing of it.",
    security,
    request: { params },
    responses: {
      200: {
        description: "How many agreements had any",
        content: {
          "application/json": { schema: z.object({ erased: z.number().int() }).openapi("Erasure") },
        },
      },
      ...problemResponses(401, 404),
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const ledger = openLedger(c.env.DB);
    const customer = await findCustomer(ledger, id);
    if (customer === null) return unknown(c, id);
    const ids = customer.agreements.map((agreement) => agreement.id);
    return c.json({ erased: await eraseContacts(ledger, ids) }, 200);
  },
);

function unknown(c: Context<AppEnv>, id: string) {
  const detail = `There is no customer "${id}"; GET /v1/customers lists and searches them.`;
  return problem(c, { code: "not_found", detail });
}
