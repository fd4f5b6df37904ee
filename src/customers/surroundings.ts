import type { Conservation } from "../ledger/conservation.ts";
import { openLedger, type Ledger } from "../ledger/database.ts";
import {
  homeRegion,
  type EntitlementClient,
  type Outcome,
  type ResolveCustomerResponse,
} from "../marketplace/index.ts";
import { entitlementClient, marketplaceClient } from "../marketplace-access.ts";
import { answerInTime } from "../meter/answer-in-time.ts";
import type { Decision } from "../meter/decisions.ts";
import { shardName } from "../meter/shard-name.ts";
import type { Agreement } from "../ledger/agreements.ts";
import { registrationSecret } from "./secrets.ts";

/** What of a meter shard the customers need. Each of these may be asked again. */
export interface CustomersShard {
  endAgreements(agreements: readonly string[]): Promise<void>;
  conservation(agreements: readonly string[]): Promise<readonly Conservation[]>;
  decide(decisions: readonly Decision[]): Promise<readonly (number | null)[]>;
}

/** What the customers' work stands on. */
export interface Surroundings {
  readonly ledger: Ledger;
  /** The meter shard of a name; one that hangs fails. */
  readonly shards: (name: string) => CustomersShard;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 to 1, evenly. */
  readonly random: () => number;
  /** Asks AWS whose registration token it is, where products of a Region have their customers resolved. */
  readonly resolveCustomer: (token: string, region: string) => Promise<Outcome<ResolveCustomerResponse>>;
  /** The entitlement service for a product of a Region; null where AWS has none. */
  readonly entitlements: (region: string) => EntitlementClient | null;
  /** What codes are signed and tokens encrypted with; null while it is not set. */
  readonly secret: string | null;
  /** Tells an operator of a fault that is tried again. */
  readonly report: (message: string, facts: Readonly<Record<string, string | null>>) => void;
}

/** A customer waits at the browser: what takes longer goes on without being watched. */
const RESOLVE_TIMEOUT = 5000;

/** {@link Surroundings} of this deployment. */
export function surroundingsOf(env: Env): Surroundings {
  return {
    ledger: openLedger(env.DB),
    shards: (name) => {
      const shard = env.METER_SHARD.getByName(name);
      return {
        endAgreements: (ids) => answerInTime(name, shard.endAgreements(ids)),
        conservation: (ids) => answerInTime(name, shard.conservation(ids)),
        decide: (decisions) => answerInTime(name, shard.decide(decisions)),
      };
    },
    now: () => Date.now(),
    random: () => Math.random(),
    resolveCustomer: (RegistrationToken, region) =>
      // AWS resolves a customer in any Region of the partition; its home is always there.
      marketplaceClient(env, homeRegion(region) ?? region, RESOLVE_TIMEOUT).resolveCustomer({
        RegistrationToken,
      }),
    entitlements: (region) => entitlementClient(env, region),
    secret: registrationSecret(env),
    // oxlint-disable-next-line no-console -- Workers Logs is where the operator sees what is tried again.
    report: (message, facts) => console.error({ message: `customers: ${message}`, ...facts }),
  };
}

/** The shard that counts an agreement. */
export function shardOf(
  { shards }: Pick<Surroundings, "shards">,
  { productId, shard }: Agreement,
): CustomersShard {
  return shards(shardName(productId, shard));
}
