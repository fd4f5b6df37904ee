import { readJsonText } from "../http/body.ts";
import type { ProblemOptions } from "../http/problems.ts";
import { parseEvents } from "./parse-events.ts";

/** Events a request. */
export const MAX_EVENTS = 1000;

export type Body =
  | { readonly ok: true; readonly events: readonly unknown[] }
  | { readonly ok: false; readonly problem: ProblemOptions };

/** Reads the events of a request: one JSON object, or an array of them. */
export async function readBody(request: Request): Promise<Body> {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    return refuse(
      "unsupported_media_type",
      "Send usage as JSON, with the header Content-Type: application/json.",
    );
  }
  const read = await readJsonText(request);
  return read.ok ? parseBody(read.text) : read;
}

function parseBody(text: string): Body {
  let json: unknown;
  try {
    json = parseEvents(text);
  } catch (error) {
    // Besides a SyntaxError there is the RangeError of a parser whose stack is used up.
    const why = error instanceof SyntaxError ? error.message : "it is nested too deeply";
    return refuse("invalid_json", `The body cannot be read as JSON: ${why}`);
  }
  const events = Array.isArray(json) ? (json as unknown[]) : [json];
  if (events.length === 0) return refuse("invalid_request", "The array is empty; send at least one event.");
  if (events.length > MAX_EVENTS) {
    return refuse(
      "too_large",
      `The request has ${events.length} events; send at most ${MAX_EVENTS} at a time. Nothing was counted.`,
    );
  }
  if (!Array.isArray(json) && (typeof json !== "object" || json === null)) {
    return refuse("invalid_request", "Send one event as a JSON object, or several as an array of objects.");
  }
  return { ok: true, events };
}

function refuse(code: ProblemOptions["code"], detail: string): Body {
  return { ok: false, problem: { code, detail } };
}
