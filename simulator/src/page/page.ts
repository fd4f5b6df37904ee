import { html, raw } from "hono/html";
import type { Simulator } from "../simulator.ts";
import { script } from "./script.ts";
import {
  agreementsSection,
  callsSection,
  productsSection,
  recordsSection,
  settingsSection,
  type Markup,
} from "./sections.ts";
import { style } from "./style.ts";

/** The page at the root: what the simulated AWS knows, as it comes in. */
export function page(simulator: Simulator, origin: string, nonce: string): Markup {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>AWS Marketplace simulator</title>
        <link rel="icon" href="data:," />
        <noscript><meta http-equiv="refresh" content="3" /></noscript>
        <style nonce="${nonce}">
          ${raw(style)}
        </style>
      </head>
      <body>
        <header>
          <h1>AWS Marketplace simulator</h1>
          <p class="soft">
            Nothing here reaches AWS. Programs meter here with
            <code>AWS_ENDPOINT_URL_MARKETPLACE_METERING=${origin}</code>
          </p>
          <p id="connection" class="bad" role="status"></p>
        </header>
        <main>
          ${settingsSection(simulator)} ${callsSection(simulator)} ${productsSection(simulator)}
          ${recordsSection(simulator)} ${agreementsSection(simulator)}
        </main>
        <script type="module" nonce="${nonce}">
          ${raw(script)};
        </script>
      </body>
    </html>`;
}

/** What the page may load and do: its own style and script, and fetching itself. */
export const pageHeaders = (nonce: string): Record<string, string> => ({
  "cache-control": "no-store",
  "content-security-policy": `default-src 'none'; connect-src 'self'; img-src data:; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "x-content-type-options": "nosniff",
});
