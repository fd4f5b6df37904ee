import { createRoute, z } from "@hono/zod-openapi";
import { createMiddleware } from "hono/factory";
import { isAdmin } from "../../access/admin.ts";
import { productOfKey } from "../../access/keys.ts";
import { bearerToken } from "../../access/tokens.ts";
import { jsonBody } from "../../http/body.ts";
import { problem, problemResponses, type ProblemOptions } from "../../http/problems.ts";
import { router, type AppEnv } from "../../http/router.ts";
import { agreementSchema, presentAgreement } from "../agreement-view.ts";
import { ownId } from "../customer-name.ts";
import { redeemCode, type Redeemed, type Redemption } from "./codes.ts";
import { REGISTRATION_SECRET_MISSING } from "../secrets.ts";
import { surroundingsOf } from "../surroundings.ts";

interface RedeemEnv extends AppEnv {
  Variables: {
    /** The product whose key was sent; null for the operator, who may redeem for all. */
    redeemFor: string | null;
  };
}

/** Lets the seller's backend in, which has an ingest key; and the operator. */
const requireKey = createMiddleware<RedeemEnv>(async (c, next) => {
  const { ledger } = surroundingsOf(c.env);
  const header = c.req.header("authorization");
  const key = bearerToken(header);
  const admin = await isAdmin(c.env, header);
  const product = admin || key === null ? null : await productOfKey(ledger, key);
  if (!admin && product === null) {
    return problem(c, {
      code: "unauthorized",
      detail: "Send an ingest key of the product: `Authorization: Bearer mgk_...`. POST /v1/keys makes one.",
      headers: { "www-authenticate": 'Bearer realm="metergate registration"' },
    });
  }
  c.set("redeemFor", product);
  return next();
});

export const redeemRoutes = router<RedeemEnv>();
redeemRoutes.use("/v1/registrations/redeem", requireKey);

redeemRoutes.openapi(
  createRoute({
    method: "post",
    path: "/v1/registrations/redeem",
    summary: "Redeem the one-time code that a customer brings to your sign-up page",
    description:
      "From your backend, once, within ten minutes: it answers with the agreement of the customer in front of you, and sets your own id for it. A code that is refused for another reason than being over still holds.",
    security: [{ ingestKey: [] }, { adminToken: [] }],
    middleware: jsonBody,
    request: {
      body: {
        required: true,
        content: {
          "application/json": {
            schema: z
              .strictObject({
                code: z.string().min(1).max(500).openapi({ description: "registration_code of the address" }),
                customer: ownId.optional().openapi({
                  description: "Your own id for the customer, to be used in usage events",
                }),
                preview: z.boolean().default(false).openapi({
                  description:
                    "Only shows the agreement, to ask the customer whether it is theirs: the code still holds, and nothing is set",
                }),
              })
              .openapi("Redemption"),
          },
        },
      },
    },
    responses: {
      200: { description: "The agreement", content: { "application/json": { schema: agreementSchema } } },
      ...problemResponses(400, 401, 404, 409, 410, 413, 415, 503),
    },
  }),
  async (c) => {
    const { code, customer = null, preview } = c.req.valid("json");
    const { ledger, secret, now } = surroundingsOf(c.env);
    if (secret === null) return problem(c, { code: "not_configured", detail: REGISTRATION_SECRET_MISSING });
    const redemption = { code, customer, preview, productId: c.get("redeemFor"), now: now() };
    const redeemed = await redeemCode(ledger, secret, redemption);
    return redeemed.ok
      ? c.json(presentAgreement(redeemed.agreement, now()), 200)
      : problem(c, refusalOf(redeemed, redemption));
  },
);

function refusalOf(
  refusal: Exclude<Redeemed, { ok: true }>,
  { customer, preview }: Pick<Redemption, "customer" | "preview">,
): ProblemOptions<"not_found" | "gone" | "conflict"> {
  switch (refusal.reason) {
    case "unknown":
      return {
        code: "not_found",
        detail:
          "There is no such registration code for this product. Send it exactly as it appears in the address.",
      };
    case "expired":
      return {
        code: "gone",
        detail:
          'This registration code has expired. The customer presses "Set up your account" on AWS Marketplace again.',
      };
    case "redeemed":
      return {
        code: "gone",
        detail:
          'This registration code has been redeemed before. If that was you and the answer was lost: the operator names the agreement by PATCH /v1/agreements/:id, or the customer presses "Set up your account" on AWS Marketplace again.' +
          (preview ? "" : ' To look before redeeming, send "preview": true.'),
      };
    case "taken":
      return {
        code: "conflict",
        detail: `"${customer}" names another agreement of this product already${refusal.holder === null ? "" : `, ${refusal.holder}`}, and usage by that id is counted there. Redeem the code, which still holds, with an id that is this agreement's alone; an id of yours goes over once the agreement that has it has ended.`,
      };
    case "named":
      return {
        code: "conflict",
        detail: `This customer is known as "${refusal.customer}" already, and its usage is posted under that. PATCH /v1/agreements/:id changes it. The code still holds.`,
      };
  }
}
