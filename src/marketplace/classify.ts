import { commonErrors, entitlementExceptions, meteringExceptions, stsExceptions } from "./error-codes.ts";
import type { ErrorKind } from "./error-kinds.ts";
import type { Service } from "./endpoints.ts";

/** One error as AWS named it, and what of the call decides between two meanings of one name. */
export interface NamedError {
  readonly service: Service;
  readonly operation: string;
  readonly code: string;
  readonly text: string;
  /** The session that signed the request is known to have ended. */
  readonly sessionEnded: boolean;
}

type KnownKind = Exclude<ErrorKind, "invalid-request">;

const models: Readonly<Record<Service, Readonly<Record<string, KnownKind>>>> = {
  metering: meteringExceptions,
  entitlement: entitlementExceptions,
  sts: stsExceptions,
};

/** Where `ExpiredTokenException` is modelled, and so may mean something else than the caller's own session. */
const operationsWithToken = new Set(["ResolveCustomer", "AssumeRoleWithWebIdentity"]);

function isExpiredSession({ operation, code, text, sessionEnded }: NamedError): boolean {
  if (code !== "ExpiredTokenException") return false;
  if (!operationsWithToken.has(operation)) return true;
  // The words of AWS's "Common Errors" page: "The security token included in the request is expired".
  return sessionEnded || /security token included in the request/i.test(text);
}

/** "Signature expired: 2015… is now earlier than …" and its opposite come under the name of a wrong signature. */
function isClockSkew({ code, text }: NamedError): boolean {
  return (
    /^(InvalidSignatureException|SignatureDoesNotMatch)$/.test(code) &&
    /^signature (expired|not yet)/i.test(text)
  );
}

function lookUp(table: Readonly<Record<string, KnownKind>>, code: string): KnownKind | undefined {
  return Object.hasOwn(table, code) ? table[code] : undefined;
}

/**
 * Finds what kind of error AWS's name means. The HTTP status has no say: AWS documents 403 for errors that it sends
 * with 400, and throttles with 400.
 */
export function classify(error: NamedError): KnownKind {
  if (isExpiredSession(error)) return "expired-credentials";
  if (isClockSkew(error)) return "clock-skew";
  return lookUp(models[error.service], error.code) ?? lookUp(commonErrors, error.code) ?? "unknown-error";
}

/** Is this a name that only an error has? For an answer whose status says success. */
export function isErrorName(code: string): boolean {
  return code.endsWith("Exception") || Object.hasOwn(commonErrors, code);
}
