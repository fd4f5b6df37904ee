import type { ProblemOptions } from "../http/problems.ts";
import { parseEvents } from "./parse-events.ts";

/** Bytes of a request's body. */
export const MAX_BODY_BYTES = 1_000_000;

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
  const bytes = await readBytes(request);
  if (bytes === null) {
    return refuse(
      "too_large",
      `A request takes up to ${MAX_BODY_BYTES} bytes and ${MAX_EVENTS} events; split it.`,
    );
  }
  return parseBody(bytes);
}

function parseBody(bytes: Uint8Array): Body {
  let json: unknown;
  try {
    // Fatal: two ids that differ in a broken byte only must not become one.
    json = parseEvents(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : "it is not valid UTF-8";
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

/** The body, or null as soon as it is too long: what is refused is not held in memory. */
async function readBytes(request: Request): Promise<Uint8Array | null> {
  const announced = request.headers.get("content-length");
  if (announced !== null) {
    // HTTP ends the body there, so it is read in one go.
    return Number(announced) > MAX_BODY_BYTES ? null : new Uint8Array(await request.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  const body: ReadableStream<Uint8Array> | null = request.body;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function refuse(code: ProblemOptions["code"], detail: string): Body {
  return { ok: false, problem: { code, detail } };
}
