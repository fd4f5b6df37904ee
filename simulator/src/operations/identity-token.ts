import { z } from "zod";
import type { Role } from "../model.ts";
import { fromBase64Url, textBytes } from "../wire/encodings.ts";
import { awsError, type AwsError } from "../wire/errors.ts";

const headerSchema = z.object({ alg: z.string(), kid: z.string().optional() });
const claimsSchema = z.object({
  iss: z.url({ protocol: /^https$/ }),
  sub: z.string().min(1),
  aud: z.union([z.string(), z.array(z.string()).min(1)]),
  exp: z.int(),
  iat: z.int(),
});

/** A JSON Web Token that says who somebody is. */
export interface IdentityToken {
  readonly header: z.output<typeof headerSchema>;
  readonly claims: z.output<typeof claimsSchema>;
  /** What is signed, and by what. */
  readonly content: string;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** @returns null when it is none that STS would read */
export function readToken(text: string): IdentityToken | null {
  const [head = "", body = "", tail = "", ...more] = text.split(".");
  const header = headerSchema.safeParse(readPart(head));
  const claims = claimsSchema.safeParse(readPart(body));
  const signature = fromBase64Url(tail);
  if (!header.success || !claims.success || signature === null || more.length > 0) return null;
  return { header: header.data, claims: claims.data, content: `${head}.${body}`, signature };
}

function readPart(part: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(fromBase64Url(part) ?? new Uint8Array()));
  } catch {
    return null;
  }
}

/** Whether a role trusts the token. A role that nobody described trusts every token that has not expired. */
export async function checkToken(
  token: IdentityToken,
  role: Role | undefined,
  now: number,
): Promise<AwsError | null> {
  const { claims } = token;
  const seconds = now / 1000;
  if (claims.exp <= seconds) {
    return awsError(
      "ExpiredIdentityTokenException",
      "Token expired: current date/time must be before the expiration date/time.",
    );
  }
  if (role === undefined) return null;
  const trusted = role.webIdentity;
  const denied = awsError("AccessDeniedException", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
  if (trusted === null) return denied;
  if (claims.iss !== trusted.issuer) {
    return awsError(
      "InvalidIdentityTokenException",
      `No OpenIDConnect provider found in your account for ${claims.iss}`,
    );
  }
  const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  if (trusted.audience !== null && !audiences.includes(trusted.audience)) {
    return awsError("InvalidIdentityTokenException", "Incorrect token audience");
  }
  if (trusted.keys.length > 0 && !(await isSignedByAny(token, trusted.keys))) {
    return awsError("InvalidIdentityTokenException", "Couldn't verify the signature of the ID Token.");
  }
  return trusted.subject === null || trusted.subject === claims.sub ? null : denied;
}

/** The algorithms that STS takes (AWS STS API reference, AssumeRoleWithWebIdentity). */
const algorithms: Readonly<Record<string, { name: string; hash: string; namedCurve?: string }>> = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  RS384: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" },
  RS512: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
  ES256: { name: "ECDSA", hash: "SHA-256", namedCurve: "P-256" },
  ES384: { name: "ECDSA", hash: "SHA-384", namedCurve: "P-384" },
  ES512: { name: "ECDSA", hash: "SHA-512", namedCurve: "P-521" },
};

async function isSignedByAny(token: IdentityToken, keys: readonly JsonWebKey[]): Promise<boolean> {
  const algorithm = algorithms[token.header.alg];
  if (algorithm === undefined) return false;
  const type = algorithm.name === "ECDSA" ? "EC" : "RSA";
  for (const key of keys.filter(({ kty }) => kty === type)) {
    if (await verifies(token, key, algorithm)) return true;
  }
  return false;
}

async function verifies(
  { signature, content }: IdentityToken,
  key: JsonWebKey,
  algorithm: { name: string; hash: string; namedCurve?: string },
): Promise<boolean> {
  try {
    const imported = await crypto.subtle.importKey("jwk", key, algorithm, false, ["verify"]);
    return await crypto.subtle.verify(algorithm, imported, signature, textBytes(content));
  } catch {
    // The key is for another algorithm or curve than the token's, or is no key at all: it verifies nothing.
    return false;
  }
}
