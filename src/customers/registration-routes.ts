import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { html } from "hono/html";
import { findProductByCode } from "../catalog/products.ts";
import { readBytes } from "../http/body.ts";
import { problem, problemResponses } from "../http/problems.ts";
import { router, type AppEnv } from "../http/router.ts";
import { openLedger } from "../ledger/database.ts";
import { marketplaceClient } from "../marketplace-access.ts";
import type { MarketplaceError, ResolveCustomerResponse } from "../marketplace/index.ts";
import { registerAgreement } from "./agreements.ts";

/** AWS resolves a customer in any Region of the partition; this one is always there. */
const RESOLVE_REGION = "us-east-1";

const TOKEN_FIELD = "x-amzn-marketplace-token";

export const registrationRoutes = router();

registrationRoutes.openAPIRegistry.registerPath({
  method: "post",
  path: "/register",
  summary: 'Where AWS Marketplace sends a customer who presses "Set up your account"',
  description: `AWS's form post with ${TOKEN_FIELD}. Set this address as the listing's fulfillment URL.`,
  request: {
    body: {
      required: true,
      content: { "application/x-www-form-urlencoded": { schema: z.object({ [TOKEN_FIELD]: z.string() }) } },
    },
  },
  responses: {
    303: { description: "To the product's sign-up address" },
    400: { description: "A page for the customer: the link is wrong or has expired" },
    ...problemResponses(413),
    503: { description: "A page for the customer: try again soon" },
  },
});

registrationRoutes.post("/register", async (c) => {
  const bytes = await readBytes(c.req.raw);
  if (bytes === null) {
    return problem(c, { code: "too_large", detail: `AWS's form has ${TOKEN_FIELD} and little else.` });
  }
  const { method, url } = c.req;
  c.req.raw = new Request(url, { method, headers: c.req.raw.headers, body: bytes });
  // A body that is no form has no token.
  const form = await c.req.parseBody().catch(() => null);
  const token = form?.[TOKEN_FIELD];
  if (typeof token !== "string" || token === "") return again(c);

  const resolved = await marketplaceClient(c.env, RESOLVE_REGION).resolveCustomer({
    RegistrationToken: token,
  });
  if (!resolved.ok) return refuse(c, resolved.error);
  return arrive(c, resolved.value);
});

async function arrive(c: Context<AppEnv>, customer: ResolveCustomerResponse): Promise<Response> {
  const ledger = openLedger(c.env.DB);
  const product = await findProductByCode(ledger, customer.ProductCode ?? "");
  const accountId = customer.CustomerAWSAccountId ?? null;
  const licenseArn = customer.LicenseArn ?? null;
  const customerIdentifier =
    customer.CustomerIdentifier === "" ? null : (customer.CustomerIdentifier ?? null);
  const identified = product?.concurrentAgreements === true ? licenseArn : (accountId ?? customerIdentifier);
  if (product === null || identified === null) {
    report(
      "a customer came for a product that the gateway cannot place: is its product code, or its concurrentAgreements, right?",
      {
        productCode: customer.ProductCode ?? null,
      },
    );
    return later(c);
  }
  const { id: productId, concurrentAgreements, shards, signUpUrl } = product;
  await registerAgreement(ledger, {
    productId,
    concurrentAgreements,
    accountId,
    licenseArn,
    customerIdentifier,
    shards,
    now: Date.now(),
  });
  // 303 turns AWS's cross-site POST into a GET. Neither the token nor an id of AWS's goes into the address.
  return c.redirect(signUpUrl, 303);
}

/** Only what the customer can mend is shown as theirs; our own settings never look like an expired link. */
function refuse(c: Context<AppEnv>, error: MarketplaceError): Response | Promise<Response> {
  if (error.advice === "tell-customer") return again(c);
  report(error.message, { code: error.code, requestId: error.requestId });
  return later(c);
}

function report(message: string, facts: Record<string, string | null>): void {
  // oxlint-disable-next-line no-console -- Workers Logs is where the operator sees that a customer was turned away.
  console.error({ message: `registration: ${message}`, ...facts });
}

function again(c: Context<AppEnv>): Response | Promise<Response> {
  return c.html(
    customerPage(
      "Please start again from AWS Marketplace",
      'This link is incomplete or has expired. Open your AWS Marketplace subscriptions, choose the product and press "Set up your account" again.',
    ),
    400,
  );
}

function later(c: Context<AppEnv>): Response | Promise<Response> {
  c.header("retry-after", "60");
  return c.html(
    customerPage(
      "We could not finish setting up your account",
      'Your subscription is safe. Please wait a few minutes, then press "Set up your account" on AWS Marketplace again.',
    ),
    503,
  );
}

function customerPage(title: string, text: string) {
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${title}</title>
      <body
        style="font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem"
      >
        <h1>${title}</h1>
        <p>${text}</p>
      </body>
    </html>`;
}
