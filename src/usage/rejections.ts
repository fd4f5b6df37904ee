/** Why one event of a request is not counted. The codes are stable; producers match them. */
export const rejectionCodes = [
  "invalid_event",
  "invalid_id",
  "invalid_customer",
  "invalid_dimension",
  "invalid_quantity",
  "invalid_timestamp",
  "invalid_tags",
  "unknown_customer",
  "ambiguous_customer",
  "agreement_ended",
  "unknown_dimension",
  "timestamp_too_old",
  "timestamp_in_future",
  "missing_tag",
  "invalid_voids",
  "unknown_event",
  "already_voided",
  "id_conflict",
  "late_usage_rejected",
] as const;

export type RejectionCode = (typeof rejectionCodes)[number];

export interface Rejection {
  readonly code: RejectionCode;
  /** The field that is to be mended; empty when the event as a whole is not one. */
  readonly field: string;
  /** What is wrong and what to do. */
  readonly detail: string;
}
