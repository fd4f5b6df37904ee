import type { Context } from "hono";
import { html } from "hono/html";
import type { Product } from "../../../catalog/products.ts";
import type { AppEnv } from "../../../http/router.ts";
import { show } from "./layout.ts";
import { START_AGAIN } from "./pages.ts";

/** The product that a customer signs up for. */
type Seller = Pick<Product, "name" | "page" | "contract">;

/** The name that a customer knows the seller by. */
const sellerOf = ({ name, page }: Seller): string => page?.seller ?? name;

type Html = ReturnType<typeof html>;

/** What a customer wrote, as it was posted. */
export interface SignUpForm {
  readonly email: string;
  readonly name: string;
  readonly company: string;
}

export type SignUpErrors = { readonly [Field in keyof SignUpForm]?: string };

interface SignUpOptions {
  readonly form: SignUpForm;
  readonly errors?: SignUpErrors;
  /** Where the customer is written to already, by what was given at an earlier visit; null of one who is new. */
  readonly known: string | null;
}

/** The hosted page: asks for what the seller needs to get in touch. */
export function signUpPage(c: Context<AppEnv>, product: Seller, { form, errors = {}, known }: SignUpOptions) {
  const [firstError] = Object.keys(errors);
  const hasErrors = firstError !== undefined;
  return show(c, {
    title: hasErrors
      ? "Please check what you entered"
      : known === null
        ? "Set up your account"
        : "You have signed up already",
    status: hasErrors ? 400 : 200,
    brand: product,
    body: html`${
        known === null
          ? html`<p>Thank you for subscribing to ${product.name} on AWS Marketplace.</p>`
          : html`<p>There is no need to do it again: ${writesTo(product, known)}</p>
              <h2>Change what you have given</h2>`
      }
      ${signUpForm(product, { form, errors, button: known === null ? "Finish" : "Change" })}
      <h2>What happens next</h2>
      <p class="next">${nextSteps(product)}</p>
      <p>
        ${product.contract ? "You pay on AWS Marketplace, as your contract says" : "AWS bills you for what you use"};
        we never ask for payment details.
      </p>`,
  });
}

function signUpForm(
  product: Seller,
  {
    form,
    errors,
    button,
  }: { readonly form: SignUpForm; readonly errors: SignUpErrors; readonly button: string },
): Html {
  const [firstError] = Object.keys(errors);
  return html`<form method="post" novalidate>
    ${field({
      name: "email",
      label: "E-mail address",
      hint: `${sellerOf(product)} writes to you here about your account.`,
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
    <button type="submit">${button}</button>
  </form>`;
}

interface Field {
  readonly name: keyof SignUpForm;
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly error: string | undefined;
  readonly attributes: Html;
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
 * @param options.known where the customer is written to; null when that is not known: the code may have been redeemed elsewhere
 * @param options.isLate whether something else was sent than what was taken, and came too late
 */
export function signedUpPage(
  c: Context<AppEnv>,
  product: Seller,
  { known, isLate }: { readonly known: string | null; readonly isLate: boolean },
) {
  return show(c, {
    title: "Your account is being set up",
    brand: product,
    body: html`${isLate ? NOT_TAKEN : ""}
      <p role="status">
        Your subscription is confirmed. ${known === null ? "" : html`${writesTo(product, known)}`}
      </p>
      ${known === null && !isLate ? "" : html`<p>Is that not right? ${START_AGAIN} There you can change it.</p>`}
      <h2>What happens next</h2>
      <p class="next">${nextSteps(product)}</p>
      <p>You may close this page.</p>`,
  });
}

/**
 * The hosted page of an agreement that has ended: there is no account to set up any more.
 *
 * @param options.endedAt epoch milliseconds
 * @param options.isLate whether something was sent all the same
 */
export function endedPage(
  c: Context<AppEnv>,
  product: Seller,
  { endedAt, isLate }: { readonly endedAt: number; readonly isLate: boolean },
) {
  const day = new Date(endedAt).toLocaleDateString("en", { dateStyle: "long", timeZone: "UTC" });
  return show(c, {
    title: "Your subscription has ended",
    brand: product,
    body: html`${isLate ? html`<p class="error" role="alert">What you have just sent was not taken.</p>` : ""}
      <p role="status">
        AWS Marketplace says that your subscription to ${product.name} ended on ${day} (UTC). There is nothing
        to set up any more.
      </p>
      <p>
        Do you want to go on with ${product.name}? Subscribe to it on AWS Marketplace again, then press "Set
        up your account" there.
      </p>
      <p>
        Have you just done so? It takes some minutes until AWS Marketplace tells us.
        <a href="?">Look again now</a>
      </p>`,
  });
}

const NOT_TAKEN = html`<p class="error" role="alert">
  What you have just sent was not taken: this form had been sent before.
</p>`;

const writesTo = (product: Seller, email: string): Html =>
  html`${sellerOf(product)} writes to <strong>${email}</strong>.`;

function nextSteps(product: Seller): string {
  return (
    product.page?.next ?? `${sellerOf(product)} will write to you with how to sign in and what to do first.`
  );
}
