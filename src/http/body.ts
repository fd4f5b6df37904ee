import { createMiddleware } from "hono/factory";
import { problem, type ProblemOptions } from "./problems.ts";
import type { AppEnv } from "./router.ts";

/** Bytes of a request's body. */
const MAX_BODY_BYTES = 1_000_000;

export type JsonText =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: ProblemOptions };

/** Reads a body that is to be JSON as text; what it cannot be read as is refused before it is held in memory. */
export async function readJsonText(request: Request): Promise<JsonText> {
  const encoding = request.headers.get("content-encoding")?.trim() ?? "";
  if (encoding !== "" && encoding.toLowerCase() !== "identity") {
    // Unpacked, a small body can be of any size.
    return refuse("unsupported_media_type", "Send the body as it is, without Content-Encoding.");
  }
  if (!isUtf8(request.headers.get("content-type") ?? "")) {
    return refuse("unsupported_media_type", "Send JSON in UTF-8, the one encoding that JSON has.");
  }
  const bytes = await readBytes(request);
  if (bytes === null) return refuse("too_large", `A request takes up to ${MAX_BODY_BYTES} bytes; split it.`);
  try {
    // Fatal: two ids that differ in a broken byte only must not become one.
    return { ok: true, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes) };
  } catch {
    return refuse("invalid_json", "The body cannot be read as JSON: it is not valid UTF-8.");
  }
}

/** Whether a content type names no charset, or this one. */
function isUtf8(contentType: string): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(contentType)?.[1];
  return charset === undefined || /^utf-?8$/i.test(charset);
}

/** The body, or null as soon as it is too long: what is refused is not held in memory. */
export async function readBytes(request: Request): Promise<Uint8Array<ArrayBuffer> | null> {
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

/** Reads the body for the checks of a route with a JSON body, which would hold one of any size and mend broken UTF-8. */
export const jsonBody = createMiddleware<AppEnv>(async (c, next) => {
  const read = await readJsonText(c.req.raw);
  if (!read.ok) return problem(c, read.problem);
  const { method, url } = c.req;
  c.req.raw = new Request(url, { method, headers: c.req.raw.headers, body: read.text });
  return next();
});

function refuse(code: ProblemOptions["code"], detail: string): JsonText {
  return { ok: false, problem: { code, detail } };
}
