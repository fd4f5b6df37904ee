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
import { againPage, laterPage, tooLargePage } from "./pages/pages.ts";
import { endedPage, signedUpPage, signUpPage, type SignUpForm } from "./pages/sign-up-pages.ts";
import { contactOf, enteredIn, errorsOf, formOf, signUp } from "./sign-up.ts";

/** The customer whose sign-up page is open. */
interface OpenCode {
  readonly code: string;
  readonly agreement: Agreement;
  readonly product: Product;
  /** Whether it is used up. */
  readonly isRedeemed: boolean;
}

/** The query of an address that says that what was posted to it came too late. */
const LATE = "late";

const NOTHING: SignUpForm = { email: "", name: "", company: "" };

/** The gateway's own sign-up page, as the holder of a code sees it. */
export async function showSignUp(c: Context<AppEnv>): Promise<Response> {
  const opened = await openCode(c);
  if (opened instanceof Response) return opened;
  const { agreement, product, isRedeemed } = opened;
  const isLate = c.req.query(LATE) !== undefined;
  if (agreement.endedAt !== null) return endedPage(c, product, { endedAt: agreement.endedAt, isLate });
  const contact = await contactOf(surroundingsOf(c.env).ledger, agreement);
  const known = contact?.email ?? null;
  if (isRedeemed) return signedUpPage(c, product, { known, isLate });
  // A customer who comes again sees what was given, and changes what is wrong of it.
  return signUpPage(c, product, { form: contact === null ? NOTHING : formOf(contact), known });
}

/** Takes what a customer has written there. */
export async function takeSignUp(c: Context<AppEnv>): Promise<Response> {
  const posted = await readForm(c);
  if (posted === null) return tooLargePage(c, null, { isForm: true });
  const opened = await openCode(c);
  if (opened instanceof Response) return opened;
  const { code, agreement, product, isRedeemed } = opened;
  const { ledger, now } = surroundingsOf(c.env);
  const form = enteredIn(posted);
  // The page says by itself what has ended; and what is written now is no use to anybody.
  if (!isRedeemed && agreement.endedAt === null) {
    const errors = errorsOf(form);
    if (Object.keys(errors).length > 0) {
      const known = (await contactOf(ledger, agreement))?.email ?? null;
      return signUpPage(c, product, { form, errors, known });
    }
    await signUp(ledger, { code, agreement, form }, now());
  }
  // Of two that are sent from one page the first counts, and whoever sent the other is to know.
  const taken = await contactOf(ledger, agreement);
  const isTaken = taken !== null && isSame(formOf(taken), form);
  // The same address shows that it is done; loading it again posts nothing.
  return c.redirect(`/registration/${code}${isTaken ? "" : `?${LATE}`}`, 303);
}

const isSame = (one: SignUpForm, other: SignUpForm): boolean =>
  one.email === other.email && one.name === other.name && one.company === other.company;

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
