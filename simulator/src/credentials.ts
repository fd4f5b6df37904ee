import type { Store } from "./store.ts";
import { awsError, type AwsError } from "./wire/errors.ts";
import { readScope, signatureMatches, type RawRequest } from "./wire/sigv4.ts";
import type { Caller } from "./world.ts";

/** The seller's long-term key: known from the start, for that is whom the simulator is for. */
export interface SellerKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly accountId: string;
}

interface Credentials {
  readonly secretAccessKey: string;
  readonly accountId: string;
  readonly sessionToken: string | null;
  /** In simulated time. */
  readonly expiresAt: number;
}

/** Where a call was signed for, as far as that could be read. */
export interface Claim {
  readonly region: string | null;
  readonly accessKeyId: string | null;
}

export interface Clocks {
  /** Simulated: sessions expire by it. */
  readonly simulated: number;
  /** The machine's: a caller may sign by either. */
  readonly machine: number;
}

/** Finds out who calls, by the signature, as AWS does: an error says what is wrong with it. */
export async function authenticate(
  request: RawRequest,
  service: string,
  store: Store,
  seller: SellerKey,
  clocks: Clocks,
): Promise<Caller | AwsError> {
  const scope = readScope(request, service, [clocks.simulated, clocks.machine]);
  if ("code" in scope) return scope;
  const credentials = findCredentials(scope.accessKeyId, store, seller);
  const token = request.headers.get("x-amz-security-token");
  if (credentials === null || credentials.sessionToken !== token) {
    return awsError("UnrecognizedClientException", "The security token included in the request is invalid.");
  }
  if (clocks.simulated >= credentials.expiresAt) {
    return awsError("ExpiredTokenException", "The security token included in the request is expired");
  }
  if (!(await signatureMatches(request, scope, service, credentials.secretAccessKey))) {
    return awsError(
      "InvalidSignatureException",
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.",
    );
  }
  return { accountId: credentials.accountId, accessKeyId: scope.accessKeyId, region: scope.region };
}

function findCredentials(accessKeyId: string, store: Store, seller: SellerKey): Credentials | null {
  if (accessKeyId === seller.accessKeyId) return { ...seller, sessionToken: null, expiresAt: Infinity };
  return store.get("session", accessKeyId) ?? null;
}

/** What an `Authorization` header claims, for the log: true or not. */
export function readClaim({ headers }: RawRequest): Claim {
  const credential = /Credential=([^/,\s]+)\/[^/,\s]*\/([^/,\s]+)\//.exec(headers.get("authorization") ?? "");
  return { accessKeyId: credential?.[1] ?? null, region: credential?.[2] ?? null };
}
