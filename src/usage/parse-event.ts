import { MAX_NAME_LENGTH } from "../customers/customer-name.ts";
import { tagSetOf, type Tags, type TagSet } from "../meter/allocations.ts";
import {
  formatQuantity,
  MAX_EVENT_QUANTITY,
  parseQuantity,
  type JsonNano,
  type QuantityProblem,
} from "../meter/quantity.ts";
import type { MeteredDimension } from "../meter/usage-batch.ts";
import { isText } from "../text.ts";
import type { Rejection, RejectionCode } from "./rejections.ts";
import { parseTimestamp } from "./timestamp.ts";

/** A usage event as a producer posts it, checked; the customer is still only a name. */
export type PostedEvent = PostedUsage | PostedVoid;

export interface PostedUsage {
  readonly id: string;
  readonly customer: string;
  readonly dimension: MeteredDimension;
  readonly quantity: JsonNano;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly tagSet: TagSet;
}

/** Takes an earlier event of the customer back. */
export interface PostedVoid {
  readonly id: string;
  readonly customer: string;
  /** The id of the event that is taken back. */
  readonly voids: string;
}

export type ParsedEvent =
  | { readonly ok: true; readonly event: PostedEvent }
  /** The id is echoed when it is one, so that a producer finds its event again. */
  | { readonly ok: false; readonly id: string | null; readonly error: Rejection };

export const MAX_ID_LENGTH = 128;
/** AWS: a dimension's name has up to 255 characters, a record's tags at most 5 keys (AWS API reference, UsageRecord, Tag). */
export const MAX_DIMENSION_LENGTH = 255;
export const MAX_TAGS = 5;
export const MAX_TAG_KEY_LENGTH = 100;
const MAX_TAG_VALUE_LENGTH = 256;
/** How many of the product's dimensions a refusal names: it is said for each of a thousand events. */
const SHOWN_DIMENSIONS = 10;
/** What AWS surely takes in a tag: its pattern's range also admits punctuation that its text does not name. */
export const TAG_TEXT = /^[a-zA-Z0-9 +\-=._:/@]+$/;

const isName = (value: unknown, maxLength: number): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= maxLength && isText(value);

export interface ParsingContext {
  /** Epoch milliseconds; an event's time when it has none of its own. */
  readonly receivedAt: number;
  readonly productId: string;
  /** The product's dimensions by name. */
  readonly dimensions: ReadonlyMap<string, MeteredDimension>;
}

/** Checks one element of a request. */
export function parseEvent(input: unknown, context: ParsingContext): ParsedEvent {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return refuse(null, "invalid_event", "", "An event must be a JSON object.");
  }
  const posted = input as Record<string, unknown>;
  const { id, customer } = posted;
  if (!isName(id, MAX_ID_LENGTH)) return refuse(null, "invalid_id", "id", idDetail);
  if (!isName(customer, MAX_NAME_LENGTH)) return refuse(id, "invalid_customer", "customer", customerDetail);
  return posted["voids"] === undefined || posted["voids"] === null
    ? parseUsage(id, customer, posted, context)
    : parseVoid(id, customer, posted);
}

const idDetail = `id must be a string of 1 to ${MAX_ID_LENGTH} characters, without NUL; it makes a retry safe.`;

const customerDetail =
  "customer must be a non-empty string: your own id for the customer, an AWS account id, a LicenseArn or a CustomerIdentifier.";

function parseUsage(
  id: string,
  customer: string,
  posted: Record<string, unknown>,
  context: ParsingContext,
): ParsedEvent {
  const { quantity, timestamp, tags } = posted;
  const name = posted["dimension"];
  if (typeof name !== "string" || name === "") {
    return refuse(
      id,
      "invalid_dimension",
      "dimension",
      "dimension must be the name of one of the product's dimensions.",
    );
  }
  const dimension = context.dimensions.get(name);
  if (dimension === undefined)
    return refuse(id, "unknown_dimension", "dimension", unknownDimension(name, context));
  const counted = dimension.aggregation === "unique";
  const amount = parseQuantity(counted && quantity === undefined ? 1 : quantity);
  if (!amount.ok) return refuse(id, "invalid_quantity", "quantity", quantityDetails[amount.problem]);
  const time = timestamp === undefined || timestamp === null ? context.receivedAt : parseTimestamp(timestamp);
  if (time === null) return refuse(id, "invalid_timestamp", "timestamp", timestampDetail);
  const tagProblem = problemOfTags(tags);
  if (tagProblem !== null) return refuse(id, "invalid_tags", "tags", tagProblem);
  const checked = tags as Tags | null | undefined;
  if (counted && !Object.hasOwn(checked ?? {}, dimension.uniqueTag ?? "")) {
    const detail = `Dimension "${name}" counts the different values of tag "${dimension.uniqueTag}"; send it.`;
    return refuse(id, "missing_tag", "tags", detail);
  }
  const event = { id, customer, dimension, quantity: amount.value, time, tagSet: tagSetOf(checked) };
  return { ok: true, event };
}

/** A voiding names the event and nothing else, so that it cannot say one thing and do another. */
function parseVoid(id: string, customer: string, posted: Record<string, unknown>): ParsedEvent {
  const { voids } = posted;
  if (!isName(voids, MAX_ID_LENGTH) || voids === id) {
    return refuse(id, "invalid_voids", "voids", "voids must be the id of an earlier event of this customer.");
  }
  const surplus = ["dimension", "quantity", "tags"].find((field) => posted[field] !== undefined);
  if (surplus !== undefined) {
    const detail = `An event with voids takes back the whole event of that id, and has no ${surplus} of its own; leave it out.`;
    return refuse(id, "invalid_voids", surplus, detail);
  }
  return { ok: true, event: { id, customer, voids } };
}

const timestampDetail =
  "timestamp must be RFC 3339 with an offset, such as 2026-11-23T10:15:00Z, or epoch seconds (not milliseconds).";

function unknownDimension(name: string, { productId, dimensions }: ParsingContext): string {
  const shown = name.length > MAX_DIMENSION_LENGTH ? `${name.slice(0, MAX_DIMENSION_LENGTH)}…` : name;
  const names = [...dimensions.keys()];
  const others = names.length > SHOWN_DIMENSIONS ? ` and ${names.length - SHOWN_DIMENSIONS} more` : "";
  const known = names.slice(0, SHOWN_DIMENSIONS).join(", ") + others;
  return `Product ${productId} has no dimension "${shown}"; it has ${known}. Names are case-sensitive.`;
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
