import { tagSetOf, type Tags, type TagSet } from "../meter/allocations.ts";
import {
  formatQuantity,
  MAX_EVENT_QUANTITY,
  parseQuantity,
  type Nano,
  type QuantityProblem,
} from "../meter/quantity.ts";
import type { Rejection, RejectionCode } from "./rejections.ts";
import { parseTimestamp } from "./timestamp.ts";

/** A usage event as a producer posts it, checked; the customer is still only a name. */
export interface PostedEvent {
  readonly id: string;
  readonly customer: string;
  readonly dimension: string;
  readonly quantity: Nano;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly tagSet: TagSet;
}

export type ParsedEvent =
  | { readonly ok: true; readonly event: PostedEvent }
  /** The id is echoed when it is one, so that a producer finds its event again. */
  | { readonly ok: false; readonly id: string | null; readonly error: Rejection };

export const MAX_ID_LENGTH = 128;
export const MAX_NAME_LENGTH = 2048;
/** AWS: a dimension's name has up to 255 characters, a record's tags at most 5 keys (AWS API reference, UsageRecord, Tag). */
export const MAX_DIMENSION_LENGTH = 255;
export const MAX_TAGS = 5;
export const MAX_TAG_KEY_LENGTH = 100;
const MAX_TAG_VALUE_LENGTH = 256;
/** What AWS surely takes in a tag: its pattern's range also admits punctuation that its text does not name. */
export const TAG_TEXT = /^[a-zA-Z0-9 +\-=._:/@]+$/;

/** AWS's tag values and dimension names travel as JSON, and a lone surrogate is not text. */
const isText = (value: unknown, maxLength: number): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= maxLength && value.isWellFormed();

/**
 * Checks one element of a request.
 *
 * @param receivedAt epoch milliseconds; the event's time when it has none of its own
 */
export function parseEvent(input: unknown, receivedAt: number): ParsedEvent {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return refuse(null, "invalid_event", "", "An event must be a JSON object.");
  }
  const { id, customer, dimension, quantity, timestamp, tags } = input as Record<string, unknown>;
  if (!isText(id, MAX_ID_LENGTH)) {
    return refuse(
      null,
      "invalid_id",
      "id",
      `id must be a string of 1 to ${MAX_ID_LENGTH} characters; it makes a retry safe.`,
    );
  }
  if (!isText(customer, MAX_NAME_LENGTH)) {
    return refuse(
      id,
      "invalid_customer",
      "customer",
      "customer must be a non-empty string: your own id for the customer, an AWS account id, a LicenseArn or a CustomerIdentifier.",
    );
  }
  if (!isText(dimension, MAX_DIMENSION_LENGTH)) {
    return refuse(
      id,
      "invalid_dimension",
      "dimension",
      `dimension must be a string of 1 to ${MAX_DIMENSION_LENGTH} characters.`,
    );
  }
  const amount = parseQuantity(quantity);
  if (!amount.ok) return refuse(id, "invalid_quantity", "quantity", quantityDetails[amount.problem]);
  const time = timestamp === undefined || timestamp === null ? receivedAt : parseTimestamp(timestamp);
  if (time === null) {
    return refuse(
      id,
      "invalid_timestamp",
      "timestamp",
      "timestamp must be RFC 3339 with an offset, such as 2026-11-23T10:15:00Z, or epoch seconds (not milliseconds).",
    );
  }
  const tagProblem = problemOfTags(tags);
  if (tagProblem !== null) return refuse(id, "invalid_tags", "tags", tagProblem);
  const tagSet = tagSetOf(tags as Tags | null | undefined);
  return { ok: true, event: { id, customer, dimension, quantity: amount.value, time, tagSet } };
}

const quantityDetails: Record<QuantityProblem, string> = {
  not_a_number: 'quantity must be a number or a decimal string such as "12.5".',
  negative: "quantity must not be below zero.",
  too_many_decimals: "quantity must have at most 9 decimals; round it, or post a smaller unit.",
  too_large: `quantity must be at most ${formatQuantity(MAX_EVENT_QUANTITY)}.`,
};

function problemOfTags(tags: unknown): string | null {
  if (tags === undefined || tags === null) return null;
  if (typeof tags !== "object" || Array.isArray(tags)) return "tags must be an object of strings.";
  const pairs = Object.entries(tags);
  if (pairs.length > MAX_TAGS) return `tags must have at most ${MAX_TAGS} keys.`;
  for (const [key, value] of pairs as [string, unknown][]) {
    if (key.length > MAX_TAG_KEY_LENGTH || !TAG_TEXT.test(key)) {
      return `A tag key must have 1 to ${MAX_TAG_KEY_LENGTH} letters, digits, spaces or + - = . _ : / @.`;
    }
    if (typeof value !== "string" || value.length > MAX_TAG_VALUE_LENGTH || !TAG_TEXT.test(value)) {
      return `The value of tag "${key}" must be a string of 1 to ${MAX_TAG_VALUE_LENGTH} letters, digits, spaces or + - = . _ : / @.`;
    }
  }
  return null;
}

function refuse(id: string | null, code: RejectionCode, field: string, detail: string): ParsedEvent {
  return { ok: false, id, error: { code, field, detail } };
}
