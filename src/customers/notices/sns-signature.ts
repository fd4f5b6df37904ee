import { verify, X509Certificate } from "node:crypto";
import { LRUCache } from "lru-cache";
import { HOUR, MINUTE, SECOND } from "../../meter/hours.ts";
import type { SnsMessage } from "./sns-message.ts";

/** SNS repeats a message that was not taken; what is older than this was sent by somebody who has kept it. */
const MAX_AGE = HOUR;

/** SNS's clock and ours differ by less. */
const MAX_AHEAD = 5 * MINUTE;

const TIMEOUT = 5 * SECOND;

/** A certificate has about 2 kB. */
const MAX_CERTIFICATE_CHARACTERS = 20_000;

/** What a signature is judged by. */
export interface Verification {
  readonly fetch: typeof globalThis.fetch;
  /** Epoch milliseconds. */
  readonly now: number;
  /** The origin that stands in for SNS's hosts; null for AWS. */
  readonly endpoint: string | null;
}

export type SnsRefusal = "stale" | "foreign_certificate" | "certificate_unavailable" | "wrong_signature";

/**
 * Whether Amazon SNS has signed a message, lately (SNS developer guide, Verifying the signatures of Amazon SNS messages).
 *
 * @returns why it is not taken; null when it is
 */
export async function refusalOf(message: SnsMessage, verification: Verification): Promise<SnsRefusal | null> {
  const { now } = verification;
  const sentAt = Date.parse(message.Timestamp);
  if (sentAt < now - MAX_AGE || sentAt > now + MAX_AHEAD) return "stale";
  if (!isOfSns(message.SigningCertURL, message.TopicArn, verification.endpoint)) return "foreign_certificate";
  const certificate = await certificateAt(message.SigningCertURL, verification);
  if (certificate === null) return "certificate_unavailable";
  const algorithm = message.SignatureVersion === "1" ? "RSA-SHA1" : "RSA-SHA256";
  const signature = Buffer.from(message.Signature, "base64");
  const isRight = verify(
    algorithm,
    Buffer.from(signedText(message), "utf8"),
    certificate.publicKey,
    signature,
  );
  return isRight ? null : "wrong_signature";
}

/**
 * Whether an address is SNS's own, of the topic's Region: whoever could name another host would sign with a certificate
 * of his own, or make the gateway call what he likes.
 */
export function isOfSns(address: string, topicArn: string, endpoint: string | null): boolean {
  const url = URL.parse(address);
  if (url === null || url.username !== "" || url.password !== "" || url.hash !== "") return false;
  if (endpoint !== null) return url.origin === new URL(endpoint).origin;
  const [, , , region = ""] = topicArn.split(":");
  if (!/^[a-z]+(-[a-z0-9]+)+$/.test(region)) return false;
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return url.protocol === "https:" && url.port === "" && url.hostname === `sns.${region}.${domain}`;
}

/** Certificates by their address: SNS has a new one a few times a year. */
const certificates = new LRUCache<string, X509Certificate>({ max: 20, ttl: 24 * HOUR });

async function certificateAt(address: string, { fetch, now }: Verification): Promise<X509Certificate | null> {
  // A certificate is a file, and nothing that the host is asked to do.
  const { pathname, search } = new URL(address);
  if (!pathname.endsWith(".pem") || search !== "") return null;
  const known = certificates.get(address);
  const certificate = known ?? (await fetchCertificate(address, fetch));
  if (certificate === null) return null;
  if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo)) return null;
  certificates.set(address, certificate);
  return certificate;
}

async function fetchCertificate(
  address: string,
  fetch: Verification["fetch"],
): Promise<X509Certificate | null> {
  try {
    const response = await fetch(address, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT) });
    if (!response.ok) return null;
    const text = await response.text();
    return text.length > MAX_CERTIFICATE_CHARACTERS ? null : new X509Certificate(text);
  } catch {
    return null;
  }
}

/** What SNS signs: names and values of these fields, a line each, in this order. */
function signedText(message: SnsMessage): string {
  const { Message, MessageId, Timestamp, TopicArn, Type } = message;
  const fields: Record<string, string> =
    message.Type === "Notification"
      ? {
          Message,
          MessageId,
          ...(typeof message.Subject === "string" && { Subject: message.Subject }),
          Timestamp,
          TopicArn,
          Type,
        }
      : {
          Message,
          MessageId,
          SubscribeURL: message.SubscribeURL,
          Timestamp,
          Token: message.Token,
          TopicArn,
          Type,
        };
  return Object.entries(fields)
    .map(([name, value]) => `${name}\n${value}\n`)
    .join("");
}

/**
 * Confirms a subscription whose message has been verified.
 *
 * @returns whether SNS has taken it
 */
export async function confirmSubscription(
  address: string,
  topicArn: string,
  { fetch, endpoint }: Pick<Verification, "fetch" | "endpoint">,
): Promise<boolean> {
  if (!isOfSns(address, topicArn, endpoint)) return false;
  try {
    const response = await fetch(address, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
