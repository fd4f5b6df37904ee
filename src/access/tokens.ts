/** Bearer tokens: ingest keys and the admin token. */

const KEY_PREFIX = "mgk_";
const KEY_BYTES = 32;

/** Ingest keys, also cut short, anywhere in a text. */
export const INGEST_KEY = /mgk_[\w-]{20,}/g;

/** A new ingest key: 256 random bits, with a prefix that secret scanners can be taught. */
export function newIngestKey(random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array): string {
  const text = btoa(String.fromCharCode(...random(new Uint8Array(KEY_BYTES))));
  return KEY_PREFIX + text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The token of an `Authorization: Bearer` header (RFC 6750), or null. */
export function bearerToken(header: string | undefined): string | null {
  return /^Bearer +([\w\-.~+/]+=*) *$/i.exec(header ?? "")?.[1] ?? null;
}
