import { applyNotices } from "./apply-notices.ts";
import { readEntitlements } from "./contracts/read-entitlements.ts";
import { tellAllowances } from "./contracts/tell-allowances.ts";
import { faultsOf } from "../each-of.ts";
import { closeEnded, keepSealing, sealEnding } from "./ending.ts";
import { agreementsBehind, forgetUnmatched } from "./notices/notices.ts";
import { retryArrivals } from "./registration/arrivals.ts";
import { dropExpiredCodes } from "./registration/codes.ts";
import { untilDone, type Part } from "./slice.ts";

/** Agreements that one slice brings up to their notices, a dozen queries each, and how many of them at once. */
const MAX_BEHIND = 50;
const AT_ONCE = 5;

/** Makes agreements what their notices say, where something has failed half-way or a delivery has shown it. */
const catchUp: Part = async (surroundings, after) => {
  const { ledger, now } = surroundings;
  const behind = await agreementsBehind(ledger, { after, limit: MAX_BEHIND });
  const faults = await faultsOf(
    behind,
    async (id) => {
      const agreement = await applyNotices(ledger, id, now());
      if (agreement !== null) await sealEnding(surroundings, agreement);
    },
    { atOnce: AT_ONCE },
  );
  return { next: behind.at(MAX_BEHIND - 1) ?? null, faults };
};

/** What a tick does for the customers; what is most urgent comes first. */
export const parts = {
  notices: catchUp,
  endings: keepSealing,
  arrivals: (surroundings) => untilDone(() => retryArrivals(surroundings)),
  entitlements: readEntitlements,
  allowances: (surroundings) => untilDone(() => tellAllowances(surroundings)),
  closings: closeEnded,
  leftovers: ({ ledger, now }) =>
    untilDone(async () => {
      await dropExpiredCodes(ledger, now());
      return forgetUnmatched(ledger, now());
    }),
} satisfies Record<string, Part>;

export type PartName = keyof typeof parts;

export const isPartName = (name: string): name is PartName => Object.hasOwn(parts, name);

/** In a sequence each part builds on what the one before has done; the sequences have nothing to do with each other. */
export const partSequences: readonly (readonly PartName[])[] = [
  ["notices", "endings", "closings"],
  ["arrivals"],
  ["entitlements", "allowances"],
  ["leftovers"],
];
