import { eq, lt, sql } from "drizzle-orm";
import { inOneTransaction, type Ledger } from "../../ledger/database.ts";
import { registrationCodes } from "../../ledger/schema.ts";
import { HOUR, MINUTE } from "../../meter/hours.ts";
import { sha256Hex } from "../../sha256.ts";
import { findAgreement, type Agreement } from "../../ledger/agreements.ts";
import { findHolder, isAwsNameOfAnother, othersWithOwnId, releaseOwnId } from "../own-id.ts";
import { expiryOfCode, newCode, registrationKeys } from "./keys.ts";
import { forgetNames } from "../resolve-names.ts";

/** The seller's page passes the code on at once. */
const REDIRECT_LIFE = 10 * MINUTE;

/** A form may take a customer as long as it takes: a limit of 20 hours is none (WCAG 2.2, 2.2.1 Timing Adjustable). */
const FORM_LIFE = 24 * HOUR;

const LIVES = { redirect: REDIRECT_LIFE, form: FORM_LIFE } as const;

/** Makes a one-time code for an agreement. Only its hash is kept. */
export async function issueCode(
  ledger: Ledger,
  secret: string,
  {
    agreementId,
    use,
    now,
  }: { readonly agreementId: string; readonly use: keyof typeof LIVES; readonly now: number },
): Promise<string> {
  const expiresAt = now + LIVES[use];
  const code = await newCode(await registrationKeys(secret), expiresAt, (bytes) =>
    crypto.getRandomValues(bytes),
  );
  await ledger.insert(registrationCodes).values({ id: await sha256Hex(code), agreementId, expiresAt });
  return code;
}

export type FoundCode =
  | { readonly kind: "valid"; readonly agreement: Agreement }
  /** With the seller's own id that it was redeemed with, if any. */
  | { readonly kind: "redeemed"; readonly agreement: Agreement; readonly customer: string | null }
  | { readonly kind: "expired" | "unknown" };

/** What a code stands for, without redeeming it. */
export async function findCode(
  ledger: Ledger,
  secret: string,
  code: string,
  now: number,
): Promise<FoundCode> {
  const expiresAt = await expiryOfCode(await registrationKeys(secret), code);
  if (expiresAt === null) return { kind: "unknown" };
  if (now >= expiresAt) return { kind: "expired" };
  const where = eq(registrationCodes.id, await sha256Hex(code));
  const row = await ledger.query.registrationCodes.findFirst({ where });
  const agreement = row === undefined ? null : await findAgreement(ledger, row.agreementId);
  if (row === undefined || agreement === null) return { kind: "unknown" };
  return row.redeemedAt === null
    ? { kind: "valid", agreement }
    : { kind: "redeemed", agreement, customer: row.customer };
}

export interface Redemption {
  readonly code: string;
  /** Only an agreement of this product; null for any. */
  readonly productId: string | null;
  /** The seller's own id for the customer; null to set none. */
  readonly customer: string | null;
  /** Only to see whose code it is: nothing changes, and the code still holds. */
  readonly preview: boolean;
  readonly now: number;
}

export type Redeemed =
  | { readonly ok: true; readonly agreement: Agreement }
  | { readonly ok: false; readonly reason: "unknown" | "expired" | "redeemed" }
  /** The id is another agreement's, or the agreement has another id; the code still holds. Null when the holder is gone by now. */
  | { readonly ok: false; readonly reason: "taken"; readonly holder: string | null }
  | { readonly ok: false; readonly reason: "named"; readonly customer: string };

/**
 * Redeems a code, once, and sets the seller's own id for the customer in the same transaction. A code that is refused
 * or only previewed stays as it was; one that is redeemed with the same id again, since the answer was lost, is answered
 * again.
 */
export async function redeemCode(ledger: Ledger, secret: string, redemption: Redemption): Promise<Redeemed> {
  const { code, productId, customer, preview, now } = redemption;
  const found = await findCode(ledger, secret, code, now);
  if (!("agreement" in found)) return { ok: false, reason: found.kind };
  const { id, productId: product, customer: named } = found.agreement;
  if (productId !== null && product !== productId) return { ok: false, reason: "unknown" };
  if (found.kind === "redeemed") return redeemedBefore(found, customer);
  if (preview) return { ok: true, agreement: found.agreement };
  const otherName = otherNameOf(found.agreement, customer);
  if (otherName !== null) return { ok: false, reason: "named", customer: otherName };
  const hash = await sha256Hex(code);
  const isFree = sql`NOT EXISTS (${othersWithOwnId(product, customer, id)} AND ended_at IS NULL)
                     AND NOT ${isAwsNameOfAnother(product, customer, id)}`;
  // Of two codes of one customer that are redeemed at once, the second is to find the first one's id.
  const isNamedSo = sql`EXISTS (SELECT 1 FROM agreements WHERE id = ${id} AND coalesce(customer, ${customer}) IS coalesce(${customer}, customer))`;
  const isRedeemed = sql`EXISTS (SELECT 1 FROM registration_codes WHERE id = ${hash} AND customer = ${customer})`;
  const [redeemed = []] = await inOneTransaction(ledger, [
    sql`
      UPDATE registration_codes SET redeemed_at = ${now}, customer = ${customer}
      WHERE id = ${hash} AND redeemed_at IS NULL AND ${isFree} AND ${isNamedSo} RETURNING id`,
    releaseOwnId(sql`${othersWithOwnId(product, customer, id)} AND ${isRedeemed}`),
    sql`UPDATE agreements SET customer = ${customer} WHERE id = ${id} AND ${isRedeemed}`,
  ]);
  forgetNames();
  if (redeemed.length > 0)
    return { ok: true, agreement: { ...found.agreement, customer: customer ?? named } };
  const again = await findCode(ledger, secret, code, now);
  if (!("agreement" in again)) return { ok: false, reason: again.kind };
  if (again.kind === "redeemed") return redeemedBefore(again, customer);
  const newName = otherNameOf(again.agreement, customer);
  return newName === null
    ? { ok: false, reason: "taken", holder: await findHolder(ledger, again.agreement, customer) }
    : { ok: false, reason: "named", customer: newName };
}

/** The id that the customer is known by already, if another is wanted: its usage comes under that one. */
function otherNameOf({ customer: named }: Agreement, wanted: string | null): string | null {
  return wanted !== null && named !== wanted ? named : null;
}

function redeemedBefore(found: Extract<FoundCode, { kind: "redeemed" }>, customer: string | null): Redeemed {
  const isSame = customer !== null && customer === found.customer && customer === found.agreement.customer;
  return isSame ? { ok: true, agreement: found.agreement } : { ok: false, reason: "redeemed" };
}

/** Forgets codes that nobody can redeem any more. */
export async function dropExpiredCodes(ledger: Ledger, now: number): Promise<void> {
  await ledger.delete(registrationCodes).where(lt(registrationCodes.expiresAt, now));
}
