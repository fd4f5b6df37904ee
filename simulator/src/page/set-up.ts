import { html } from "hono/html";
import type { Agreement } from "../model.ts";
import type { Markup } from "./sections.ts";

/** AWS's page of a customer's purchases, as far as it matters: the button whose form a browser posts to the seller. */
export function setUpPage(
  { agreementId, productCode, accountId }: Agreement,
  { to, token }: { readonly to: string; readonly token: string },
): Markup {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Set up your account – AWS Marketplace simulator</title>
        <link rel="icon" href="data:," />
      </head>
      <body>
        <main>
          <h1>You have subscribed</h1>
          <p>Account ${accountId}, product ${productCode}, agreement ${agreementId}.</p>
          <form method="post" action="${to}">
            <input type="hidden" name="x-amzn-marketplace-token" value="${token}" />
            <button>Set up your account</button>
          </form>
        </main>
      </body>
    </html>`;
}
