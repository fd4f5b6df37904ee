import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { canNameProduct } from "../../catalog/product-schema.ts";
import { findProduct } from "../../catalog/products.ts";
import { failureOf } from "../../http/failure.ts";
import { router, type AppEnv } from "../../http/router.ts";
import { withoutSecrets } from "../../http/secrets.ts";
import type { Agreement } from "../../ledger/agreements.ts";
import { openLedger } from "../../ledger/database.ts";
import { surroundingsOf, type Surroundings } from "../surroundings.ts";
import { arrive, lookAfter, NO_PRODUCT, type Arrival } from "./arrivals.ts";
import { brandOf } from "./brand.ts";
import { issueCode } from "./codes.ts";
import { optionalFields, OPTIONAL_FIELDS, readForm, TOKEN_FIELD } from "./forms.ts";
import { showSignUp, takeSignUp } from "./hosted-page.ts";
import { noteMissingSecret } from "./lost-arrivals.ts";
import type { Brand } from "./pages/layout.ts";
import { aboutPage, againPage, lapsedPage, laterPage, tooLargePage, waitingPage } from "./pages/pages.ts";
import { visitorOf } from "./visitor.ts";

/** The parameter of the sign-up address that has the one-time code. */
export const CODE_PARAMETER = "registration_code";

export const registrationRoutes = router();

const awsForm = {
  required: true,
  content: {
    "application/x-www-form-urlencoded": {
      schema: z.object({
        [TOKEN_FIELD]: z.string(),
        ...Object.fromEntries(OPTIONAL_FIELDS.map((name) => [name, z.string().optional()])),
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
      413: { description: "A page for the customer: that is more than AWS's form ever is" },
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

// With a slash at the end, or with whatever else: so it may stand in the listing, and customers come there all the same.
const register = ["/register", "/register/", "/register/:product{[\\s\\S]+}"];

registrationRoutes.on("GET", register, async (c) =>
  aboutPage(c, await brandOf(openLedger(c.env.DB), namedIn(c))),
);

registrationRoutes.on("POST", register, async (c) => {
  if (await isTooMany(c)) return laterPage(c, null, { status: 429 });
  const ledger = openLedger(c.env.DB);
  const named = namedIn(c);
  const form = await readForm(c);
  if (form === null) return tooLargePage(c, await brandOf(ledger, named), { isForm: false });
  const token = form(TOKEN_FIELD);
  const productId = named === null || (canNameProduct(named) && named !== token) ? named : NO_PRODUCT;
  const arrival = await arrive(surroundingsOf(c.env), { token, productId, fields: optionalFields(form) });
  return answer(c, arrival, () => brandOf(ledger, productId));
});

/** What the address calls the product, which may be any text; null when it names none. */
function namedIn(c: Context<AppEnv>): string | null {
  const named = c.req.param("product")?.replace(/\/+$/, "") ?? "";
  return named === "" ? null : named;
}

const waiting = ["/registration/waiting/:ticket", "/registration/waiting/:ticket/"];

registrationRoutes.on("GET", waiting, async (c) => {
  // Whoever only looks whether the page is there does not use it up.
  if (c.req.method === "HEAD" || isAhead(c)) return c.body(null, 204);
  const arrival = await lookAfter(surroundingsOf(c.env), c.req.param("ticket") ?? "");
  const brand = () => brandOf(openLedger(c.env.DB), "productId" in arrival ? arrival.productId : null);
  if (arrival.kind !== "waiting") return answer(c, arrival, brand);
  return waitingPage(c, await brand(), { isStill: c.req.query("still") !== undefined });
});

const hosted = ["/registration/:code", "/registration/:code/"];

registrationRoutes.on("GET", hosted, showSignUp);
registrationRoutes.on("POST", hosted, takeSignUp);

// Whatever else a browser may ask for there: its user is not to be shown JSON.
registrationRoutes.on(["GET", "POST"], "/registration/*", async (c) =>
  againPage(c, await brandOf(openLedger(c.env.DB), null)),
);

/** Whether one visitor has posted too many forms lately. Cloudflare counts them, in each place for itself. */
async function isTooMany(c: Context<AppEnv>): Promise<boolean> {
  const address = c.req.header("cf-connecting-ip");
  if (address === undefined) return false;
  try {
    return !(await c.env.REGISTRATION_LIMIT.limit({ key: visitorOf(address) })).success;
  } catch (error) {
    // No customer is sent away for that.
    surroundingsOf(c.env).report(`forms cannot be counted: ${failureOf(error)}`, {});
    return false;
  }
}

/** Whether a browser loads a page that its user may never open (Fetch Metadata, Sec-Purpose). */
const isAhead = (c: Context<AppEnv>): boolean => c.req.header("sec-purpose")?.includes("prefetch") === true;

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
