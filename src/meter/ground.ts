import type { Ledger } from "../ledger/database.ts";
import type { ShardStorage } from "./shard-storage.ts";

/** What a shard stands on. */
export interface Ground {
  readonly name: string;
  readonly storage: ShardStorage;
  readonly ledger: Ledger;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Resolves when everything written so far is on disk. */
  readonly sync: () => Promise<void>;
  /** Lets whatever waits for the shard go first. */
  readonly pause: () => Promise<void>;
  /** Has the shard's `alarm` called at a time, epoch milliseconds, in place of the time said before. */
  readonly setAlarm: (time: number) => Promise<void>;
  /** Work for the rest of the object's life, whose failure has been seen to. */
  readonly inBackground: (work: Promise<void>) => void;
  /** Throws away the shard's memory, to be made again from disk. */
  readonly startOver: (cause: string) => void;
  /** The submitter of a Region has new records. */
  readonly expectDelivery: (region: string) => Promise<void>;
  /** Tells an operator of a fault that is tried again. */
  readonly report: (message: string, error: unknown) => void;
}
