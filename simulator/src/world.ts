import type { Store } from "./store.ts";
import type { Switches } from "./switches.ts";

/** Everything that an answer depends on besides the request itself. */
export interface World {
  readonly store: Store;
  readonly switches: Switches;
  /** The simulated time, in epoch milliseconds. */
  readonly now: number;
  /** A new UUID. */
  readonly newId: () => string;
}

/** Who calls, as the signature says. */
export interface Caller {
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly region: string;
}
