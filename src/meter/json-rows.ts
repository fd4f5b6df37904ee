/** SQLite in a Durable Object takes values of at most 2 MB (Cloudflare docs, Durable Objects limits). */
const MAX_BYTES = 1_900_000;

/** Bytes of UTF-8 that a UTF-16 unit can become. */
const MAX_BYTES_PER_UNIT = 3;

const encoder = new TextEncoder();

/** Bytes that a text takes at most; counted only when it may be too much. */
function bytesOf(text: string): number {
  const bound = text.length * MAX_BYTES_PER_UNIT;
  return bound <= MAX_BYTES ? bound : encoder.encode(text).byteLength;
}

export interface RowLimits {
  readonly maxItems?: number;
  /** UTF-16 units of a row, unless a single item has more. */
  readonly maxUnits?: number;
}

/** JSON arrays of the items, each short enough for a row, in as few as that takes. */
export function* jsonRows<Item>(
  items: Iterable<Item>,
  { maxItems = Infinity, maxUnits = Infinity }: RowLimits = {},
): Generator<{ readonly first: Item; readonly json: string }> {
  let first: Item | undefined;
  let parts: string[] = [];
  let bytes = 0;
  let units = 0;
  for (const item of items) {
    const json = JSON.stringify(item);
    const size = bytesOf(json) + 1;
    const full = bytes + size > MAX_BYTES || units + json.length > maxUnits || parts.length >= maxItems;
    if (first !== undefined && full) {
      yield { first, json: `[${parts.join(",")}]` };
      first = undefined;
      parts = [];
      bytes = 0;
      units = 0;
    }
    first ??= item;
    parts.push(json);
    bytes += size;
    units += json.length;
  }
  if (first !== undefined) yield { first, json: `[${parts.join(",")}]` };
}
