import { acceptanceDeadline, FUTURE_TOLERANCE } from "./hours.ts";
import type { AgreementEnd } from "./usage-batch.ts";

/** What became of an event that was not simply counted in its own hour. */
export type EventOutcome =
  /** Its own hour is frozen; the record of this one will bill it. */
  | { readonly status: "late"; readonly hour: number }
  /** Its own hour is frozen; it is counted and waits for a person. */
  | { readonly status: "held"; readonly hour: number }
  /** A voiding: the event is taken back from its open hour. */
  | { readonly status: "voided"; readonly target: string }
  /** A voiding: the event's hour is frozen, so the coming hours get a credit. */
  | { readonly status: "credited"; readonly target: string }
  | { readonly status: "duplicate" }
  /** The id has been counted with something else in these fields. */
  | { readonly status: "id_conflict"; readonly differs: readonly string[] }
  /** AWS takes no usage of that time any more. */
  | { readonly status: "too_old"; readonly deadline: number }
  /** Further ahead than a producer's clock may be. */
  | { readonly status: "too_far_ahead"; readonly limit: number }
  /** Its customer's agreement had ended by then. */
  | { readonly status: "agreement_ended"; readonly at: number }
  /** Its hour is frozen, and the dimension takes no late usage. */
  | { readonly status: "late_rejected"; readonly hour: number }
  /** A voiding of an event that was never counted, or too long ago, or is a voiding itself. */
  | { readonly status: "unknown_event"; readonly target: string }
  | { readonly status: "already_voided"; readonly target: string };

/** Refuses a time that AWS takes no more, that has not come, or that is after an end; null otherwise. */
export function refuseByTime(time: number, now: number, end: AgreementEnd | null): EventOutcome | null {
  if (end !== null && (end.isOver || time >= end.at)) return { status: "agreement_ended", at: end.at };
  const limit = now + FUTURE_TOLERANCE;
  if (time > limit) return { status: "too_far_ahead", limit };
  const deadline = acceptanceDeadline(time);
  return now >= deadline ? { status: "too_old", deadline } : null;
}
