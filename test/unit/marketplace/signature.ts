import { createHash, createHmac } from "node:crypto";
import type { Received } from "./stand-in.ts";

/*
 * Signature Version 4, written a second time: from AWS's description ("Create a signed AWS API request"), on
 * node:crypto, for any request as it was received. Shares nothing with the client.
 */

const hex = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function part(header: string, name: string): string {
  return new RegExp(`${name}=([^, ]+)`).exec(header)?.[1] ?? "";
}

/** The signature that a received request must carry, computed from what its own Authorization header declares. */
export function expectedSignature({ url, method, headers, body }: Received, secretAccessKey: string): string {
  const authorization = headers.get("authorization") ?? "";
  const { host, pathname, searchParams } = new URL(url);
  const signed = part(authorization, "SignedHeaders");
  const value = (name: string): string => (name === "host" ? host : (headers.get(name) ?? "").trim());
  const query = [...searchParams].map(([k, v]) => `${encode(k)}=${encode(v)}`).toSorted();
  const path = pathname.split("/").map(encode).join("/");
  const lines = signed.split(";").map((name) => `${name}:${value(name)}\n`);
  const canonical = [method, path, query.join("&"), lines.join(""), signed, hex(body)].join("\n");
  const [, ...scope] = part(authorization, "Credential").split("/");
  const date = headers.get("x-amz-date") ?? "";
  const toSign = ["AWS4-HMAC-SHA256", date, scope.join("/"), hex(canonical)].join("\n");
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  return hmac(key, toSign).toString("hex");
}

/** The signature that a received request does carry. */
export function signatureOf({ headers }: Received): string {
  return part(headers.get("authorization") ?? "", "Signature");
}
