import type { Context } from "hono";
import { html } from "hono/html";
import type { AppEnv } from "../../../http/router.ts";
import { sellerName, show, type Brand } from "./layout.ts";

export const START_AGAIN =
  'Open your AWS Marketplace subscriptions, choose the product and press "Set up your account" again.';

/** What the address of the registration is for, to whoever opens it. */
export function aboutPage(c: Context<AppEnv>, brand: Brand) {
  return show(c, {
    title: "Set up your account",
    brand,
    body: html`<p>
        This is where AWS Marketplace brings customers who have
        subscribed${sellerName(brand) === null ? "" : ` to ${sellerName(brand)}`}. There is nothing to do here
        without that.
      </p>
      <p>Have you subscribed? ${START_AGAIN}</p>`,
  });
}

/** The link is wrong or has expired. */
export function againPage(c: Context<AppEnv>, brand: Brand) {
  return show(c, {
    title: "Please start again from AWS Marketplace",
    status: 400,
    brand,
    body: html`<p>This link is incomplete or has expired. Your subscription is not affected.</p>
      <p>${START_AGAIN}</p>`,
  });
}

/**
 * A form of a size that nobody fills in.
 *
 * @param options.isForm of the hosted page, which is still there; not AWS's, which has to come again
 */
export function tooLargePage(c: Context<AppEnv>, brand: Brand, { isForm }: { readonly isForm: boolean }) {
  return show(c, {
    title: "That was too much to send",
    status: 413,
    brand,
    body: isForm
      ? html`<p>Nothing of it was kept. A name has up to 200 characters.</p>
          <p><a href="?">Fill in the form again</a></p>`
      : html`<p>AWS Marketplace sends a short form, and this one was not short. ${START_AGAIN}</p>`,
  });
}

/** The customer has waited in vain, for a reason that is ours or AWS's. */
export function lapsedPage(c: Context<AppEnv>, brand: Brand) {
  return show(c, {
    title: "Please start again from AWS Marketplace",
    status: 410,
    brand,
    body: html`<p>
        We are sorry: we could not confirm your subscription with AWS Marketplace in time. That was no fault
        of yours, and your subscription is safe.
      </p>
      <p>${START_AGAIN}</p>`,
  });
}

/** How often a page that goes on by itself looks again, seconds: a screen reader is to read it to the end. */
const REFRESH = 10;

/**
 * Nothing could be kept: the customer has to come again.
 *
 * @param options.isLoadedAgain of an address that may be loaded again, and does so by itself
 */
export function laterPage(
  c: Context<AppEnv>,
  brand: Brand,
  {
    isLoadedAgain = false,
    status = 503,
  }: { readonly isLoadedAgain?: boolean; readonly status?: 429 | 503 } = {},
) {
  c.header("retry-after", "60");
  return show(c, {
    title: "We could not finish setting up your account",
    status,
    brand,
    ...(isLoadedAgain && { refresh: REFRESH }),
    body: html`<p>
      Your subscription is safe.
      ${isLoadedAgain ? "This page tries again by itself; if it does not go on, please" : "Please"} wait a few
      minutes, then press "Set up your account" on AWS Marketplace again.
    </p>`,
  });
}

/**
 * The customer cannot be let in yet, for whatever reason, which is the operator's to know: the page loads itself until that
 * is done.
 *
 * @param options.isStill for whoever does not want it to change by itself (WCAG 2.2, 2.2.1 Timing Adjustable)
 */
export function waitingPage(
  c: Context<AppEnv>,
  brand: Brand,
  { isStill = false }: { readonly isStill?: boolean } = {},
) {
  return show(c, {
    title: "Setting up your account takes a little longer",
    brand,
    ...(!isStill && { refresh: REFRESH }),
    body: html`<p role="status">
        Your subscription is safe. We could not set up your account with AWS Marketplace yet; we keep trying.
      </p>
      <p>
        ${isStill ? "" : "This page goes on by itself as soon as that is done."} You may also close it and
        open it again within the next hours.
      </p>
      <p><a href="${isStill ? "?still" : "?"}">Look again now</a></p>
      ${isStill ? "" : html`<p><a href="?still">Do not load this page by itself</a></p>`}`,
  });
}
