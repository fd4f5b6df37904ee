import type { ParkReason } from "../ledger/schema.ts";
import type { MarketplaceError, RecordAnswer } from "../marketplace/index.ts";
import { MINUTE, SECOND } from "../meter/hours.ts";
import { SEND_MARGIN } from "./deadlines.ts";

/** What becomes of a record after a call that carried it. */
export type Settlement =
  | { readonly state: "delivered"; readonly answer: string; readonly meteringRecordId: string | null }
  | {
      readonly state: "pending" | "waiting";
      readonly answer: string;
      readonly retryAt: number;
      readonly mayBeHeld: boolean;
    }
  | {
      readonly state: "parked";
      readonly answer: string;
      readonly reason: ParkReason;
      readonly mayBeHeld: boolean;
    };

/** A record as it was when the call was made. */
export interface Carried {
  /** How many calls had carried it before this one. */
  readonly attempts: number;
  /** Epoch milliseconds from which AWS may refuse it. */
  readonly deadline: number;
  /** Whether one of those may have been stored. */
  readonly mayBeHeld: boolean;
  /** Whether its agreement has not become active yet, or only just: AWS refuses what it will take soon. */
  readonly isPending: boolean;
  /** Whether it carries ProductCode, of a product that has moved to LicenseArn since. */
  readonly isOutdated: boolean;
}

/** What AWS says of usage of an agreement that is not active (AWS API reference, BatchMeterUsage, Errors). */
const NOT_ACTIVE = new Set<MarketplaceError["kind"]>([
  "invalid-license",
  "invalid-customer-identifier",
  "timestamp-out-of-bounds",
]);

export interface Now {
  /** Epoch milliseconds. */
  readonly time: number;
  /** From 0 to 1, evenly. */
  readonly random: () => number;
}

/** A customer that is not subscribed may be again; until the record's deadline it costs little to ask. */
const NOT_SUBSCRIBED_RETRY = 15 * MINUTE;

/** AWS's clock and ours differ by less than this. */
const CLOCK_TOLERANCE = SEND_MARGIN + 10 * MINUTE;

const MAX_BACKOFF = 10 * MINUTE;

/** Settles a record by what AWS said of it (AWS API reference, UsageRecordResult). */
export function settleByAnswer(record: Carried, answer: RecordAnswer, now: Now): Settlement {
  if (answer.kind !== "result") {
    const held = answer.kind === "absent" || record.mayBeHeld;
    return later(record, answer.kind === "absent" ? "NotInAnswer" : "UnprocessedRecord", held, now);
  }
  const { status, meteringRecordId } = answer;
  switch (status) {
    case "Success":
      return { state: "delivered", answer: status, meteringRecordId };
    case "DuplicateRecord":
      // AWS keeps the first. If a call may have left this record there, the first is this very record: its bytes never
      // change. Calls that AWS surely refused have left nothing, however many there were.
      return record.mayBeHeld
        ? { state: "delivered", answer: status, meteringRecordId }
        : { state: "parked", answer: status, reason: "conflict", mayBeHeld: false };
    case "CustomerNotSubscribed":
      return {
        state: "waiting",
        answer: status,
        retryAt: now.time + NOT_SUBSCRIBED_RETRY,
        mayBeHeld: record.mayBeHeld,
      };
    default:
      return later(record, status, true, now);
  }
}

/**
 * Settles a record whose call failed as a whole. A fault of one record is settled so only when that is the one.
 * How long its product then waits is not the record's affair.
 */
export function settleByError(record: Carried, error: MarketplaceError, now: Now): Settlement {
  const mayBeHeld = record.mayBeHeld || error.held === "unknown";
  const again = { answer: error.code, mayBeHeld } as const;
  switch (error.advice) {
    case "retry":
    case "fix-setting":
      if (isOfMovedProduct(record, error))
        return { state: "parked", reason: mayBeHeld ? "uncertain" : "refused", ...again };
      return { state: "pending", retryAt: now.time + 1, ...again };
    case "tell-customer":
      return { state: "waiting", retryAt: now.time + NOT_SUBSCRIBED_RETRY, ...again };
    case "fix-record":
      // By AWS's clock it is too late already: not the record is wrong, its time is over. The deadline decides.
      if (error.kind === "timestamp-out-of-bounds" && now.time > record.deadline - CLOCK_TOLERANCE)
        return { state: "pending", retryAt: record.deadline, ...again };
      if (record.isPending && NOT_ACTIVE.has(error.kind))
        return { state: "waiting", retryAt: now.time + NOT_SUBSCRIBED_RETRY, ...again };
      return { state: "parked", reason: mayBeHeld ? "uncertain" : "refused", ...again };
  }
}

/**
 * Whether AWS knows a product by its code no more since that has moved to LicenseArn. Nothing is wrong with the product
 * then, and its newer records must not wait for the older ones; these can roll over to an hour of a LicenseArn.
 */
export const isOfMovedProduct = ({ isOutdated }: Carried, { kind }: MarketplaceError): boolean =>
  isOutdated && kind === "invalid-product-code";

/** Puts a record back that went with a bad one: AWS has read nothing of it. */
export function putBack(record: Carried, error: MarketplaceError, now: Now): Settlement {
  return { state: "pending", answer: error.code, retryAt: now.time + 1, mayBeHeld: record.mayBeHeld };
}

/** Full jitter: callers that failed together must not come back together. Never within the same tick. */
function later(record: Carried, answer: string, mayBeHeld: boolean, now: Now): Settlement {
  const ceiling = Math.min(MAX_BACKOFF, SECOND * 2 ** Math.min(record.attempts, 20));
  return { state: "pending", answer, retryAt: now.time + 1 + Math.floor(now.random() * ceiling), mayBeHeld };
}
