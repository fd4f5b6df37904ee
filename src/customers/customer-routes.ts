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
import type { Agreement } from "../ledger/agreements.ts";
import { agreementSchema, contactSchema, entitlementSchema, presentAgreement } from "./agreement-view.ts";
import { agreementIdsOf, agreementsOf, listCustomers } from "./customers.ts";
import { entitlementsOf, presentEntitlement } from "./contracts/entitlement-rows.ts";
import { noticeSchema, presentNotice } from "./notices/notice-routes.ts";
import { latestNotices } from "./notices/notices.ts";
import { contactsOf, eraseContacts, type Contact } from "./registration/sign-up.ts";
import { conservationOf } from "../ledger/conservation.ts";
import { surroundingsOf, type Surroundings } from "./surroundings.ts";

/** What a person looks at; the lists of records and notices have all. */
const LATEST = 50;

/** With records and notices, an agreement is some 80 kB. */
const detailedLimit = z.coerce
  .number()
  .int()
  .min(1)
  .max(100)
  .default(20)
  .openapi({ description: "Agreements a page" });

const security = [{ adminToken: [] }];
const params = z.object({ id: z.string() });

const customerId = z.string().openapi({
  description: "The AWS account; where AWS has told none, its legacy id of the customer",
});

const customerSchema = z
  .object({
    id: customerId,
    agreements: z.array(agreementSchema),
    next: z.string().nullable().openapi({
      description: "For a customer with more agreements: `after`, to go on with at GET /v1/customers/{id}",
    }),
  })
  .openapi("Customer");

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
    next: z.string().nullable(),
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
            "The beginning of your own id or of an e-mail address, which finds a thousand agreements at the most; or the whole of an AWS account, LicenseArn, agreement id or CustomerIdentifier",
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
    const customers = rows.map((customer) => ({
      ...customer,
      agreements: customer.agreements.map((agreement) => presentAgreement(agreement, now)),
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
    request: { params, query: pageQuery.extend({ limit: detailedLimit }) },
    responses: {
      200: {
        description: "The customer, with agreements in the order of their ids",
        content: { "application/json": { schema: detailedSchema } },
      },
      ...problemResponses(400, 401, 404),
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const { limit, after } = c.req.valid("query");
    const surroundings = surroundingsOf(c.env);
    const found = await agreementsOf(surroundings.ledger, id, { limit: limit + 1, after });
    if (found === null) return unknown(c, id);
    const { rows, next } = page(found, limit);
    return c.json({ id, agreements: await detailsOf(surroundings, rows), next }, 200);
  },
);

/** What a person looks at of agreements: as many queries and calls of a shard for a page as for one. */
async function detailsOf(surroundings: Surroundings, agreements: readonly Agreement[]) {
  const { ledger, now } = surroundings;
  const ids = agreements.map(({ id }) => id);
  const [contacts, entitlements, usage, records, notices] = await Promise.all([
    contactsOf(ledger, ids),
    entitlementsOf(ledger, ids),
    conservationOf(surroundings.shards, agreements),
    latestRecords(ledger, ids, LATEST),
    latestNotices(ledger, ids, LATEST),
  ]);
  return agreements.map((agreement) => {
    const { id } = agreement;
    const isIts = ({ agreementId }: { readonly agreementId: string | null }) => agreementId === id;
    return {
      agreement: presentAgreement(agreement, now()),
      contact: presentContact(contacts.find(isIts)),
      entitlements: entitlements.filter(isIts).map(presentEntitlement),
      usage: usage
        .filter((row) => row.agreement === id)
        .map((row) => ({ dimension: row.dimension, ...presentPlaces(row) })),
      records: records.filter(isIts).map(presentRecord),
      notices: notices.filter(isIts).map(presentNotice),
    };
  });
}

function presentContact(contact: Contact | undefined) {
  if (contact === undefined) return null;
  const { email, name, company, givenAt } = contact;
  return { email, name, company, givenAt: new Date(givenAt).toISOString() };
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
    const ids = await agreementIdsOf(ledger, id);
    if (ids.length === 0) return unknown(c, id);
    return c.json({ erased: await eraseContacts(ledger, ids) }, 200);
  },
);

function unknown(c: Context<AppEnv>, id: string) {
  const detail = `There is no customer "${id}"; GET /v1/customers lists and searches them.`;
  return problem(c, { code: "not_found", detail });
}
