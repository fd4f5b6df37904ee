import { and, eq, isNotNull, isNull, lte, sql } from "drizzle-orm";
import { arrivals } from "../../ledger/schema.ts";
import { HOUR } from "../../meter/hours.ts";
import type { Surroundings } from "../surroundings.ts";

/** How long it is known of a customer that nobody could let in: so long the alarm stays open. */
const LOST_LIFE = 24 * HOUR;

/** The row that stands for all customers who came while there was nothing to keep a token with. */
const WITHOUT_SECRET = "without-secret";

/** What an arrival becomes when its token has ended: of the token nothing is kept, of why it has waited everything. */
export const keptAsLost = (now: number) => ({ token: null, expiresAt: now + LOST_LIFE });

/** Gives up the customers whose tokens have ended, and forgets those whose visit is long over. */
export async function giveUpLapsed({ ledger, now, secret, report }: Surroundings): Promise<void> {
  const at = now();
  await ledger.delete(arrivals).where(and(isNull(arrivals.token), lte(arrivals.expiresAt, at)));
  if (secret !== null) await ledger.delete(arrivals).where(eq(arrivals.id, WITHOUT_SECRET));
  const lapsed = await ledger
    .update(arrivals)
    .set(keptAsLost(at))
    .where(and(isNotNull(arrivals.token), lte(arrivals.expiresAt, at)))
    .returning({ code: arrivals.errorCode });
  for (const { code } of lapsed) report("a customer could not be let in before AWS's token ended", { code });
}

/** Notes that a customer has come and been sent away since REGISTRATION_SECRET is not set; an operator is told of it. */
export async function noteMissingSecret({ ledger, now, report }: Surroundings): Promise<void> {
  const detail =
    "the secret REGISTRATION_SECRET is not set, or has fewer than 32 characters: run `npx wrangler secret put REGISTRATION_SECRET`.";
  report(`a customer has come and cannot be sent on: ${detail}`, { code: "RegistrationSecretMissing" });
  const at = now();
  await ledger
    .insert(arrivals)
    .values({
      id: WITHOUT_SECRET,
      ...keptAsLost(at),
      arrivedAt: at,
      nextAttemptAt: at,
      attempts: 1,
      errorCode: "RegistrationSecretMissing",
      errorDetail: detail,
      needsPerson: true,
    })
    .onConflictDoUpdate({
      target: arrivals.id,
      set: { attempts: sql`${arrivals.attempts} + 1`, expiresAt: at + LOST_LIFE },
    });
}
