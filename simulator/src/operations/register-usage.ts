import { fail, succeed, type Outcome } from "../wire/errors.ts";
import type { RegisterUsageInput } from "../wire/inputs.ts";
import { base64Url, textBytes } from "../wire/encodings.ts";
import type { Store } from "../store.ts";
import type { Caller, World } from "../world.ts";
import { findEntitled } from "./meter-usage.ts";

export interface RegisterUsageOutput {
  readonly Signature: string;
  /** Epoch seconds, when the version of the public key has expired. */
  readonly PublicKeyRotationTimestamp?: number;
}

const algorithm = { name: "RSA-PSS", hash: "SHA-256" };

/** Tells a paid container that it may run, by a signature that it can check with AWS's public key. */
export async function registerUsage(
  world: World,
  caller: Caller,
  input: RegisterUsageInput,
): Promise<Outcome<RegisterUsageOutput>> {
  const { switches, store, now } = world;
  const { ProductCode, PublicKeyVersion, Nonce } = input;
  if (switches.disabledRegions.includes(caller.region)) {
    return fail("DisabledApiException", "The API is disabled in the Region.");
  }
  if (switches.buyerRegion !== null && switches.buyerRegion !== caller.region) {
    return fail("InvalidRegionException", `RegisterUsage must be called in ${switches.buyerRegion}.`);
  }
  if (switches.buyerPlatform === "unsupported") {
    return fail(
      "PlatformNotSupportedException",
      "AWS Marketplace does not support metering usage from this platform.",
    );
  }
  if (PublicKeyVersion > switches.publicKeyVersion) {
    return fail("InvalidPublicKeyVersionException", "The public key version is invalid.");
  }
  const entitled = findEntitled(world, caller, ProductCode);
  if (!entitled.ok) return entitled;

  const claims = {
    productCode: ProductCode,
    publicKeyVersion: PublicKeyVersion,
    ...(Nonce && { nonce: Nonce }),
    iat: Math.floor(now / 1000),
  };
  const content = [{ alg: "PS256", typ: "JWT" }, claims]
    .map((part) => base64Url(textBytes(JSON.stringify(part))))
    .join(".");
  const key = await signingKey(store);
  const signature = await crypto.subtle.sign({ name: "RSA-PSS", saltLength: 32 }, key, textBytes(content));
  return succeed({
    Signature: `${content}.${base64Url(new Uint8Array(signature))}`,
    ...(PublicKeyVersion < switches.publicKeyVersion && {
      PublicKeyRotationTimestamp: Math.floor(now / 1000),
    }),
  });
}

async function signingKey(store: Store): Promise<CryptoKey> {
  const held = store.get("signingKey", "") ?? (await newKey());
  // Another call may have made one in the meantime: the first stays.
  const key = store.get("signingKey", "") ?? held;
  store.put("signingKey", "", key);
  return crypto.subtle.importKey("jwk", key, algorithm, false, ["sign"]);
}

async function newKey(): Promise<JsonWebKey> {
  const size = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const pair = (await crypto.subtle.generateKey({ ...algorithm, ...size }, true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  return (await crypto.subtle.exportKey("jwk", pair.privateKey)) as JsonWebKey;
}

/** What a container checks AWS's signature with; undefined before the first one. */
export function publicKey(store: Store): JsonWebKey | undefined {
  const key = store.get("signingKey", "");
  return key && { kty: "RSA", alg: "PS256", use: "sig", n: key.n ?? "", e: key.e ?? "" };
}
