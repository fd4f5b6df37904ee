import { z, type OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../http/router.ts";
import { describeMessage, type MessageDescription } from "../webhooks/describe.ts";
import type { AgreementMessage } from "../webhooks/messages.ts";
import { agreementSchema, contactSchema, entitlementSchema } from "./agreement-view.ts";

const messages: Record<AgreementMessage, Pick<MessageDescription, "summary" | "data">> = {
  "agreement.registered": {
    summary:
      "A customer has arrived, or has come back after an end and AWS has not said yet that it is active",
    data: agreementSchema,
  },
  "agreement.signed_up": {
    summary: "A customer has filled in the gateway's own page. Nobody has verified what it says",
    data: agreementSchema.extend({ contact: contactSchema.omit({ givenAt: true }) }),
  },
  "agreement.activated": { summary: "AWS bills it from now on", data: agreementSchema },
  "agreement.ending": { summary: "It has ended; the last usage is on its way", data: agreementSchema },
  "agreement.ended": { summary: "Its final hour is over; see unbilled", data: agreementSchema },
  "agreement.entitlements_changed": {
    summary: "The contract includes something else",
    data: agreementSchema.extend({ entitlements: z.array(entitlementSchema) }),
  },
  "usage.refused": {
    summary: "Usage of an agreement that has ended was refused; once a day for each",
    data: agreementSchema,
  },
};

/** Describes the messages about agreements in the API. */
export function describeAgreementMessages(app: OpenAPIHono<AppEnv>): void {
  for (const [type, { summary, data }] of Object.entries(messages))
    describeMessage(app, { type, summary, data });
}
