import { and, asc, eq, isNotNull, lte, sql } from "drizzle-orm";
import { failureOf } from "../../http/failure.ts";
import { arrivals } from "../../ledger/schema.ts";
import { HOUR, MINUTE, SECOND } from "../../meter/hours.ts";
import { sha256Hex } from "../../sha256.ts";
import { findAgreement, type Agreement } from "../../ledger/agreements.ts";
import { eachOf } from "../../each-of.ts";
import { decryptToken, encryptToken, registrationKeys, ticketFor, type RegistrationKeys } from "./keys.ts";
import { letIn, PRODUCT_UNKNOWN, type Fault, type LetIn, type Visitor } from "./let-in.ts";
import { giveUpLapsed, keptAsLost, noteMissingSecret, noteSentAway } from "./lost-arrivals.ts";
import type { Surroundings } from "../surroundings.ts";

/** AWS takes a token for 4 hours (AWS Marketplace seller guide, SaaS customer onboarding). */
const TOKEN_LIFE = 4 * HOUR;

/** No token of AWS's is known to be a tenth of this; what is kept must not be of any size. */
const MAX_TOKEN_LENGTH = 8192;

/**
 * So many customers may wait at once: whoever posts forms to a gateway whose AWS is down must not fill its ledger, nor
 * keep the others from their turn before their tokens end.
 */
const MAX_WAITING = 20_000;

/** Customers that one slice looks after, some thirty queries each, and how many at once: while AWS is down each takes its time. */
export const MAX_RETRIED = 30;
const AT_ONCE = 5;

/** How long a waiting page still sends a customer on after it has done so: it may be open twice. */
const AFTER_LIFE = 10 * MINUTE;

const RETRY_DELAYS = [5 * SECOND, 5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND, MINUTE];

/** The product of an address that cannot name one: its words are a stranger's, and are not kept. */
export const NO_PRODUCT = "";

/** What AWS's form brings. */
export type Form = Omit<Visitor, "arrivedAt">;

/** What becomes of a customer who comes. */
export type Arrival =
  | { readonly kind: "registered"; readonly agreement: Agreement }
  /** Only the customer can mend it: the link is wrong or has expired. */
  | { readonly kind: "again" }
  /** The customer has waited in vain, and comes again: no fault of theirs. */
  | { readonly kind: "lapsed"; readonly productId: string | null }
  /** It goes on by itself, and is shown at the ticket's page. */
  | { readonly kind: "waiting"; readonly ticket: string; readonly productId: string | null }
  /** Nothing could be kept. */
  | { readonly kind: "later" };

type ArrivalRow = typeof arrivals.$inferSelect;

/** Who stands at the door: by the ticket that only a holder of the token has, and by its hash, which the ledger has. */
interface Door {
  readonly keys: RegistrationKeys;
  readonly ticket: string;
  readonly id: string;
  /** What is known of an earlier visit with the same token; null of the first. */
  readonly earlier: ArrivalRow | null;
}

/** Lets a customer in: resolves the token at once, or keeps it, encrypted, while that cannot be done. */
export async function arrive(surroundings: Surroundings, form: Form): Promise<Arrival> {
  if (form.token === "" || form.token.length > MAX_TOKEN_LENGTH) return { kind: "again" };
  const { now, secret, report } = surroundings;
  const at = now();
  const door = secret === null ? null : await doorOf(surroundings, secret, form.token);
  // A form that comes again is the same visit: of one who has left since, it is no return.
  const visitor: Visitor = { ...form, arrivedAt: door?.earlier?.arrivedAt ?? at };
  const outcome = await letIn(surroundings, visitor);
  switch (outcome.kind) {
    case "registered":
      if (door === null) return outcome;
      // The customer is in: what is forgotten of the visit matters only to one who sends the form again.
      await remember(surroundings, door, visitor, outcome.agreement).catch((error: unknown) => {
        report(`it was not noted whose token it was: ${failureOf(error)}`, {
          agreement: outcome.agreement.id,
        });
      });
      return outcome;
    case "refused":
      return (await recall(surroundings, door?.earlier ?? null)) ?? { kind: "again" };
    case "fault": {
      const known = await recall(surroundings, door?.earlier ?? null);
      if (known !== null) return known;
      const { code, detail } = outcome;
      report(`a customer cannot be let in yet: ${detail}`, { code });
      if (door !== null) return keep(surroundings, door, visitor, outcome);
      await noteMissingSecret(surroundings);
      return { kind: "later" };
    }
  }
}

async function doorOf({ ledger }: Surroundings, secret: string, token: string): Promise<Door> {
  const keys = await registrationKeys(secret);
  const ticket = await ticketFor(keys, token);
  const id = await sha256Hex(ticket);
  const earlier = await ledger.query.arrivals.findFirst({ where: eq(arrivals.id, id) });
  return { keys, ticket, id, earlier: earlier ?? null };
}

/** A visit that begins, as the ledger has it. */
const visitOf = (id: string, { productId, fields, arrivedAt }: Visitor) => ({
  id,
  productId,
  fields,
  arrivedAt,
  expiresAt: arrivedAt + TOKEN_LIFE,
  attempts: 1,
});

/**
 * Notes whose token it was: AWS may take one only once, and a browser sends the form again when its page is loaded
 * again. Of the token itself nothing is kept, also if it has waited.
 */
async function remember(
  { ledger, now }: Surroundings,
  { id }: Door,
  visitor: Visitor,
  { id: agreementId }: Agreement,
): Promise<void> {
  const known = { token: null, agreementId };
  // Who has waited and comes by the button is sent on by the answer: the waiting page's address ends soon after that, too.
  const sentOnAt = sql`coalesce(${arrivals.sentOnAt}, ${now()})`;
  await ledger
    .insert(arrivals)
    .values({ ...visitOf(id, visitor), ...known, nextAttemptAt: visitor.arrivedAt, needsPerson: false })
    .onConflictDoUpdate({ target: arrivals.id, set: { ...known, sentOnAt } });
}

/** Who came with a token that AWS does not take any more, or cannot look up now; null when nobody did. */
async function recall({ ledger, now }: Surroundings, earlier: ArrivalRow | null): Promise<Arrival | null> {
  if (earlier === null || earlier.agreementId === null || now() >= earlier.expiresAt) return null;
  const agreement = await findAgreement(ledger, earlier.agreementId);
  return agreement === null ? null : { kind: "registered", agreement };
}

async function keep(
  surroundings: Surroundings,
  { keys, ticket, id, earlier }: Door,
  visitor: Visitor,
  fault: Fault,
): Promise<Arrival> {
  const { ledger, now } = surroundings;
  const { token, productId } = visitor;
  if (earlier === null && (await ledger.$count(arrivals, isNotNull(arrivals.token))) >= MAX_WAITING) {
    await noteSentAway(
      surroundings,
      "TooManyWait",
      `${MAX_WAITING} customers wait already, or somebody posts forms that nobody has sent. They wait since ${fault.detail}`,
    );
    return { kind: "later" };
  }
  const waits = {
    token: await encryptToken(keys, token, id, (bytes) => crypto.getRandomValues(bytes)),
    nextAttemptAt: now() + (RETRY_DELAYS[0] ?? 0),
    errorCode: fault.code,
    errorDetail: fault.detail,
    needsPerson: fault.needsPerson,
    agreementId: null,
  };
  await ledger
    .insert(arrivals)
    .values({ ...visitOf(id, visitor), ...waits })
    // The same customer once more, perhaps by another address.
    .onConflictDoUpdate({ target: arrivals.id, set: { productId } });
  return { kind: "waiting", ticket, productId };
}

/** How it is with the customer of a waiting page; tries again if it is time to. */
export async function lookAfter(surroundings: Surroundings, ticket: string): Promise<Arrival> {
  const { ledger, now, report } = surroundings;
  const id = await sha256Hex(ticket);
  await retry(surroundings, id).catch((error: unknown) => {
    report(`a customer who waits could not be tried: ${failureOf(error)}`, {});
  });
  const row = await ledger.query.arrivals.findFirst({ where: eq(arrivals.id, id) });
  if (row === undefined) return { kind: "again" };
  const { agreementId, expiresAt, sentOnAt } = row;
  // By the time that AWS has said whose customer it is, and it is nobody's here, the address's product is surely not it.
  const productId = row.errorCode === PRODUCT_UNKNOWN ? NO_PRODUCT : row.productId;
  const agreement = agreementId === null ? null : await findAgreement(ledger, agreementId);
  if (agreement === null) {
    const waits = row.token !== null && now() < expiresAt;
    return waits ? { kind: "waiting", ticket, productId } : { kind: "lapsed", productId };
  }
  // Each visit is given a code, and the address stays in the browser's history.
  if (now() >= Math.min(expiresAt, (sentOnAt ?? now()) + AFTER_LIFE)) return { kind: "again" };
  if (sentOnAt === null) await ledger.update(arrivals).set({ sentOnAt: now() }).where(eq(arrivals.id, id));
  return { kind: "registered", agreement };
}

/**
 * Tries again for customers who wait and whose time to be tried has come. One's failure is no other's.
 *
 * @returns whether to go on at once: more may be due, and AWS answers
 */
export async function retryArrivals(surroundings: Surroundings): Promise<boolean> {
  const { ledger, now } = surroundings;
  await giveUpLapsed(surroundings);
  const due = await ledger
    .select({ id: arrivals.id })
    .from(arrivals)
    .where(and(isNotNull(arrivals.token), lte(arrivals.nextAttemptAt, now())))
    .orderBy(asc(arrivals.nextAttemptAt))
    .limit(MAX_RETRIED);
  let answered = 0;
  await eachOf(
    due,
    async ({ id }) => {
      if (await retry(surroundings, id)) answered += 1;
    },
    { atOnce: AT_ONCE },
  );
  return due.length === MAX_RETRIED && answered > 0;
}

/** @returns whether AWS has said who the customer is, or that it is nobody */
async function retry(surroundings: Surroundings, id: string): Promise<boolean> {
  const { ledger, now, secret } = surroundings;
  if (secret === null) return false;
  // The claim: a page that is loaded often, and a tick beside it, ask AWS once.
  const [claimed] = await ledger
    .update(arrivals)
    .set({ nextAttemptAt: now() + MINUTE, attempts: sql`${arrivals.attempts} + 1` })
    .where(and(eq(arrivals.id, id), isNotNull(arrivals.token), lte(arrivals.nextAttemptAt, now())))
    .returning();
  if (claimed?.token === undefined || claimed.token === null) return false;
  const token = await decryptToken(await registrationKeys(secret), claimed.token, id);
  const outcome = token === null ? OTHER_SECRET : await letIn(surroundings, { ...claimed, token });
  await settle(surroundings, claimed, outcome);
  return outcome.kind !== "fault";
}

const OTHER_SECRET: Fault = {
  kind: "fault",
  code: "RegistrationSecretChanged",
  detail:
    'REGISTRATION_SECRET is another than when these customers came, and their tokens cannot be read: set the one of before again until they are in, or they have to press "Set up your account" again.',
  needsPerson: true,
};

async function settle({ ledger, now }: Surroundings, claimed: ArrivalRow, outcome: LetIn): Promise<void> {
  const row = eq(arrivals.id, claimed.id);
  switch (outcome.kind) {
    case "refused":
      // Not if the customer has come in by another way meanwhile, by which AWS has taken the token.
      if (outcome.code === "ExpiredTokenException")
        await ledger
          .update(arrivals)
          .set(keptAsLost(now()))
          .where(and(row, isNotNull(arrivals.token)));
      else await ledger.delete(arrivals).where(and(row, isNotNull(arrivals.token)));
      return;
    case "registered": {
      const agreementId = outcome.agreement.id;
      await ledger
        .update(arrivals)
        // The page may have been closed, and be opened later.
        .set({ token: null, agreementId, expiresAt: now() + TOKEN_LIFE })
        .where(row);
      return;
    }
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
