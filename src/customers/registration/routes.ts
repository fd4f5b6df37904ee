import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { findProduct, listProducts, type Product } from "../../catalog/products.ts";
import { readBytes } from "../../http/body.ts";
import { failureOf } from "../../http/failure.ts";
import { problem, problemResponses } from "../../http/problems.ts";
import { router, type AppEnv } from "../../http/router.ts";
import { withoutSecrets } from "../../http/secrets.ts";
import { openLedger } from "../../ledger/database.ts";
import type { FormFields } from "../../ledger/schema.ts";
import { arrive, lookAfter, type Arrival } from "./arrivals.ts";
import type { Agreement } from "../../ledger/agreements.ts";
import type { Brand } from "./pages/layout.ts";
import {
  aboutPage,
  againPage,
  lapsedPage,
  laterPage,
  signedUpPage,
  signUpPage,
  waitingPage,
  type SignUpForm,
} from "./pages/pages.ts";
import { findCode, issueCode, type FoundCode } from "./codes.ts";
import { isCode } from "./keys.ts";
import { noteMissingSecret } from "./lost-arrivals.ts";
import { contactsOf, errorsOf, signUp } from "./sign-up.ts";
import { surroundingsOf, type Surroundings } from "../surroundings.ts";

const TOKEN_FIELD = "x-amzn-marketplace-token";

/** What a product's id may be; see src/catalog/product-schema.ts. */
const PRODUCT_ID = /^[-a-zA-Z0-9/=:_.@]{1,255}$/;

/** The product that an address names which cannot name one: its words are a stranger's, and are not kept. */
const NO_PRODUCT = "";

/** The optional fields of AWS's form: one that AWS documents, and three that others have seen. */
const FIELDS = {
  offerType: "x-amzn-marketplace-offer-type",
  agreementId: "x-amzn-marketplace-agreement-id",
  productId: "x-amzn-marketplace-product-id",
  fulfillmentUrl: "x-amzn-marketplace-fulfillment-url",
} as const satisfies Record<keyof FormFields, string>;

/** Whoever posts the form may write what he likes into them: what is no such name is not kept, nor is half an address. */
const FIELD_NAME = /^[\w.-]{1,100}$/;
const MAX_ADDRESS_LENGTH = 300;

/** The parameter of the sign-up address that has the one-time code. */
export const CODE_PARAMETER = "registration_code";

export const registrationRoutes = router();

const awsForm = {
  required: true,
  content: {
    "application/x-www-form-urlencoded": {
      schema: z.object({
        [TOKEN_FIELD]: z.string(),
        ...Object.fromEntries(Object.values(FIELDS).map((name) => [name, z.string().optional()])),
      }),
    },
  },
};

for (const path of ["/register", "/register/{product}"]) {
  registrationRoutes.openAPIRegistry.registerPath({
    method: "post",
    path,
    summary: 'Where AWS Marketplace sends a customer who presses "Set up your account"',
    description: `AWS's form post with ${TOKEN_FIELD}. Set this address as the listing's fulfillment URL.`,
    request: { body: awsForm, ...(path.includes("{") && { params: z.object({ product: z.string() }) }) },
    responses: {
      303: {
        description: `To the product's sign-up address with ${CODE_PARAMETER}, to the gateway's own page, or to one that waits for AWS`,
      },
      400: { description: "A page for the customer: the link is wrong or has expired" },
      ...problemResponses(413),
      429: { description: "A page for the customer: too many forms from one place; try again soon" },
      503: { description: "A page for the customer: try again soon" },
    },
  });
}

/** A customer's browser shows what it gets: no fault of ours is to be seen as JSON. */
registrationRoutes.onError((error, c) => {
  surroundingsOf(c.env).report(`a page failed: ${withoutSecrets(failureOf(error), c.env)}`, {
    path: c.req.routePath,
  });
  return laterPage(c, null, { isLoadedAgain: c.req.method === "GET" });
});

// With a slash at the end, too: so it may stand in the listing, and customers come there all the same.
for (const path of ["/register", "/register/", "/register/:product", "/register/:product/"] as const) {
  registrationRoutes.get(path, async (c) => aboutPage(c, await brandOf(c, c.req.param("product") ?? null)));

  registrationRoutes.post(path, async (c) => {
    if (await isTooMany(c)) return laterPage(c, null, { status: 429 });
    const form = await readForm(c);
    if (form === null) {
      return problem(c, { code: "too_large", detail: `AWS's form has ${TOKEN_FIELD} and little else.` });
    }
    const token = form(TOKEN_FIELD);
    const named = c.req.param("product") ?? null;
    const productId = named === null || (PRODUCT_ID.test(named) && named !== token) ? named : NO_PRODUCT;
    const arrival = await arrive(surroundingsOf(c.env), { token, productId, fields: optionalFields(form) });
    return answer(c, arrival, () => brandOf(c, productId));
  });
}

registrationRoutes.get("/registration/waiting/:ticket", async (c) => {
  // Whoever only looks whether the page is there does not use it up.
  if (c.req.method === "HEAD" || isAhead(c)) return c.body(null, 204);
  const arrival = await lookAfter(surroundingsOf(c.env), c.req.param("ticket"));
  const brand = () => brandOf(c, "productId" in arrival ? arrival.productId : null);
  if (arrival.kind !== "waiting") return answer(c, arrival, brand);
  return waitingPage(c, await brand(), { isStill: c.req.query("still") !== undefined });
});

/** Whether one visitor has posted too many forms lately. Cloudflare counts them, in each place for itself. */
async function isTooMany(c: Context<AppEnv>): Promise<boolean> {
  const key = c.req.header("cf-connecting-ip");
  if (key === undefined) return false;
  try {
    return !(await c.env.REGISTRATION_LIMIT.limit({ key })).success;
  } catch (error) {
    // No customer is sent away for that.
    surroundingsOf(c.env).report(`forms cannot be counted: ${failureOf(error)}`, {});
    return false;
  }
}

/** Whether a browser loads a page that its user may never open (Fetch Metadata, Sec-Purpose). */
const isAhead = (c: Context<AppEnv>): boolean => c.req.header("sec-purpose")?.includes("prefetch") === true;

registrationRoutes.get("/registration/:code", async (c) => {
  const surroundings = surroundingsOf(c.env);
  const { ledger, secret, now } = surroundings;
  const code = c.req.param("code");
  // A crawler that tries addresses is no customer.
  if (!isCode(code)) return againPage(c, await brandOf(c, null));
  if (secret === null) {
    await noteMissingSecret(surroundings);
    return laterPage(c, null, { isLoadedAgain: true });
  }
  const found = await findCode(ledger, secret, code, now());
  const product = await hostedProduct(c, found);
  if (product === null) return againPage(c, await brandOf(c, null));
  if (found.kind !== "redeemed") return signUpPage(c, product);
  const contacts = await contactsOf(ledger, [found.agreement.id]);
  return signedUpPage(c, product, { isReachable: contacts.length > 0 });
});

registrationRoutes.post("/registration/:code", async (c) => {
  const surroundings = surroundingsOf(c.env);
  const { ledger, secret, now } = surroundings;
  const posted = await readForm(c);
  if (posted === null) return problem(c, { code: "too_large", detail: "The form has a few short fields." });
  const code = c.req.param("code");
  if (!isCode(code)) return againPage(c, await brandOf(c, null));
  if (secret === null) {
    await noteMissingSecret(surroundings);
    return laterPage(c, null);
  }
  const found = await findCode(ledger, secret, code, now());
  const product = await hostedProduct(c, found);
  if (product === null || !("agreement" in found)) return againPage(c, await brandOf(c, null));
  const { agreement } = found;
  const form: SignUpForm = { email: posted("email"), name: posted("name"), company: posted("company") };
  const errors = errorsOf(form);
  if (found.kind === "valid" && Object.keys(errors).length > 0)
    return signUpPage(c, product, { form, errors });
  if (found.kind === "valid") await signUp(ledger, { code, agreement, form }, now());
  // The same address shows that it is done; loading it again posts nothing.
  return c.redirect(`/registration/${code}`, 303);
});

/**
 * The product whose customer a code is, if its sign-up page is here. A code that was made for the seller's own page is
 * not to be used up here, where the seller cannot redeem it.
 */
async function hostedProduct(c: Context<AppEnv>, found: FoundCode): Promise<Product | null> {
  if (!("agreement" in found)) return null;
  const product = await findProduct(openLedger(c.env.DB), found.agreement.productId);
  return product?.signUpUrl === null ? product : null;
}

/** @param brand is asked for pages only: whoever is sent on needs none, and does not depend on it */
async function answer(c: Context<AppEnv>, arrival: Arrival, brand: () => Promise<Brand>): Promise<Response> {
  switch (arrival.kind) {
    case "again":
      return againPage(c, await brand());
    case "lapsed":
      return lapsedPage(c, await brand());
    case "later":
      return laterPage(c, await brand());
    case "waiting":
      return c.redirect(`/registration/waiting/${arrival.ticket}`, 303);
    case "registered":
      return sendOn(c, surroundingsOf(c.env), arrival.agreement);
  }
}

/**
 * Sends a customer on with a one-time code: 303 turns AWS's cross-site POST into a GET. Neither the token nor an id of
 * AWS's goes into the address, and the address is the operator's setting and nobody else's.
 */
async function sendOn(
  c: Context<AppEnv>,
  surroundings: Surroundings,
  agreement: Agreement,
): Promise<Response> {
  const { ledger, secret, now } = surroundings;
  const product = await findProduct(ledger, agreement.productId);
  if (product === null) throw new Error("a customer has registered for a product that is not there");
  if (secret === null) {
    await noteMissingSecret(surroundings);
    return laterPage(c, product);
  }
  const { signUpUrl } = product;
  const use = signUpUrl === null ? "form" : "redirect";
  const code = await issueCode(ledger, secret, { agreementId: agreement.id, use, now: now() });
  c.header("cache-control", "no-store");
  c.header("referrer-policy", "no-referrer");
  if (signUpUrl === null) return c.redirect(`/registration/${code}`, 303);
  const address = new URL(signUpUrl);
  address.searchParams.set(CODE_PARAMETER, code);
  return c.redirect(address.href, 303);
}

/** Those that the form has, as far as each is what AWS has there. The token is in none of them, whoever has put it there. */
function optionalFields(form: (field: string) => string): FormFields {
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

/** The product whose page it is: the one that the address names, or the only one that there is. */
async function brandOf(c: Context<AppEnv>, productId: string | null): Promise<Brand> {
  const ledger = openLedger(c.env.DB);
  if (productId !== null) return findProduct(ledger, productId);
  const [first = null, second] = await listProducts(ledger, { limit: 2 });
  return second === undefined ? first : null;
}

/**
 * A form's text fields, empty where it has none, in its first value as browsers send it: decoded once. A body that is no
 * form has no fields.
 *
 * @returns null for a body that is too large
 */
async function readForm(c: Context<AppEnv>): Promise<((field: string) => string) | null> {
  const bytes = await readBytes(c.req.raw);
  if (bytes === null) return null;
  const { method, url, headers } = c.req.raw;
  const form = await new Request(url, { method, headers, body: bytes }).formData().catch(() => null);
  return (field) => {
    const value = form?.get(field);
    return typeof value === "string" ? value.trim() : "";
  };
}
