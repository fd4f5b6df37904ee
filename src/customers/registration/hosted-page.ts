import type { Context } from "hono";
import { findProduct, type Product } from "../../catalog/products.ts";
import type { AppEnv } from "../../http/router.ts";
import type { Agreement } from "../../ledger/agreements.ts";
import { surroundingsOf } from "../surroundings.ts";
import { brandOf } from "./brand.ts";
import { findCode } from "./codes.ts";
import { readForm } from "./forms.ts";
import { isCode } from "./keys.ts";
import { noteMissingSecret } from "./lost-arrivals.ts";
import {
  againPage,
  laterPage,
  signedUpPage,
  signUpPage,
  tooLargePage,
  type SignUpForm,
} from "./pages/pages.ts";
import { contactsOf, errorsOf, signUp } from "./sign-up.ts";

/** The customer whose sign-up page is open. */
interface OpenCode {
  readonly code: string;
  readonly agreement: Agreement;
  readonly product: Product;
  /** Whether it is used up. */
  readonly isRedeemed: boolean;
}

/** The gateway's own sign-up page, as the holder of a code sees it. */
export async function showSignUp(c: Context<AppEnv>): Promise<Response> {
  const opened = await openCode(c);
  if (opened instanceof Response) return opened;
  const { agreement, product, isRedeemed } = opened;
  if (!isRedeemed) return signUpPage(c, product);
  const contacts = await contactsOf(surroundingsOf(c.env).ledger, [agreement.id]);
  return signedUpPage(c, product, { isReachable: contacts.length > 0 });
}

/** Takes what a customer has written there. */
export async function takeSignUp(c: Context<AppEnv>): Promise<Response> {
  const posted = await readForm(c);
  if (posted === null) return tooLargePage(c, null, { isForm: true });
  const opened = await openCode(c);
  if (opened instanceof Response) return opened;
  const { code, agreement, product, isRedeemed } = opened;
  const form: SignUpForm = { email: posted("email"), name: posted("name"), company: posted("company") };
  const errors = errorsOf(form);
  if (!isRedeemed && Object.keys(errors).length > 0) return signUpPage(c, product, { form, errors });
  const { ledger, now } = surroundingsOf(c.env);
  if (!isRedeemed) await signUp(ledger, { code, agreement, form }, now());
  // The same address shows that it is done; loading it again posts nothing.
  return c.redirect(`/registration/${code}`, 303);
}

/**
 * Whose the code in the address is, or the page that says why that cannot be shown. A code that was made for the
 * seller's own page is not to be used up here, where the seller cannot redeem it.
 */
async function openCode(c: Context<AppEnv>): Promise<OpenCode | Response> {
  const surroundings = surroundingsOf(c.env);
  const { ledger, secret, now } = surroundings;
  const code = c.req.param("code") ?? "";
  const startAgain = async () => againPage(c, await brandOf(ledger, null));
  // A crawler that tries addresses is no customer.
  if (!isCode(code)) return startAgain();
  if (secret === null) {
    await noteMissingSecret(surroundings);
    return laterPage(c, null, { isLoadedAgain: c.req.method === "GET" });
  }
  const found = await findCode(ledger, secret, code, now());
  if (!("agreement" in found)) return startAgain();
  const { agreement } = found;
  const product = await findProduct(ledger, agreement.productId);
  if (product?.signUpUrl !== null) return startAgain();
  return { code, agreement, product, isRedeemed: found.kind === "redeemed" };
}
