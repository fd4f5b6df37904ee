import { sql } from "drizzle-orm";
import { z } from "zod";
import { inOneTransaction, type Ledger } from "../../ledger/database.ts";
import { contacts } from "../../ledger/schema.ts";
import { sha256Hex } from "../../sha256.ts";
import { isText } from "../../text.ts";
import { messageId, writeMessages } from "../../webhooks/messages.ts";
import { presentAgreement } from "../agreement-view.ts";
import type { Agreement } from "../../ledger/agreements.ts";
import type { PostedForm } from "./forms.ts";
import type { SignUpErrors, SignUpForm } from "./pages/sign-up-pages.ts";

export type Contact = typeof contacts.$inferSelect;

const MAX_EMAIL = 254;
const MAX_TEXT = 200;

/**
 * Marks that nobody sees and nobody means to send: they come along when text is copied, most of all where it is written
 * from right to left. Those that join letters or keep them apart (U+200C, U+200D) are part of how some names are written.
 */
const INVISIBLE = /[\p{Bidi_Control}\u00ad\u200b\u2060\ufeff]/gu;

/** What does harm where a name is shown or written into the header of a mail. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** What a customer has written into the form, without what is not seen of it. */
export function enteredIn(posted: PostedForm): SignUpForm {
  const entered = (field: keyof SignUpForm) =>
    posted(field).replaceAll(INVISIBLE, "").replaceAll("\t", " ").trim();
  return { email: entered("email"), name: entered("name"), company: entered("company") };
}

/** A contact as the form that gave it. */
export const formOf = ({ email, name, company }: Contact): SignUpForm => ({
  email,
  name: name ?? "",
  company: company ?? "",
});

/** What is wrong with a form, in words for the customer; empty when nothing is. */
export function errorsOf({ email, name, company }: SignUpForm): SignUpErrors {
  const isShort = (text: string) => text.length <= MAX_TEXT && isText(text) && !UNPRINTABLE.test(text);
  const tooLong = `Use at most ${MAX_TEXT} characters, in one line.`;
  const wrongEmail = errorOfEmail(email);
  return {
    ...(wrongEmail !== null && { email: wrongEmail }),
    ...(!isShort(name) && { name: tooLong }),
    ...(!isShort(company) && { company: tooLong }),
  };
}

function errorOfEmail(email: string): string | null {
  if (email === "") return "Enter your e-mail address.";
  if (email.length <= MAX_EMAIL && z.email().safeParse(email).success) return null;
  // Composed, so that an accent is shown with its letter.
  const [foreign] = /[^\p{ASCII}]/u.exec(email.normalize("NFC")) ?? [];
  return foreign === undefined
    ? "Enter an e-mail address like name@example.com."
    : `Enter an e-mail address like name@example.com, of letters without accents: “${foreign}” cannot be used here.`;
}

/**
 * Keeps what a customer wrote, uses up the code, and tells the seller, in one transaction.
 *
 * @param now epoch milliseconds
 */
export async function signUp(
  ledger: Ledger,
  {
    code,
    agreement,
    form,
  }: { readonly code: string; readonly agreement: Agreement; readonly form: SignUpForm },
  now: number,
): Promise<void> {
  const { id } = agreement;
  const { email, name, company } = form;
  const contact = { email, name: name === "" ? null : name, company: company === "" ? null : company };
  await inOneTransaction(ledger, [
    sql`
      UPDATE registration_codes SET redeemed_at = ${now}
      WHERE id = ${await sha256Hex(code)} AND redeemed_at IS NULL`,
    sql`
      INSERT INTO contacts (agreement_id, email, name, company, given_at)
      SELECT ${id}, ${email}, ${contact.name}, ${contact.company}, ${now} WHERE changes() > 0
      ON CONFLICT DO UPDATE SET email = excluded.email, name = excluded.name, company = excluded.company,
                                given_at = excluded.given_at`,
    writeMessages(
      [
        {
          id: messageId(now, `${id}_signed_up`),
          type: "agreement.signed_up",
          agreementId: id,
          data: { ...presentAgreement(agreement, now), contact },
        },
      ],
      now,
      sql`changes() > 0`,
    ),
  ]);
}

/** What the customer of an agreement wrote last; null when nothing is known. */
export async function contactOf(ledger: Ledger, { id }: Agreement): Promise<Contact | null> {
  return (await contactsOf(ledger, [id]))[0] ?? null;
}

/** What the customers of agreements wrote. */
export function contactsOf(ledger: Ledger, agreementIds: readonly string[]): Promise<Contact[]> {
  return ledger
    .select()
    .from(contacts)
    .where(sql`agreement_id IN (SELECT value FROM json_each(${JSON.stringify(agreementIds)}))`);
}

/**
 * Erases what the customers of agreements wrote, here and in the webhook messages that have told it. The books know
 * nothing of it.
 *
 * @returns of how many there was anything
 */
export async function eraseContacts(ledger: Ledger, agreementIds: readonly string[]): Promise<number> {
  const isOne = sql`agreement_id IN (SELECT value FROM json_each(${JSON.stringify(agreementIds)}))`;
  const [erased = []] = await inOneTransaction(ledger, [
    sql`DELETE FROM contacts WHERE ${isOne} RETURNING agreement_id`,
    sql`DELETE FROM messages WHERE ${isOne} AND type = 'agreement.signed_up'`,
  ]);
  return erased.length;
}
