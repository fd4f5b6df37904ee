import { tellAllowances } from "./contracts/allowances.ts";
import { retryArrivals } from "./registration/arrivals.ts";
import { applyNotices } from "./apply-notices.ts";
import { closeEnded, keepSealing, sealEnding } from "./ending.ts";
import { readEntitlements } from "./contracts/entitlements.ts";
import { agreementsBehind } from "./notices/notices.ts";
import { dropExpiredCodes } from "./registration/codes.ts";
import { eachOf } from "./each-of.ts";
import type { Surroundings } from "./surroundings.ts";

/** Agreements that one tick brings up to their notices, some eight queries each. */
const MAX_BEHIND = 40;

/**
 * What a tick does for the customers: whatever is due. What is most urgent comes first, and one part's failure is no
 * other's. Each part takes so much at a time that all of them together stay near the 1,000 queries that D1 allows an
 * invocation (Cloudflare docs, D1 limits); the next tick goes on.
 */
export async function keepCustomers(surroundings: Surroundings): Promise<void> {
  const { ledger, now } = surroundings;
  const parts = [
    () => catchUp(surroundings),
    () => keepSealing(surroundings),
    () => retryArrivals(surroundings),
    () => readEntitlements(surroundings),
    () => tellAllowances(surroundings),
    () => closeEnded(surroundings),
    () => dropExpiredCodes(ledger, now()),
  ];
  await eachOf(parts, (part) => part());
}

/** Makes agreements what their notices say, where something has failed half-way or a delivery has shown it. */
async function catchUp(surroundings: Surroundings): Promise<void> {
  const { ledger, now } = surroundings;
  await eachOf(await agreementsBehind(ledger, MAX_BEHIND), async (id) => {
    const agreement = await applyNotices(ledger, id, now());
    if (agreement !== null) await sealEnding(surroundings, agreement);
  });
}
