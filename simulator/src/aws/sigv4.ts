import { fail, succeed, type Outcome } from "./errors.ts";

/** Signature Version 4, the verifying side (AWS General Reference, "Signing AWS API requests"). */

const encoder = new TextEncoder();

const CLOCK_SKEW = 5 * 60_000;

/** Who signed, and for which Region. */
export interface Caller {
  readonly accessKeyId: string;
  readonly region: string;
}

export interface SignedRequest {
  readonly request: Request;
  readonly body: Uint8Array<ArrayBuffer>;
  /** The signing name that the service demands in the credential scope. */
  readonly service: string;
  /** Epoch milliseconds. */
  readonly now: number;
  /** The secret of an access key id; null when there is none. */
  readonly secretOf: (accessKeyId: string) => string | null;
}

/** Verifies a request's signature from what arrived: method, path, query, signed headers and body. */
export async function verifySignature(signed: SignedRequest): Promise<Outcome<Caller>> {
  const { request, body, service, now, secretOf } = signed;
  const header = request.headers.get("authorization");
  if (header === null) return fail("MissingAuthenticationTokenException", "Missing Authentication Token");
  const parsed = parseAuthorization(header);
  const date = request.headers.get("x-amz-date");
  if (parsed === null || date === null) {
    return fail(
      "IncompleteSignatureException",
      "Authorization header requires 'Credential', 'SignedHeaders', 'Signature' and an 'X-Amz-Date' header.",
    );
  }
  const { accessKeyId, day, region, scopeService, signedHeaders, signature } = parsed;
  if (scopeService !== service) {
    return fail("InvalidSignatureException", `Credential should be scoped to correct service: '${service}'.`);
  }
  const secret = secretOf(accessKeyId);
  if (secret === null)
    return fail("UnrecognizedClientException", "The security token included in the request is invalid.");
  const signedAt = parseAmzDate(date);
  if (signedAt === null || !date.startsWith(day) || Math.abs(now - signedAt) > CLOCK_SKEW) {
    return fail(
      "InvalidSignatureException",
      `Signature not yet current or expired: ${date} is too far from the time of the request.`,
    );
  }
  const canonical = await canonicalRequest(request, body, signedHeaders);
  const scope = `${day}/${region}/${scopeService}/aws4_request`;
  const text = [
    "AWS4-HMAC-SHA256",
    date,
    scope,
    hex(await sha256(new Uint8Array(encoder.encode(canonical)))),
  ].join("\n");
  let key = new Uint8Array(encoder.encode(`AWS4${secret}`));
  for (const part of [day, region, scopeService, "aws4_request"]) key = await hmac(key, part);
  if (hex(await hmac(key, text)) !== signature) {
    return fail(
      "InvalidSignatureException",
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.",
    );
  }
  return succeed({ accessKeyId, region });
}

function parseAuthorization(header: string) {
  const match =
    /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/.exec(
      header,
    );
  const [, credential = "", headers = "", signature = ""] = match ?? [];
  const [accessKeyId, day, region, scopeService, terminator] = credential.split("/");
  if (!accessKeyId || !day || !region || !scopeService || terminator !== "aws4_request") return null;
  return { accessKeyId, day, region, scopeService, signature, signedHeaders: headers.split(";") };
}

function parseAmzDate(text: string): number | null {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

async function canonicalRequest(
  request: Request,
  body: Uint8Array<ArrayBuffer>,
  signedHeaders: readonly string[],
): Promise<string> {
  const url = new URL(request.url);
  const query = [...url.searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join("&");
  const headers = signedHeaders.map((name) => {
    const value = name === "host" ? url.host : (request.headers.get(name) ?? "");
    return `${name}:${value.trim().replace(/\s+/g, " ")}\n`;
  });
  const hash = hex(await sha256(body));
  return [request.method, url.pathname, query, headers.join(""), signedHeaders.join(";"), hash].join("\n");
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

async function hmac(key: Uint8Array<ArrayBuffer>, text: string): Promise<Uint8Array<ArrayBuffer>> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, encoder.encode(text)));
}

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
