import { and, isNotNull, isNull, lte } from "drizzle-orm";
import { forgetIncident, noteIncident } from "../../ledger/incidents.ts";
import { arrivals } from "../../ledger/schema.ts";
import { HOUR } from "../../meter/hours.ts";
import { REGISTRATION_SECRET_MISSING } from "../secrets.ts";
import type { Surroundings } from "../surroundings.ts";

/** How long it is known of a customer that nobody could let in: so long the alarm stays open. */
const LOST_LIFE = 24 * HOUR;

const SECRET_MISSING = "RegistrationSecretMissing";

/** What an arrival becomes when its token has ended: of the token nothing is kept, of why it has waited everything. */
export const keptAsLost = (now: number) => ({ token: null, expiresAt: now + LOST_LIFE });

/** Gives up the customers whose tokens have ended, and forgets those whose visit is long over. */
export async function giveUpLapsed({ ledger, now, secret, report }: Surroundings): Promise<void> {
  const at = now();
  await ledger.delete(arrivals).where(and(isNull(arrivals.token), lte(arrivals.expiresAt, at)));
  if (secret !== null) await forgetIncident(ledger, "registration_lost", SECRET_MISSING);
  const lapsed = await ledger
    .update(arrivals)
    .set(keptAsLost(at))
    .where(and(isNotNull(arrivals.token), lte(arrivals.expiresAt, at)))
    .returning({ code: arrivals.errorCode });
  for (const { code } of lapsed) report("a customer could not be let in before AWS's token ended", { code });
}

/** Notes that a customer has come and been sent away since there is no secret; an operator is told of it. */
export function noteMissingSecret(surroundings: Surroundings): Promise<void> {
  return noteSentAway(surroundings, SECRET_MISSING, REGISTRATION_SECRET_MISSING);
}

/**
 * Notes that a customer could not be let in nor kept waiting. Nothing of the customer is kept.
 *
 * @param code why, by a stable name
 */
export async function noteSentAway(
  { ledger, now, report }: Surroundings,
  code: string,
  detail: string,
): Promise<void> {
  report(`a customer has come and is sent away: ${detail}`, { code });
  await noteIncident(ledger, { kind: "registration_lost", subject: code, detail }, now());
}
