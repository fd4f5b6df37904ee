import type { Outcome } from "./outcome.ts";
import { failure } from "./outcome.ts";

/** What signs a request to AWS. Kept out of every message, error and log of this module. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Present when the credentials are a session's. */
  readonly sessionToken?: string;
  /** When the session ends, in milliseconds since 1970; absent when it is unknown or never. */
  readonly expiresAt?: number;
}

export type CredentialsOutcome = Outcome<Credentials>;

/**
 * Supplies credentials, once per request. A client whose credentials AWS has just called expired or unknown passes
 * them back as `rejected`: a provider that can get others does so then, whatever their `expiresAt` says.
 */
export type CredentialProvider = (rejected?: Credentials) => Promise<CredentialsOutcome>;

/** Always the same credentials: a long-lived key, or a session that something else renews. */
export function staticCredentials(credentials: Credentials): CredentialProvider {
  const outcome: CredentialsOutcome = { ok: true, value: credentials, requestId: null };
  return () => Promise.resolve(outcome);
}

/** Has the session ended at `now` (milliseconds since 1970)? False when its end is unknown. */
export function hasExpired(credentials: Credentials, now: number): boolean {
  return credentials.expiresAt !== undefined && credentials.expiresAt <= now;
}

/** Are these the same credentials, whatever is known of their end? */
export function isSameSession(a: Credentials, b: Credentials): boolean {
  return a.accessKeyId === b.accessKeyId && a.sessionToken === b.sessionToken;
}

/** Values that a header can carry and that no AWS key has otherwise; a pasted line break is the usual mistake. */
const usable = /^[\x21-\x7e]+$/;

/**
 * Checks that credentials can sign at all, before a header or a signature is made of them.
 *
 * @param where the operation and Region, for the message
 */
export function checkCredentials(credentials: Credentials, where: string): CredentialsOutcome {
  const parts: readonly (readonly [string, string | undefined])[] = [
    ["access key id", credentials.accessKeyId],
    ["secret access key", credentials.secretAccessKey],
    ["session token", credentials.sessionToken],
  ];
  for (const [name, value] of parts) {
    if (value === undefined || usable.test(value)) continue;
    const fault = value === "" ? "is empty" : "contains a space, a line break or a character outside ASCII";
    return failure("credentials-unavailable", { where, what: `the ${name} ${fault}` });
  }
  return { ok: true, value: credentials, requestId: null };
}
