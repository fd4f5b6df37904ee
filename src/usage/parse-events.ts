/** A member whose number may have more digits than a double can hold: one of up to 15 is surely held exactly. */
const LONG_NUMBER = /:\s*-?[\d.]{16}/;

/**
 * Parses the JSON of a request, keeping quantities exact. A number of up to 15 significant digits comes back from a
 * double as it was written. For the rare text with a longer run of digits, each event's quantity is taken from the
 * source text, as a string: slower, so only then.
 *
 * @throws SyntaxError when the text is not JSON
 */
export function parseEvents(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  const sources = new Map<object, string>();
  const json: unknown = JSON.parse(
    text,
    function (this: object, key: string, value: unknown, ...rest: unknown[]) {
      if (key === "quantity" && typeof value === "number") sources.set(this, sourceOf(rest));
      return value;
    },
  );
  for (const event of Array.isArray(json) ? (json as unknown[]) : [json]) {
    const source = sources.get(event as object);
    if (source !== undefined) (event as { quantity: unknown }).quantity = source;
  }
  return json;
}

/** The reviver's third argument (ECMAScript, "JSON.parse source text access"), which TypeScript does not know yet. */
function sourceOf([context]: unknown[]): string {
  return (context as { source: string }).source;
}
