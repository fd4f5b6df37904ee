import { and, asc, eq, isNotNull, lt, lte, sql } from "drizzle-orm";
import { findProductByCode, type Product } from "../../catalog/products.ts";
import { failureOf } from "../../http/failure.ts";
import { arrivals } from "../../ledger/schema.ts";
import { HOUR, MINUTE, SECOND } from "../../meter/hours.ts";
import { sha256Hex } from "../../sha256.ts";
import { findAgreement, registerAgreement, type Agreement } from "../agreements.ts";
import { applyNotices } from "../apply-notices.ts";
import { sealEnding } from "../ending.ts";
import { decryptToken, encryptToken, registrationKeys, ticketFor } from "./keys.ts";
import type { Surroundings } from "../surroundings.ts";

/** AWS takes a token for 4 hours (AWS Marketplace seller guide, SaaS customer onboarding). */
const TOKEN_LIFE = 4 * HOUR;

/** No token of AWS's is known to be a tenth of this; what is kept must not be of any size. */
const MAX_TOKEN_LENGTH = 8192;

/** So many customers may wait at once: whoever posts forms to a gateway whose AWS is down must not fill its ledger. */
const MAX_WAITING = 10_000;

/** Customers that one tick looks after, and how many of them at once: while AWS is down each takes its time. */
const MAX_RETRIED = 20;
const AT_ONCE = 5;

/** How long a waiting page still sends a customer on after it has done so: it may be open twice. */
const AFTER_LIFE = 10 * MINUTE;

const RETRY_DELAYS = [5 * SECOND, 5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND, MINUTE];

/** What AWS's form brings. */
export interface Form {
  readonly token: string;
  /** The product that the address names; null when it names none. */
  readonly productId: string | null;
  readonly freeTrial: boolean;
}

/** What becomes of a customer who comes. */
export type Arrival =
  | { readonly kind: "registered"; readonly agreement: Agreement }
  /** Only the customer can mend it: the link is wrong or has expired. */
  | { readonly kind: "again" }
  /** It goes on by itself, and is shown at the ticket's page. */
  | { readonly kind: "waiting"; readonly ticket: string; readonly productId: string | null }
  /** Nothing could be kept. */
  | { readonly kind: "later" };

/** Why a customer cannot be let in now. */
interface Fault {
  readonly kind: "fault";
  /** A stable name: AWS's, or ours. */
  readonly code: string;
  /** To the operator. */
  readonly detail: string;
  /** Whether a person has to mend something. */
  readonly needsPerson: boolean;
}

/** Lets a customer in: resolves the token at once, or keeps it, encrypted, while that cannot be done. */
export async function arrive(surroundings: Surroundings, form: Form): Promise<Arrival> {
  if (form.token === "" || form.token.length > MAX_TOKEN_LENGTH) return { kind: "again" };
  const outcome = await letIn(surroundings, form);
  switch (outcome.kind) {
    case "registered":
      await remember(surroundings, form, outcome.agreement);
      return outcome;
    case "again":
      return (await recall(surroundings, form.token)) ?? outcome;
    case "fault": {
      const { code, detail } = outcome;
      surroundings.report(`a customer cannot be let in yet: ${detail}`, { code });
      return keep(surroundings, form, outcome);
    }
  }
}

/** Finds out who it is, and registers the agreement. */
async function letIn(
  surroundings: Surroundings,
  { token, productId, freeTrial }: Form,
): Promise<Extract<Arrival, { kind: "registered" | "again" }> | Fault> {
  const { ledger, now } = surroundings;
  const resolved = await surroundings.resolveCustomer(token);
  if (!resolved.ok) {
    const { advice, code, message } = resolved.error;
    // Only what the customer can mend is shown as theirs; our own settings never look like an expired link. The token
    // is all that the request has, so that a request which is wrong in itself has a token that is.
    if (advice === "tell-customer" || advice === "fix-record") return { kind: "again" };
    return { kind: "fault", code, detail: message, needsPerson: advice !== "retry" };
  }
  const { ProductCode = "", CustomerAWSAccountId, LicenseArn, CustomerIdentifier } = resolved.value;
  const product = await findProductByCode(ledger, ProductCode);
  if (product === null || (productId !== null && product.id !== productId))
    return misplaced(ProductCode, productId, product);
  const registered = await registerAgreement(ledger, {
    product,
    accountId: CustomerAWSAccountId ?? null,
    licenseArn: LicenseArn ?? null,
    customerIdentifier: CustomerIdentifier === "" ? null : (CustomerIdentifier ?? null),
    freeTrial,
    now: now(),
  });
  if (registered === null) {
    const detail = `AWS has told too little of a customer of product "${product.id}": records of concurrent agreements need an account and a LicenseArn. Is its concurrentAgreements right?`;
    return { kind: "fault", code: "CustomerNotIdentified", detail, needsPerson: true };
  }
  return { kind: "registered", agreement: await caughtUp(surroundings, registered) };
}

/** The agreement as its notices have it. The customer is known by now: what fails here is done by the next tick. */
async function caughtUp(surroundings: Surroundings, registered: Agreement): Promise<Agreement> {
  const { ledger, now, report } = surroundings;
  try {
    const agreement = (await applyNotices(ledger, registered.id, now())) ?? registered;
    await sealEnding(surroundings, agreement);
    return agreement;
  } catch (error) {
    report(
      `a customer is let in, and the notices of the agreement wait for the next tick: ${failureOf(error)}`,
      { agreement: registered.id },
    );
    return registered;
  }
}

function misplaced(productCode: string, wanted: string | null, found: Product | null): Fault {
  const detail =
    found === null
      ? `a customer of product code "${productCode}" has come, and there is no such product: POST /v1/products adds it.`
      : `a customer of product "${found.id}" has come to the address of product "${wanted}": mend the fulfillment URL of the listing.`;
  return { kind: "fault", code: "ProductUnknown", detail, needsPerson: true };
}

/**
 * Notes whose token it was: AWS may take one only once, and a browser sends the form again when its page is loaded
 * again. Of the token itself nothing is kept, also if it has waited.
 */
async function remember(
  { ledger, now, secret }: Surroundings,
  { token, productId, freeTrial }: Form,
  { id: agreementId }: Agreement,
): Promise<void> {
  if (secret === null) return;
  const id = await sha256Hex(await ticketFor(await registrationKeys(secret), token));
  const at = now();
  await ledger
    .insert(arrivals)
    .values({
      id,
      token: null,
      productId,
      freeTrial,
      arrivedAt: at,
      expiresAt: at + TOKEN_LIFE,
      nextAttemptAt: at,
      attempts: 1,
      needsPerson: false,
      agreementId,
    })
    .onConflictDoUpdate({ target: arrivals.id, set: { token: null, agreementId } });
}

/** Who came with a token that AWS does not take any more; null when nobody is known to have. */
async function recall(surroundings: Surroundings, token: string): Promise<Arrival | null> {
  const { ledger, now, secret } = surroundings;
  if (secret === null) return null;
  const id = await sha256Hex(await ticketFor(await registrationKeys(secret), token));
  const row = await ledger.query.arrivals.findFirst({ where: eq(arrivals.id, id) });
  if (row === undefined || row.agreementId === null || now() >= row.expiresAt) return null;
  const agreement = await findAgreement(ledger, row.agreementId);
  return agreement === null ? null : { kind: "registered", agreement };
}

async function keep(
  surroundings: Surroundings,
  { token, productId, freeTrial }: Form,
  fault: Fault,
): Promise<Arrival> {
  const { ledger, now, secret } = surroundings;
  if (secret === null) return { kind: "later" };
  const keys = await registrationKeys(secret);
  const ticket = await ticketFor(keys, token);
  const id = await sha256Hex(ticket);
  const waiting = await ledger.$count(arrivals, isNotNull(arrivals.token));
  if (waiting >= MAX_WAITING) return { kind: "later" };
  const at = now();
  await ledger
    .insert(arrivals)
    .values({
      id,
      token: await encryptToken(keys, token, id),
      productId,
      freeTrial,
      arrivedAt: at,
      expiresAt: at + TOKEN_LIFE,
      nextAttemptAt: at + (RETRY_DELAYS[0] ?? 0),
      attempts: 1,
      errorCode: fault.code,
      errorDetail: fault.detail,
      needsPerson: fault.needsPerson,
      agreementId: null,
    })
    // The same customer once more, perhaps by the right address now.
    .onConflictDoUpdate({ target: arrivals.id, set: { productId } });
  return { kind: "waiting", ticket, productId };
}

/** How it is with the customer of a waiting page; tries again if it is time to. */
export async function lookAfter(surroundings: Surroundings, ticket: string): Promise<Arrival> {
  const { ledger, now } = surroundings;
  const id = await sha256Hex(ticket);
  await retry(surroundings, id);
  const row = await ledger.query.arrivals.findFirst({ where: eq(arrivals.id, id) });
  if (row === undefined || now() >= row.expiresAt) return { kind: "again" };
  const agreement = row.agreementId === null ? null : await findAgreement(ledger, row.agreementId);
  if (agreement === null) return { kind: "waiting", ticket, productId: row.productId };
  // Each visit is given a code, and the address stays in the browser's history.
  const end = Math.min(row.expiresAt, now() + AFTER_LIFE);
  await ledger.update(arrivals).set({ expiresAt: end }).where(eq(arrivals.id, id));
  return { kind: "registered", agreement };
}

/** Tries again for all customers who wait and whose time to be tried has come. One's failure is no other's. */
export async function retryArrivals(surroundings: Surroundings): Promise<void> {
  const { ledger, now } = surroundings;
  await ledger.delete(arrivals).where(lt(arrivals.expiresAt, now()));
  const due = await ledger
    .select({ id: arrivals.id })
    .from(arrivals)
    .where(and(isNotNull(arrivals.token), lte(arrivals.nextAttemptAt, now())))
    .orderBy(asc(arrivals.nextAttemptAt))
    .limit(MAX_RETRIED);
  const faults: unknown[] = [];
  for (let from = 0; from < due.length; from += AT_ONCE) {
    const retried = due.slice(from, from + AT_ONCE).map(({ id }) => retry(surroundings, id));
    for (const one of await Promise.allSettled(retried))
      if (one.status === "rejected") faults.push(one.reason);
  }
  if (faults.length > 0) throw faults[0];
}

async function retry(surroundings: Surroundings, id: string): Promise<void> {
  const { ledger, now, secret } = surroundings;
  if (secret === null) return;
  // The claim: a page that is loaded often, and a tick beside it, ask AWS once.
  const [claimed] = await ledger
    .update(arrivals)
    .set({ nextAttemptAt: now() + MINUTE, attempts: sql`${arrivals.attempts} + 1` })
    .where(and(eq(arrivals.id, id), isNotNull(arrivals.token), lte(arrivals.nextAttemptAt, now())))
    .returning();
  if (claimed?.token === undefined || claimed.token === null) return;
  const token = await decryptToken(await registrationKeys(secret), claimed.token, id);
  // Encrypted by a secret that has been changed since: the customer comes again.
  const outcome =
    token === null ? ({ kind: "again" } as const) : await letIn(surroundings, { ...claimed, token });
  const row = eq(arrivals.id, id);
  switch (outcome.kind) {
    case "again":
      // Not if the customer has come in by another way meanwhile, by which AWS has taken the token.
      await ledger.delete(arrivals).where(and(row, isNotNull(arrivals.token)));
      return;
    case "registered":
      await ledger.update(arrivals).set({ token: null, agreementId: outcome.agreement.id }).where(row);
      return;
    case "fault":
      await ledger
        .update(arrivals)
        .set({
          nextAttemptAt:
            now() + (RETRY_DELAYS[Math.min(claimed.attempts, RETRY_DELAYS.length) - 1] ?? MINUTE),
          errorCode: outcome.code,
          errorDetail: outcome.detail,
          needsPerson: outcome.needsPerson,
        })
        .where(row);
  }
}
