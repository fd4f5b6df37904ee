import type { EntitlementValue, Lack } from "../../ledger/schema.ts";
import type { EntitlementInForce } from "./steps.ts";

/** What a contract includes of a dimension, as the seller was told of it. */
export interface BelievedEntitlement extends EntitlementInForce {
  /** While AWS's answers say less, or nothing; null while they do not. */
  readonly lack: Lack<EntitlementValue | null> | null;
}
