import { SEND_MARGIN } from "../delivery/deadlines.ts";
import type { ActionKind, ParkReason } from "../ledger/schema.ts";

/** What of a parked record decides about what may be done. */
export interface ParkedFacts {
  readonly reason: ParkReason;
  /** Epoch milliseconds from which AWS may refuse it. */
  readonly deadline: number;
  /** AWS's last status or error, or ours. */
  readonly lastAnswer: string | null;
  /** Until when AWS takes usage of its agreement, epoch milliseconds; null while no end is known. */
  readonly usageUntil: number | null;
}

/** What may be done about a record, and what to know before. */
export interface OfferedAction {
  readonly action: ActionKind;
  readonly advice: string;
}

const WRITE_OFF = "Nobody is billed for it. It stays in the books as written off, with your note.";
const OVER = "Its agreement has ended, and AWS takes none of its usage any more.";
const ROLL_OVER = "Its quantity joins the hour that is open now, and is sent with that hour's record.";
const RELEASE = "It joins the hour that is open now, and is sent with that hour's record.";
const WRITE_OFF_OVER = { action: "write_off", advice: `${OVER} ${WRITE_OFF}` } as const;

/** Why a record is parked, to a person. */
export const explanations: Record<ParkReason, string> = {
  conflict:
    "AWS has another quantity for this customer, dimension and hour, which was not sent by this gateway.",
  refused: "AWS refuses the record itself; its last answer says why.",
  expired:
    "AWS takes it no more and does not have it, and its agreement has ended or its dimension's late usage waits for you.",
  uncertain: "A call that carried it had no known end, and AWS takes it no more: AWS may have it, or not.",
  not_subscribed: "AWS said until the deadline that the customer has no subscription.",
};

/** Records that name no customer to AWS: they were parked before they could be sent. */
const UNADDRESSED = new Set(["UnknownAgreement", "LicenseArnMissing"]);

/**
 * What is safe to do about a parked record.
 *
 * @param now epoch milliseconds
 */
export function offeredActions(parked: ParkedFacts, now: number): OfferedAction[] {
  const offered = allActions(parked, now);
  if (!isOver(parked.usageUntil, now)) return offered;
  // It would be refused, and be parked again.
  return offered
    .filter(({ action }) => action !== "roll_over")
    .map((offer) => (offer.action === "write_off" ? WRITE_OFF_OVER : offer));
}

/**
 * What may be done about late usage that is held.
 *
 * @param usageUntil until when AWS takes usage of its agreement, epoch milliseconds; null while no end is known
 */
export function offeredForHeld(usageUntil: number | null, now: number): OfferedAction[] {
  return isOver(usageUntil, now)
    ? [WRITE_OFF_OVER]
    : [
        { action: "release", advice: RELEASE },
        { action: "write_off", advice: WRITE_OFF },
      ];
}

const isOver = (usageUntil: number | null, now: number): boolean => usageUntil !== null && usageUntil <= now;

function allActions(parked: ParkedFacts, now: number): OfferedAction[] {
  const writeOff = { action: "write_off", advice: WRITE_OFF } as const;
  const rollOver = { action: "roll_over", advice: ROLL_OVER } as const;
  switch (parked.reason) {
    case "conflict":
      return [
        { ...rollOver, advice: `${ROLL_OVER} Only if the other program has metered other usage than this.` },
        writeOff,
      ];
    case "refused": {
      const sendAgain = {
        action: "send_again",
        advice: "The same bytes go to AWS once more. First mend what AWS's answer says.",
      } as const;
      const isSendable = parked.deadline > now + SEND_MARGIN && !UNADDRESSED.has(parked.lastAnswer ?? "");
      return [...(isSendable ? [sendAgain] : []), rollOver, writeOff];
    }
    case "uncertain":
      return [
        {
          action: "mark_delivered",
          advice: "AWS's usage report shows the hour with this quantity: it has been billed.",
        },
        {
          ...rollOver,
          advice: `${ROLL_OVER} Only if AWS's usage report shows nothing for the hour, which you confirm with "notHeldByAws": true; otherwise the customer pays twice.`,
        },
        writeOff,
      ];
    case "expired":
    case "not_subscribed":
      return [rollOver, writeOff];
  }
}

/** Whether an action needs a note: what nobody can see from the books is to be written down. */
export function needsNote(action: ActionKind): boolean {
  return action === "write_off" || action === "mark_delivered";
}
