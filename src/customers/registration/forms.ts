import type { Context } from "hono";
import { readBytes } from "../../http/body.ts";
import type { AppEnv } from "../../http/router.ts";
import type { FormFields } from "../../ledger/schema.ts";

/** A posted form: a field's text, empty where it has none. */
export type PostedForm = (field: string) => string;

export const TOKEN_FIELD = "x-amzn-marketplace-token";

/** The optional fields of AWS's form: one that AWS documents, and three that others have seen. */
const FIELDS = {
  offerType: "x-amzn-marketplace-offer-type",
  agreementId: "x-amzn-marketplace-agreement-id",
  productId: "x-amzn-marketplace-product-id",
  fulfillmentUrl: "x-amzn-marketplace-fulfillment-url",
} as const satisfies Record<keyof FormFields, string>;

export const OPTIONAL_FIELDS: readonly string[] = Object.values(FIELDS);

/** Whoever posts the form may write what he likes into them: what is no such name is not kept, nor is half an address. */
const FIELD_NAME = /^[\w.-]{1,100}$/;
const MAX_ADDRESS_LENGTH = 300;

/**
 * A form's text fields, in their first value as browsers send it: decoded once. A body that is no form has no fields.
 *
 * @returns null for a body that is too large
 */
export async function readForm(c: Context<AppEnv>): Promise<PostedForm | null> {
  const bytes = await readBytes(c.req.raw);
  if (bytes === null) return null;
  const { method, url, headers } = c.req.raw;
  const form = await new Request(url, { method, headers, body: bytes }).formData().catch(() => null);
  return (field) => {
    const value = form?.get(field);
    return typeof value === "string" ? value.trim() : "";
  };
}

/** Those that the form has, as far as each is what AWS has there. The token is in none of them, whoever has put it there. */
export function optionalFields(form: PostedForm): FormFields {
  const token = form(TOKEN_FIELD);
  const isKept = (text: string) => !text.includes(token) && !text.includes(encodeURIComponent(token));
  const names = (["offerType", "agreementId", "productId"] as const)
    .map((key) => [key, form(FIELDS[key])] as const)
    .filter(([, text]) => FIELD_NAME.test(text) && isKept(text));
  const fulfillmentUrl = addressOf(form(FIELDS.fulfillmentUrl));
  return {
    ...Object.fromEntries(names),
    ...(fulfillmentUrl !== null && isKept(fulfillmentUrl) && { fulfillmentUrl }),
  };
}

/** A web address without what it asks for; null when it is none. */
function addressOf(text: string): string | null {
  const url = text.length > MAX_ADDRESS_LENGTH ? null : URL.parse(text);
  return url === null || !/^https?:$/.test(url.protocol) ? null : url.origin + url.pathname;
}
