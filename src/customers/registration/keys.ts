import { LRUCache } from "lru-cache";

/** What is made from REGISTRATION_SECRET, each key for one purpose only. */
export interface RegistrationKeys {
  /** Signs one-time codes. */
  readonly code: CryptoKey;
  /** Makes a waiting page's ticket from a token. */
  readonly ticket: CryptoKey;
  /** Encrypts tokens. */
  readonly token: CryptoKey;
}

const made = new LRUCache<string, Promise<RegistrationKeys>>({ max: 4 });

/** The keys of a secret, by HKDF. */
export function registrationKeys(secret: string): Promise<RegistrationKeys> {
  let keys = made.get(secret);
  if (keys === undefined) made.set(secret, (keys = derive(secret)));
  return keys;
}

async function derive(secret: string): Promise<RegistrationKeys> {
  const master = await crypto.subtle.importKey("raw", bytesOf(secret), "HKDF", false, ["deriveKey"]);
  const key = (purpose: string, type: SubtleCryptoImportKeyAlgorithm, uses: string[]) => {
    const hkdf = {
      name: "HKDF",
      hash: "SHA-256",
      salt: new Uint8Array(),
      info: bytesOf(`metergate registration ${purpose}`),
    };
    return crypto.subtle.deriveKey(hkdf, master, type, false, uses);
  };
  const hmac = { name: "HMAC", hash: "SHA-256", length: 256 };
  const [code, ticket, token] = await Promise.all([
    key("code", hmac, ["sign", "verify"]),
    key("ticket", hmac, ["sign"]),
    key("token", { name: "AES-GCM", length: 256 }, ["encrypt", "decrypt"]),
  ]);
  return { code, ticket, token };
}

const CODE_PREFIX = "mgc_";
const CODE_RANDOM_BYTES = 18;

/** Fills bytes with random ones, and returns them. */
export type RandomBytes = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

/** A code that is signed, and says until when it holds and nothing else. Safe in an address. */
export async function newCode(
  { code }: RegistrationKeys,
  expiresAt: number,
  random: RandomBytes,
): Promise<string> {
  const unsigned = `${CODE_PREFIX}${base64Url(random(new Uint8Array(CODE_RANDOM_BYTES)))}.${expiresAt.toString(36)}`;
  return `${unsigned}.${base64Url(await crypto.subtle.sign("HMAC", code, bytesOf(unsigned)))}`;
}

const CODE = /^(mgc_[\w-]{24}\.([0-9a-z]{8,9}))\.([\w-]{43})$/;

/** Whether a text has the form of a code. */
export const isCode = (text: string): boolean => CODE.test(text);

/** Whether this gateway has made a code, and when it ends, epoch milliseconds; null for any other text. */
export async function expiryOfCode({ code }: RegistrationKeys, text: string): Promise<number | null> {
  const [, unsigned = "", expiry = "", signature = ""] = CODE.exec(text) ?? [];
  if (unsigned === "") return null;
  const isOurs = await crypto.subtle.verify("HMAC", code, fromBase64Url(signature), bytesOf(unsigned));
  return isOurs ? Number.parseInt(expiry, 36) : null;
}

/** The waiting page's ticket for a token: the same for the same token, and nothing to get the token from. */
export async function ticketFor({ ticket }: RegistrationKeys, token: string): Promise<string> {
  return base64Url(await crypto.subtle.sign("HMAC", ticket, bytesOf(token)));
}

const IV_BYTES = 12;

/** @param about what the cipher text is stored with: it opens there and nowhere else */
export async function encryptToken(
  { token: key }: RegistrationKeys,
  token: string,
  about: string,
  random: RandomBytes,
): Promise<string> {
  const iv = random(new Uint8Array(IV_BYTES));
  const algorithm = { name: "AES-GCM", iv, additionalData: bytesOf(about) };
  const cipher = await crypto.subtle.encrypt(algorithm, key, bytesOf(token));
  return `${base64Url(iv)}.${base64Url(cipher)}`;
}

/** Null when it was encrypted by another secret, or is not as it was stored. */
export async function decryptToken(
  { token: key }: RegistrationKeys,
  stored: string,
  about: string,
): Promise<string | null> {
  const [iv = "", cipher = ""] = stored.split(".");
  try {
    const algorithm = { name: "AES-GCM", iv: fromBase64Url(iv), additionalData: bytesOf(about) };
    return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, fromBase64Url(cipher)));
  } catch {
    return null;
  }
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));

const base64Url = (bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): string =>
  Buffer.from(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)).toString("base64url");

const fromBase64Url = (text: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.from(text, "base64url"));
