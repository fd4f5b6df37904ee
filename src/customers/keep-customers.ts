import { tellAllowances } from "./contracts/allowances.ts";
import { retryArrivals } from "./registration/arrivals.ts";
import { applyNotices } from "./apply-notices.ts";
import { closeEnded, keepSealing, sealEnding } from "./ending.ts";
import { readEntitlements } from "./contracts/entitlements.ts";
import { agreementsBehind } from "./notices/notices.ts";
import { dropExpiredCodes } from "./registration/codes.ts";
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
  const faults: unknown[] = [];
  const parts = [
    () => catchUp(surroundings),
    () => keepSealing(surroundings),
    () => retryArrivals(surroundings),
    () => readEntitlements(surroundings),
    () => tellAllowances(surroundings),
    () => closeEnded(surroundings),
    () => dropExpiredCodes(ledger, now()),
  ];
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      faults.push(error);
    }
  }
  if (faults.length > 0) throw faults[0];
}

/** Makes agreements what their notices say, where something has failed half-way or a delivery has shown it. */
async function catchUp(surroundings: Surroundings): Promise<void> {
  const { ledger, now } = surroundings;
  for (const id of await agreementsBehind(ledger, MAX_BEHIND)) {
    const agreement = await applyNotices(ledger, id, now());
    if (agreement !== null) await sealEnding(surroundings, agreement);
  }
}
