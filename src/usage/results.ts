import type { EventOutcome } from "../meter/event-outcome.ts";
import type { Rejection } from "./rejections.ts";

/** What a producer is told about one event. */
export interface EventResult {
  /** Position in the request. */
  readonly index: number;
  readonly id: string | null;
  readonly status: "accepted" | "duplicate" | "rejected";
  /** The hour whose record will bill the event, if it is not the event's own. RFC 3339. */
  readonly billedHour?: string;
  /** Late usage that is counted and waits for a person. */
  readonly held?: true;
  /** What a voiding did: took the event back from its open hour, or gave the coming hours a credit. */
  readonly voided?: "removed" | "credited";
  readonly error?: Rejection;
}

export function accepted(index: number, id: string): EventResult {
  return { index, id, status: "accepted" };
}

export function rejected(index: number, id: string | null, error: Rejection): EventResult {
  return { index, id, status: "rejected", error };
}

/** The result of an event that was not simply counted in its own hour. */
export function resultOf(index: number, id: string, outcome: EventOutcome): EventResult {
  switch (outcome.status) {
    case "late":
      return { index, id, status: "accepted", billedHour: iso(outcome.hour) };
    case "held":
      return { index, id, status: "accepted", held: true };
    case "voided":
      return { index, id, status: "accepted", voided: "removed" };
    case "credited":
      return { index, id, status: "accepted", voided: "credited" };
    case "duplicate":
      return { index, id, status: "duplicate" };
    case "id_conflict":
    case "too_old":
    case "too_far_ahead":
    case "agreement_ended":
    case "late_rejected":
    case "unknown_event":
    case "already_voided":
      return rejected(index, id, rejectionOf(outcome));
  }
}

type Refusal = Exclude<EventOutcome, { status: "late" | "held" | "voided" | "credited" | "duplicate" }>;

function rejectionOf(outcome: Refusal): Rejection {
  switch (outcome.status) {
    case "id_conflict": {
      const [field = "id"] = outcome.differs;
      const detail = `This id has been counted with another ${outcome.differs.join(", ")}. One id is one event: give the new one an id of its own, and take the old one back with an event that voids it, if it was wrong.`;
      return { code: "id_conflict", field, detail };
    }
    case "too_old": {
      const detail = `AWS takes usage for 24 hours, and a month's until 06:00 UTC on the 1st of the next: this time's limit was ${iso(outcome.deadline)}.`;
      return { code: "timestamp_too_old", field: "timestamp", detail };
    }
    case "too_far_ahead": {
      const detail = `A timestamp may be at most 5 minutes ahead of the gateway's clock, here up to ${iso(outcome.limit)}; check the producer's clock.`;
      return { code: "timestamp_in_future", field: "timestamp", detail };
    }
    case "agreement_ended": {
      const detail = `The customer's agreement ended at ${iso(outcome.at)}, and AWS takes no more of its usage. If the customer is still there, POST /v1/agreements/:id/activate says so.`;
      return { code: "agreement_ended", field: "customer", detail };
    }
    case "late_rejected": {
      const detail = `The record of ${iso(outcome.hour)} is frozen, and this dimension takes no late usage; its setting \`late\` can be carry_forward or hold instead.`;
      return { code: "late_usage_rejected", field: "timestamp", detail };
    }
    case "unknown_event": {
      const detail = `This customer has no event "${outcome.target}" within the time that ids are remembered, or it is a voiding itself, which cannot be voided. If the customer has bought again since, name the agreement by its LicenseArn.`;
      return { code: "unknown_event", field: "voids", detail };
    }
    case "already_voided": {
      const detail = `Event "${outcome.target}" has been voided before, by another id; nothing is left to take back.`;
      return { code: "already_voided", field: "voids", detail };
    }
  }
}

const iso = (time: number): string => new Date(time).toISOString();
