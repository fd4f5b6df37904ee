import { z } from "@hono/zod-openapi";
import { aggregations, latePolicies } from "../meter/dimension.ts";
import { isText, NOT_TEXT } from "../text.ts";
import { allowancePeriods } from "../ledger/schema.ts";
import { MAX_DIMENSION_LENGTH, MAX_TAG_KEY_LENGTH, TAG_TEXT } from "../usage/parse-event.ts";
import { MAX_DIMENSIONS, problemOfUniqueTag, withDefaults, type PostedDimension } from "./dimensions.ts";

const HOUR_SECONDS = 3600;
/** As much as the largest quantity of one event, so that every dimension can be billed; a double holds it exactly. */
const MAX_DIVISOR = 10 ** 15;

/** Longer than any browser's address bar is known to take. */
const MAX_URL_LENGTH = 2048;

/** As addresses have it in ASCII: no other character of a host could go into a header. */
const HOST = /^([a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])$/;
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/** What is wrong with a web address for customers' browsers, if it is one; null when nothing is. */
function problemOfAddress({ protocol, hostname, username, password }: URL): string | null {
  if (!/^https?:$/.test(protocol)) return null;
  // Codes and pages go there: nobody on the way is to read or change them.
  if (protocol === "http:" && !LOOPBACK.test(hostname)) return "must begin with https://";
  if (username !== "" || password !== "") return "must have no user name or password";
  return HOST.test(hostname) ? null : "must have a host of letters, digits, hyphens and dots";
}

// Normalized, it is ASCII without line breaks: as it is, it goes into the header Location.
const webAddress = z
  .url({ protocol: /^https?$/, normalize: true })
  .max(MAX_URL_LENGTH)
  .superRefine((text, context) => {
    const address = URL.parse(text);
    const message = address === null ? null : problemOfAddress(address);
    if (message !== null) context.addIssue({ code: "custom", message });
  });

const dimensionFields = {
  name: z
    .string()
    .min(1)
    .max(MAX_DIMENSION_LENGTH)
    .refine(isText, NOT_TEXT)
    .openapi({ description: "AWS's API name of the dimension; case-sensitive" }),
  aggregation: z.enum(aggregations).openapi({
    description:
      "How an hour's usage becomes its quantity: sum (default); max: the highest quantity posted; last: the quantity with the latest time; unique: how many distinct values of uniqueTag",
  }),
  divisor: z.number().int().min(1).max(MAX_DIVISOR).openapi({
    description:
      "Posted units in one billed unit: post bytes, bill GB. Default 1; what is left of the division is carried",
  }),
  uniqueTag: z
    .string()
    .max(MAX_TAG_KEY_LENGTH)
    .regex(TAG_TEXT, `1 to ${MAX_TAG_KEY_LENGTH} letters, digits, spaces or + - = . _ : / @`)
    .nullable()
    .openapi({ description: "The tag whose distinct values are counted; with the aggregation unique only" }),
  late: z.enum(latePolicies).openapi({
    description:
      "Usage for an hour whose record is frozen: carry_forward (default) bills it in the hour it arrives in; hold keeps it aside, unbilled, until you decide; reject refuses it",
  }),
  included: z
    .strictObject({
      by: z.string().min(1).max(MAX_DIMENSION_LENGTH).refine(isText, NOT_TEXT).openapi({
        description:
          "AWS's API name of the contract's dimension: its entitlement is the quantity, in billed units. Dimensions with the same one include the whole quantity each",
      }),
      per: z.enum(allowancePeriods).openapi({
        description: "How often that is included: in each hour, each calendar month (UTC), or once in a term",
      }),
    })
    .nullable()
    .openapi({
      description:
        "What a customer's contract includes: only usage above it is metered. For products with contract: true",
    }),
};

const dimensionSchema = z.object(dimensionFields).openapi("Dimension");

const newDimensionSchema = z
  .strictObject({
    name: dimensionFields.name,
    // No defaults here: of a dimension that is there, what is not said stays as it is.
    aggregation: dimensionFields.aggregation.optional(),
    divisor: dimensionFields.divisor.optional(),
    uniqueTag: dimensionFields.uniqueTag.optional(),
    late: dimensionFields.late.optional(),
    included: dimensionFields.included.optional(),
  })
  .openapi("NewDimension");

const postedDimension = z.union(
  [dimensionFields.name.transform((name): PostedDimension => ({ name })), newDimensionSchema],
  { error: "A dimension is its name, or an object with a name" },
);

const postedDimensions = z.array(postedDimension).min(1).max(MAX_DIMENSIONS).superRefine(refuseRepeatedNames);

function refuseRepeatedNames(dimensions: readonly PostedDimension[], context: z.RefinementCtx): void {
  const names = new Set<string>();
  for (const [index, { name }] of dimensions.entries()) {
    if (names.has(name)) {
      const message = `There is a dimension "${name}" before; name each once.`;
      context.addIssue({ code: "custom", path: [index, "name"], message });
    }
    names.add(name);
  }
}

function refuseWrongTags(dimensions: readonly PostedDimension[], context: z.RefinementCtx): void {
  for (const [index, dimension] of dimensions.entries()) {
    const message = problemOfUniqueTag(withDefaults(dimension));
    if (message !== null) context.addIssue({ code: "custom", path: [index, "uniqueTag"], message });
  }
}

const fields = {
  name: z.string().min(1).max(200).refine(isText, NOT_TEXT),
  productCode: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[-a-zA-Z0-9/=:_.@]*$/)
    .openapi({ description: "AWS's product code of the listing (not its prod- id)" }),
  region: z
    .string()
    .regex(/^[a-z]{2,}(-[a-z]+)+-\d+$/)
    .openapi({
      description: "The one Region this product is metered in. AWS dedupes per Region, so it never changes",
    }),
  concurrentAgreements: z.boolean().openapi({
    description: "Records carry LicenseArn (products since June 2026, or opted in); otherwise ProductCode",
  }),
  signUpUrl: webAddress.nullable().openapi({
    description:
      "Where customers go after registration, with registration_code added; null for the gateway's own page",
  }),
  contract: z.boolean().openapi({
    description: "Customers buy quantities in advance: their entitlements are read from AWS. Default false",
  }),
  snsTopics: z
    .array(
      z
        .string()
        .regex(
          /^arn:aws(-cn)?:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/,
          "must be the ARN of an SNS topic",
        ),
    )
    .max(10)
    .openapi({ description: "AWS's SNS topics of a legacy listing; messages of other topics are refused" }),
  page: z
    .strictObject({
      seller: z.string().min(1).max(100).refine(isText, NOT_TEXT).optional(),
      logoUrl: webAddress.optional().openapi({ description: "Shown up to 48 pixels high" }),
      color: z
        .string()
        .regex(/^#[0-9a-fA-F]{6}$/, "must be #rrggbb")
        .optional(),
      support: z
        .union([z.email().max(254), webAddress], { error: "must be an e-mail address or a web address" })
        .optional()
        .openapi({ description: "Where a customer finds help" }),
      next: z.string().min(1).max(500).refine(isText, NOT_TEXT).optional().openapi({
        description: "What happens after a customer has signed up",
      }),
    })
    .nullable()
    .openapi({ description: "What the gateway's own registration page shows of you; set as a whole" }),
  settleSeconds: z
    .number()
    .int()
    .min(0)
    .max(6 * HOUR_SECONDS)
    .openapi({ description: "How long an hour stays open after its end" }),
  lateSettleSeconds: z.number().int().min(0).max(HOUR_SECONDS).openapi({
    description: "How long an ended hour stays open after its newest usage",
  }),
  dedupeDays: z.number().int().min(1).max(90).openapi({ description: "How many days an id counts once" }),
  zeroHeartbeat: z.boolean().openapi({
    description:
      "Whether AWS is sent a 0 for each hour without usage, once the hour is over and settled: shows that metering lives. Default false",
  }),
  shards: z.number().int().min(1).max(1000).openapi({
    description: "Meter shards that new agreements are spread over; may be raised, never lowered",
  }),
};

/** Whether a product may be called so: by its code, or by an id, which is no more than that. */
export const canNameProduct = (text: string): boolean => fields.productCode.safeParse(text).success;

const id = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/, "1 to 64 letters, digits, _ . -");

export const newProductSchema = z
  .strictObject({
    ...fields,
    id: id.optional().openapi({ description: "Your name for it in this API; the product code if absent" }),
    name: fields.name.optional(),
    region: fields.region.default("us-east-1"),
    concurrentAgreements: fields.concurrentAgreements.default(true),
    signUpUrl: fields.signUpUrl.default(null),
    contract: fields.contract.default(false),
    snsTopics: fields.snsTopics.default([]),
    page: fields.page.default(null),
    dimensions: postedDimensions.superRefine(refuseWrongTags),
    settleSeconds: fields.settleSeconds.default(900),
    lateSettleSeconds: fields.lateSettleSeconds.default(300),
    dedupeDays: fields.dedupeDays.default(35),
    zeroHeartbeat: fields.zeroHeartbeat.default(false),
    shards: fields.shards.default(1),
  })
  .superRefine(({ contract, dimensions }, context) => {
    const index = contract ? -1 : dimensions.findIndex(({ included }) => (included ?? null) !== null);
    if (index === -1) return;
    const message = "Only a product with contract: true has entitlements to include.";
    context.addIssue({ code: "custom", path: ["dimensions", index, "included"], message });
  })
  .openapi("NewProduct");

/** What can change. No field has a default here: what is absent stays as it is. */
export const productChangeSchema = z
  .strictObject({
    name: fields.name.optional(),
    signUpUrl: fields.signUpUrl.optional(),
    contract: fields.contract.optional(),
    snsTopics: fields.snsTopics.optional(),
    page: fields.page.optional(),
    concurrentAgreementsFrom: z.iso
      .datetime({ offset: true })
      .refine((text) => Date.parse(text) % 3_600_000 === 0, "must be the beginning of an hour")
      .nullable()
      .optional()
      .openapi({
        description:
          "Moves a product from ProductCode to LicenseArn at the beginning of this hour, which must not have come yet; null takes that back while it has not",
      }),
    settleSeconds: fields.settleSeconds.optional(),
    lateSettleSeconds: fields.lateSettleSeconds.optional(),
    dedupeDays: fields.dedupeDays.optional(),
    zeroHeartbeat: fields.zeroHeartbeat.optional(),
    shards: fields.shards.optional(),
    dimensions: postedDimensions.optional(),
  })
  .openapi("ProductChange");

export const productSchema = z
  .object({
    id,
    ...fields,
    concurrentAgreementsFrom: z.iso.datetime().nullable().openapi({
      description: "From which hour on records carry LicenseArn, for a product that moves",
    }),
    dimensions: z.array(dimensionSchema),
    createdAt: z.iso.datetime(),
  })
  .openapi("Product");
