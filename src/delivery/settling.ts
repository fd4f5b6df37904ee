import type { ParkReason } from "../ledger/schema.ts";
import type { MarketplaceError, RecordAnswer } from "../marketplace/index.ts";
import { MINUTE, SECOND } from "../meter/hours.ts";

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
  /** Whether one of those may have been stored. */
  readonly mayBeHeld: boolean;
}

export interface Now {
  /** Epoch milliseconds. */
  readonly time: number;
  /** From 0 to 1, evenly. */
  readonly random: () => number;
}

/** A customer that is not subscribed may be again; until the record's deadline it costs little to ask. */
const NOT_SUBSCRIBED_RETRY = 15 * MINUTE;

/** A setting is mended by a person, who should not have to wait long for the proof. */
const SETTING_RETRY = 5 * MINUTE;

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

/** Settles a record whose call failed as a whole. A fault of one record is settled so only when it was alone. */
export function settleByError(record: Carried, error: MarketplaceError, now: Now): Settlement {
  const mayBeHeld = record.mayBeHeld || error.held === "unknown";
  switch (error.advice) {
    case "retry":
      return later(record, error.code, mayBeHeld, now);
    case "fix-setting":
    case "tell-customer":
      return { state: "pending", answer: error.code, retryAt: now.time + SETTING_RETRY, mayBeHeld };
    case "fix-record":
      return { state: "parked", answer: error.code, reason: mayBeHeld ? "uncertain" : "refused", mayBeHeld };
  }
}

/** Full jitter: callers that failed together must not come back together. Never within the same tick. */
function later(record: Carried, answer: string, mayBeHeld: boolean, now: Now): Settlement {
  const ceiling = Math.min(MAX_BACKOFF, SECOND * 2 ** Math.min(record.attempts, 20));
  return { state: "pending", answer, retryAt: now.time + 1 + Math.floor(now.random() * ceiling), mayBeHeld };
}
