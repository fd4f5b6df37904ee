import type { Role } from "../model.ts";
import { base64, randomBytes } from "../wire/encodings.ts";
import type { Elements } from "../wire/answer.ts";
import { awsError, fail, succeed, type AwsError, type Outcome } from "../wire/errors.ts";
import type { AssumeRoleInput, AssumeRoleWithWebIdentityInput, RoleInput } from "../wire/sts-inputs.ts";
import type { Caller, World } from "../world.ts";
import { checkToken, readToken, type IdentityToken } from "./identity-token.ts";

const chainedSeconds = 3600;
/** AWS STS API reference: a session policy's plain text. */
const maxPolicyCharacters = 2048;

/** Credentials for a role that trusts the caller. */
export function assumeRole(world: World, caller: Caller, input: AssumeRoleInput): Outcome<Elements> {
  const role = world.store.get("role", input.RoleArn);
  if (role !== undefined && !trusts(role, input.ExternalId)) {
    return fail(
      "AccessDeniedException",
      `User: arn:aws:iam::${caller.accountId}:root is not authorized to perform: sts:AssumeRole on resource: ${input.RoleArn}`,
    );
  }
  const isChained = world.store.get("session", caller.accessKeyId) !== undefined;
  const error = checkSession(input, role, isChained);
  return error === null ? succeed(newSession(world, input)) : { ok: false, error };
}

/** A role with a web identity is for that alone, unless it names an ExternalId, too. */
function trusts({ externalId, webIdentity }: Role, given: string | undefined): boolean {
  return externalId === null ? webIdentity === null : externalId === given;
}

/** Credentials for a role that trusts whoever the token speaks of; nobody signs this call. */
export async function assumeRoleWithWebIdentity(
  world: World,
  _caller: Caller,
  input: AssumeRoleWithWebIdentityInput,
): Promise<Outcome<Elements>> {
  const token = readToken(input.WebIdentityToken);
  if (token === null)
    return fail("InvalidIdentityTokenException", "The ID Token provided is not a valid JWT.");
  const role = world.store.get("role", input.RoleArn);
  const error = (await checkToken(token, role, world.now)) ?? checkSession(input, role, false);
  if (error !== null) return { ok: false, error };
  return succeed({ ...newSession(world, input), ...identityOf(token) });
}

const identityOf = ({ claims }: IdentityToken): Elements => ({
  SubjectFromWebIdentityToken: claims.sub,
  Audience: Array.isArray(claims.aud) ? (claims.aud[0] ?? "") : claims.aud,
  Provider: claims.iss,
});

function checkSession(input: RoleInput, role: Role | undefined, isChained: boolean): AwsError | null {
  const { Policy, DurationSeconds } = input;
  if (Policy !== undefined) {
    if (Policy.length > maxPolicyCharacters) {
      return awsError("PackedPolicyTooLargeException", "The session policy is too large.");
    }
    if (!isJsonObject(Policy))
      return awsError("MalformedPolicyDocumentException", "The policy is not valid JSON.");
  }
  if (DurationSeconds === undefined) return null;
  if (isChained && DurationSeconds > chainedSeconds) {
    const what = "exceeds the 1 hour session limit for roles assumed by role chaining";
    return awsError("ValidationException", `The requested DurationSeconds ${what}.`);
  }
  return DurationSeconds > (role?.maxSessionSeconds ?? 43_200)
    ? awsError(
        "ValidationException",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
      )
    : null;
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}

function newSession(
  { store, now }: World,
  { RoleArn, RoleSessionName, DurationSeconds = 3600, Policy }: RoleInput,
): Elements {
  const accountId = RoleArn.split(":")[4] ?? "";
  const name = RoleArn.split("/").at(-1) ?? "";
  const letters = (length: number): string =>
    Array.from(randomBytes(length), (byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32]).join("");
  const accessKeyId = `ASIA${letters(16)}`;
  const secretAccessKey = base64(randomBytes(30));
  const sessionToken = `${base64(randomBytes(150))}+/==`;
  const expiresAt = Math.floor(now / 1000) * 1000 + DurationSeconds * 1000;
  store.put("session", accessKeyId, { secretAccessKey, sessionToken, accountId, expiresAt });
  return {
    Credentials: {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: sessionToken,
      Expiration: new Date(expiresAt).toISOString().replace(".000", ""),
    },
    AssumedRoleUser: {
      AssumedRoleId: `AROA${letters(17)}:${RoleSessionName}`,
      Arn: `arn:aws:sts::${accountId}:assumed-role/${name}/${RoleSessionName}`,
    },
    ...(Policy !== undefined && {
      PackedPolicySize: String(Math.ceil((Policy.length / maxPolicyCharacters) * 100)),
    }),
  };
}
