import type { Context } from "hono";
import { html } from "hono/html";
import type { AppEnv } from "../../../http/router.ts";
import { sellerName, show, type Brand } from "./layout.ts";

const START_AGAIN =
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

/** What a customer wrote, as it was posted. */
export interface SignUpForm {
  readonly email: string;
  readonly name: string;
  readonly company: string;
}

export type SignUpErrors = { readonly [Field in keyof SignUpForm]?: string };

const NO_SIGN_UP: SignUpForm = { email: "", name: "", company: "" };

/** The hosted page: asks for what the seller needs to get in touch. */
export function signUpPage(
  c: Context<AppEnv>,
  brand: Brand,
  { form = NO_SIGN_UP, errors = {} }: { readonly form?: SignUpForm; readonly errors?: SignUpErrors } = {},
) {
  const [firstError] = Object.keys(errors);
  const hasErrors = firstError !== undefined;
  const seller = sellerName(brand) ?? "us";
  return show(c, {
    title: hasErrors ? "Please check what you entered" : "Set up your account",
    status: hasErrors ? 400 : 200,
    brand,
    body: html`<p>Thank you for subscribing to ${brand?.name ?? "our product"} on AWS Marketplace.</p>
      <form method="post" novalidate>
        ${field({
          name: "email",
          label: "E-mail address",
          hint: `${seller} writes to you here about your account.`,
          value: form.email,
          error: errors.email,
          isFirst: firstError === "email",
          attributes: html`type="email" autocomplete="email" required maxlength="254"`,
        })}
        ${field({
          name: "name",
          label: "Your name (optional)",
          value: form.name,
          error: errors.name,
          isFirst: firstError === "name",
          attributes: html`autocomplete="name" maxlength="200"`,
        })}
        ${field({
          name: "company",
          label: "Company (optional)",
          value: form.company,
          error: errors.company,
          isFirst: firstError === "company",
          attributes: html`autocomplete="organization" maxlength="200"`,
        })}
        <button type="submit">Finish</button>
      </form>
      <h2>What happens next</h2>
      <p class="next">${nextSteps(brand)}</p>
      <p>AWS bills you for what you use; we never ask for payment details.</p>`,
  });
}

interface Field {
  readonly name: keyof SignUpForm;
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly error: string | undefined;
  readonly attributes: ReturnType<typeof html>;
  /** Whether it is the first that has to be mended: there the customer goes on. */
  readonly isFirst: boolean;
}

function field({ name, label, hint, value, error, attributes, isFirst }: Field) {
  const described = [hint === undefined ? "" : `${name}-hint`, error === undefined ? "" : `${name}-error`];
  const by = described.filter((id) => id !== "").join(" ");
  return html`<label for="${name}">${label}</label>
    ${hint === undefined ? "" : html`<p class="hint" id="${name}-hint">${hint}</p>`}
    ${error === undefined ? "" : html`<p class="error" id="${name}-error" role="alert">${error}</p>`}
    <input
      id="${name}"
      name="${name}"
      value="${value}"
      ${attributes}
      ${by === "" ? "" : html`aria-describedby="${by}"`}
      ${error === undefined ? "" : html`aria-invalid="true"`}
      ${isFirst ? "autofocus" : ""}
    />`;
}

/**
 * The hosted page when its code is used up.
 *
 * @param options.isReachable whether the customer has said where to be reached: the code may have been redeemed elsewhere
 */
export function signedUpPage(
  c: Context<AppEnv>,
  brand: Brand,
  { isReachable }: { readonly isReachable: boolean },
) {
  return show(c, {
    title: "Your account is being set up",
    brand,
    body: html`<p role="status">
        Your subscription is
        confirmed${
          isReachable
            ? `, and ${sellerName(brand) ?? "we"} know${sellerName(brand) === null ? "" : "s"} how to reach you`
            : ""
        }.
      </p>
      <h2>What happens next</h2>
      <p class="next">${nextSteps(brand)}</p>
      <p>You may close this page.</p>`,
  });
}

function nextSteps(brand: Brand): string {
  return (
    brand?.page?.next ??
    `${sellerName(brand) ?? "We"} will write to you with how to sign in and what to do first.`
  );
}
