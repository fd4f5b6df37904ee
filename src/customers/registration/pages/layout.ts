import type { Context } from "hono";
import { html, raw } from "hono/html";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Product } from "../../../catalog/products.ts";
import type { AppEnv } from "../../../http/router.ts";

/**
 * What of a product its customers see; null where it is not known whose customer has come. It has no name where it is known
 * of which seller, and not of which product.
 */
export type Brand = { readonly name: string | null; readonly page: Product["page"] } | null;

type Html = ReturnType<typeof html>;

export interface Page {
  readonly title: string;
  readonly body: Html;
  readonly brand: Brand;
  readonly status?: ContentfulStatusCode;
  /** Seconds after which the browser loads it again. */
  readonly refresh?: number;
}

/** The name that a customer knows the seller by. */
export const sellerName = (brand: Brand): string | null => brand?.page?.seller ?? brand?.name ?? null;

/** A page for a customer: without scripts or cookies, and nothing of it is kept or told to other sites. */
export function show(c: Context<AppEnv>, { title, body, brand, status = 200, refresh }: Page) {
  const nonce = crypto.randomUUID();
  const { logoUrl, color } = brand?.page ?? {};
  const seller = sellerName(brand);
  const logo = logoUrl === undefined ? "" : ` img-src ${new URL(logoUrl).origin};`;
  c.header(
    "content-security-policy",
    `default-src 'none'; style-src 'nonce-${nonce}';${logo} form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  );
  c.header("cache-control", "no-store");
  if (refresh !== undefined) c.header("refresh", String(refresh));
  c.header("referrer-policy", "no-referrer");
  c.header("x-content-type-options", "nosniff");
  return c.html(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="robots" content="noindex" />
          <title>${seller === null ? title : `${title} – ${seller}`}</title>
          <style nonce="${nonce}">
            ${raw(styleOf(color ?? DEFAULT_COLOR))}
          </style>
        </head>
        <body>
          ${headerOf(seller, logoUrl)}
          <main>
            <h1>${title}</h1>
            ${body}
          </main>
          ${supportLine(brand)}
        </body>
      </html>`,
    status,
  );
}

/** Whose page it is; nothing where that is not known. */
function headerOf(seller: string | null, logoUrl: string | undefined): Html | string {
  if (seller === null && logoUrl === undefined) return "";
  return html`<header>
    ${logoUrl === undefined ? "" : html`<img src="${logoUrl}" alt="" height="48" />`}
    ${seller === null ? "" : html`<p>${seller}</p>`}
  </header>`;
}

function supportLine(brand: Brand): Html | string {
  const support = brand?.page?.support;
  if (support === undefined)
    return html`<footer>
      <p>Need help? The product's page on AWS Marketplace says how to reach its seller.</p>
    </footer>`;
  const href = support.includes("://") ? support : `mailto:${support}`;
  return html`<footer>
    <p>Need help? <a href="${href}">${support}</a></p>
  </footer>`;
}

const DEFAULT_COLOR = "#1f4b99";

/**
 * A logo that cannot be loaded leaves no trace: it is inline and of no size then, in a line of no height, above the name. Beside
 * it the name would keep its distance.
 *
 * The seller's colour is a background only, with whichever of black and white is easier to read on it.
 */
function styleOf(color: string): string {
  return `
    * { box-sizing: border-box; }
    html { color-scheme: light; border-top: .4rem solid ${color}; }
    body { margin: 0 auto; max-width: 38rem; padding: 1.5rem 1rem 3rem; font: 1.0625rem/1.55 system-ui, sans-serif; color: #1b1f24; background: #fff; overflow-wrap: anywhere; }
    header { margin-bottom: 1.5rem; line-height: 0; }
    header img { max-height: 3rem; max-width: 12rem; width: auto; vertical-align: top; }
    header p { margin: .4rem 0 0; font-weight: 600; font-size: 1.2rem; line-height: 1.3; }
    h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; }
    h2 { font-size: 1.15rem; margin: 2rem 0 .25rem; }
    label { display: block; font-weight: 600; margin: 1.1rem 0 .3rem; }
    .next { white-space: pre-line; }
    .hint { color: #4b5563; margin: 0 0 .3rem; font-size: .95rem; }
    input { width: 100%; font: inherit; padding: .65rem .75rem; color: inherit; background: #fff; border: 1px solid #6b7280; border-radius: .4rem; }
    input[aria-invalid="true"] { border: 2px solid #b42318; }
    button { margin-top: 1.6rem; min-height: 2.9rem; padding: .6rem 1.5rem; font: inherit; font-weight: 600; border: 1px solid #6b7280; border-radius: .4rem; cursor: pointer; background: ${color}; color: ${readableOn(color)}; }
    :focus-visible { outline: 3px solid #1b1f24; outline-offset: 2px; }
    a { color: #0b4a8f; }
    .error { color: #b42318; font-weight: 600; margin: .3rem 0; }
    footer { margin-top: 2.5rem; padding-top: 1rem; border-top: 1px solid #d1d5db; color: #374151; }
    @media (max-width: 30rem) { button { width: 100%; } }`;
}

/** Black or white, whichever has the higher contrast (WCAG 2.2, contrast ratio): one of them has at least 4.5. */
export function readableOn(color: string): "#000" | "#fff" {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((from) => {
    const value = Number.parseInt(color.slice(from, from + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#fff" : "#000";
}
