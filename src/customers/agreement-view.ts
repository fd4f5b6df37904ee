import { z } from "@hono/zod-openapi";
import { agreementStates, stateOf, type Agreement } from "../ledger/agreements.ts";

const time = z.iso.datetime().nullable();

/** An agreement as the API and the webhooks show it. */
export const agreementSchema = z
  .object({
    id: z.string(),
    product: z.string(),
    customer: z.string().nullable().openapi({ description: "Your own id for the customer" }),
    formerCustomer: z.string().nullable().openapi({
      description:
        "The own id that another agreement has taken over when this one had ended: usage of before that end is still counted here",
    }),
    accountId: z.string().nullable().openapi({ description: "The customer's AWS account" }),
    licenseArn: z.string().nullable(),
    customerIdentifier: z.string().nullable(),
    awsAgreementId: z
      .string()
      .nullable()
      .openapi({ description: "AWS's id of it, once a notice has said it" }),
    state: z.enum(agreementStates).openapi({
      description:
        "pending: AWS has not said that it is active, its usage is sent all the same, and what AWS refuses waits; ending: it has ended and AWS still takes its usage",
    }),
    freeTrial: z.boolean(),
    registeredAt: z.iso.datetime(),
    activatedAt: time,
    startsAt: time.openapi({ description: "As agreed on; null while no notice has said it" }),
    endsAt: time.openapi({ description: "As agreed on; null while there is no end" }),
    endedAt: time.openapi({ description: "When it ended: usage of later is refused" }),
    usageUntil: time.openapi({ description: "Until when AWS takes its usage; null while no end is known" }),
    unbilled: z
      .array(z.object({ dimension: z.string(), quantity: z.string() }))
      .nullable()
      .openapi({
        description: "Once it is over: what could not be billed, in posted units; null before",
      }),
  })
  .openapi("Agreement");

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

/** @param now epoch milliseconds */
export function presentAgreement(agreement: Agreement, now: number): z.output<typeof agreementSchema> {
  const {
    id,
    productId,
    customer,
    formerCustomer,
    accountId,
    licenseArn,
    customerIdentifier,
    awsAgreementId,
  } = agreement;
  const { freeTrial, registeredAt, unbilled } = agreement;
  return {
    id,
    product: productId,
    customer,
    formerCustomer,
    accountId,
    licenseArn,
    customerIdentifier,
    awsAgreementId,
    state: stateOf(agreement, now),
    freeTrial,
    registeredAt: new Date(registeredAt).toISOString(),
    activatedAt: iso(agreement.activatedAt),
    startsAt: iso(agreement.startsAt),
    endsAt: iso(agreement.endsAt),
    endedAt: iso(agreement.endedAt),
    usageUntil: iso(agreement.usageUntil),
    unbilled: unbilled === null ? null : [...unbilled],
  };
}

/** What a customer wrote on the gateway's own page, as the API and the webhooks show it. */
export const contactSchema = z
  .object({
    email: z.string(),
    name: z.string().nullable(),
    company: z.string().nullable(),
    givenAt: z.iso.datetime(),
  })
  .openapi("Contact");

/** What a contract includes of one of its dimensions, likewise. */
export const entitlementSchema = z.object({
  dimension: z.string(),
  value: z.union([z.number(), z.boolean(), z.string()]),
  expiresAt: z.iso.datetime().nullable().openapi({
    description: "Until when it is that much at least: AWS's entitlements of a dimension add up",
  }),
});
