import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { requireAdmin } from "../access/admin.ts";
import { HOUR } from "../meter/hours.ts";
import { jsonBody } from "../http/body.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { page, pageQuery, router, type AppEnv } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { agreementSchema, presentAgreement } from "./agreement-view.ts";
import { agreementStates, findAgreement, listAgreements, type Agreement } from "../ledger/agreements.ts";
import { setOwnId } from "./own-id.ts";
import { licenseAgreement } from "./license-agreement.ts";
import { ownId } from "./customer-name.ts";
import { sealEnding } from "./ending.ts";
import {
  activateAgreement,
  endAgreement,
  type OperatorNotice,
  type OperatorOutcome,
} from "./operator-notices.ts";
import { surroundingsOf } from "./surroundings.ts";

const security = [{ adminToken: [] }];
const params = z.object({ id: z.string() });
const shown = {
  description: "The agreement",
  content: { "application/json": { schema: agreementSchema } },
};

const moment = z
  .strictObject({
    at: z.iso
      .datetime({ offset: true })
      .optional()
      .openapi({ description: "When it happened; now if absent" }),
  })
  .openapi("Moment");
const momentBody = { required: true, content: { "application/json": { schema: moment } } } as const;

export const agreementRoutes = router();
agreementRoutes.use("/v1/agreements", requireAdmin);
agreementRoutes.use("/v1/agreements/*", requireAdmin);

agreementRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/agreements",
    summary: "List agreements",
    security,
    request: {
      query: pageQuery.extend({
        product: z.string().optional(),
        customer: z.string().optional().openapi({ description: "Your own id for the customer" }),
        state: z.enum(agreementStates).optional(),
        licensed: z
          .enum(["true", "false"])
          .optional()
          .openapi({ description: "Whether its LicenseArn is known" }),
      }),
    },
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
    const { limit, licensed, state, ...query } = c.req.valid("query");
    const now = Date.now();
    const found = await listAgreements(openLedger(c.env.DB), {
      ...query,
      licensed: licensed === undefined ? undefined : licensed === "true",
      state: state === undefined ? undefined : { is: state, now },
      limit: limit + 1,
    });
    const { rows, next } = page(found, limit);
    return c.json({ agreements: rows.map((row) => presentAgreement(row, now)), next }, 200);
  },
);

agreementRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/agreements/{id}",
    summary: "Show an agreement",
    security,
    request: { params },
    responses: { 200: shown, ...problemResponses(401, 404) },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const agreement = await findAgreement(openLedger(c.env.DB), id);
    return agreement === null ? unknown(c, id) : c.json(presentAgreement(agreement, Date.now()), 200);
  },
);

agreementRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/v1/agreements/{id}",
    summary: "Set your own id for a customer, or an agreement's LicenseArn",
    description:
      "Two agreements of a product cannot share one id; one whose agreement has ended goes over to the new one. A LicenseArn is set once, for an agreement that has none.",
    security,
    middleware: jsonBody,
    request: {
      params,
      body: {
        required: true,
        content: {
          "application/json": {
            schema: z
              .strictObject({
                customer: ownId.nullable().optional(),
                licenseArn: z
                  .string()
                  .regex(/^arn:aws(-cn)?:license-manager:[a-z0-9-]*:\d{12}:license:l-[0-9A-Za-z-]{1,64}$/, {
                    error: "must be a LicenseArn: arn:aws:license-manager::<account>:license:l-…",
                  })
                  .optional(),
              })
              .refine(
                (change) => Object.keys(change).length === 1,
                "Send exactly one of customer and licenseArn",
              )
              .openapi("AgreementChange"),
          },
        },
      },
    },
    responses: { 200: shown, ...problemResponses(400, 401, 404, 409, 413, 415) },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const { customer = null, licenseArn } = c.req.valid("json");
    const ledger = openLedger(c.env.DB);
    const changed =
      licenseArn === undefined
        ? await setOwnId(ledger, id, customer)
        : await licenseAgreement(ledger, id, licenseArn);
    if (!changed.ok) return refuse(c, id, changed.reason, `"${licenseArn ?? customer ?? ""}"`);
    const agreement = await findAgreement(ledger, id);
    return agreement === null ? unknown(c, id) : c.json(presentAgreement(agreement, Date.now()), 200);
  },
);

agreementRoutes.openapi(
  createRoute({
    method: "post",
    path: "/v1/agreements/{id}/end",
    summary: "Say that an agreement ends",
    description:
      "For one whose notice was lost: AWS's notices do this by themselves. AWS takes its usage for one hour more. What is counted is sealed at once, the current hour too, and goes before everything else. Usage of later is refused.",
    security,
    middleware: jsonBody,
    request: { params, body: momentBody },
    responses: { 200: shown, ...problemResponses(400, 401, 404, 409, 413, 415) },
  }),
  async (c) => {
    const surroundings = surroundingsOf(c.env);
    return hear(c, { id: c.req.valid("param").id, ...c.req.valid("json") }, async (id, notice) => {
      const ended = await endAgreement(surroundings.ledger, id, notice);
      if (ended.ok) await sealEnding(surroundings, ended.agreement);
      return ended;
    });
  },
);

agreementRoutes.openapi(
  createRoute({
    method: "post",
    path: "/v1/agreements/{id}/activate",
    summary: "Say that an agreement is active",
    description:
      "For one whose notice was lost, or whose end was told by mistake: AWS's notices do this by themselves, and so does the first usage that AWS takes.",
    security,
    middleware: jsonBody,
    request: { params, body: momentBody },
    responses: { 200: shown, ...problemResponses(400, 401, 404, 409, 413, 415) },
  }),
  async (c) => {
    const { ledger } = surroundingsOf(c.env);
    return hear(c, { id: c.req.valid("param").id, ...c.req.valid("json") }, (id, notice) =>
      activateAgreement(ledger, id, notice),
    );
  },
);

/** AWS's last day for an hour's usage is long past by then: an earlier time is a typing mistake that would cost a customer's usage. */
const OLDEST_MOMENT = 62 * 24 * HOUR;

/** Hears what a person says about an agreement, and shows what it has become. */
async function hear(
  c: Context<AppEnv>,
  { id, at: said }: { readonly id: string; readonly at?: string | undefined },
  tell: (id: string, notice: OperatorNotice) => Promise<OperatorOutcome>,
) {
  const now = Date.now();
  const at = said === undefined ? now : Date.parse(said);
  // What has not happened would wait in the books for a day that may never come.
  if (at > now) return notAt(c, "must not be in the future");
  if (at < now - OLDEST_MOMENT) return notAt(c, "must not be more than two months ago");
  const told = await tell(id, { at, now });
  return told.ok ? c.json(presentAgreement(told.agreement, now), 200) : refuse(c, id, told.reason);
}

function notAt(c: Context<AppEnv>, detail: string) {
  return problem(c, {
    code: "invalid_request",
    detail: "The body has a field that is not valid; see errors.",
    errors: [{ pointer: "#/at", detail }],
  });
}

function unknown(c: Context<AppEnv>, id: string) {
  const detail = `There is no agreement "${id}"; GET /v1/agreements lists their ids.`;
  return problem(c, { code: "not_found", detail });
}

type Reason = "unknown" | "taken" | "known" | "contradicted";

function refuse(c: Context<AppEnv>, id: Agreement["id"], reason: Reason, what = "that") {
  switch (reason) {
    case "unknown":
      return unknown(c, id);
    case "taken":
      return problem(c, {
        code: "conflict",
        detail: `Another agreement of this product has ${what} already.`,
      });
    case "known": {
      const detail =
        "This agreement has a LicenseArn already. It cannot be changed, because its records carry it.";
      return problem(c, { code: "conflict", detail });
    }
    case "contradicted": {
      const detail = `A later notice says otherwise: see GET /v1/notices?agreement=${id}. Send a later time in "at", or leave "at" out to mean now.`;
      return problem(c, { code: "conflict", detail });
    }
  }
}
