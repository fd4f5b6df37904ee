import { hex, textBytes } from "./encodings.ts";
import { awsError, type AwsError } from "./errors.ts";
import { isServiceRegion } from "./regions.ts";

/** An HTTP request as it arrived: what was signed is recomputed from nothing else. */
export interface RawRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Where a signature says that it belongs, read from its `Authorization` header. */
export interface Scope {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `x-amz-date`. */
  readonly time: string;
}

/** The clocks by which a signature may be fresh: a caller's clock may follow the simulated time or the real one. */
type Clocks = readonly number[];

const algorithm = "AWS4-HMAC-SHA256";
const skewMinutes = 5;

const invalid = (message: string): AwsError => awsError("InvalidSignatureException", message);
const incomplete = (message: string): AwsError => awsError("IncompleteSignatureException", message);

/** Reads the `Authorization` header and checks everything about it that needs no secret. */
export function readScope(request: RawRequest, service: string, clocks: Clocks): Scope | AwsError {
  const authorization = request.headers.get("authorization");
  if (authorization === null) {
    return awsError("MissingAuthenticationTokenException", "Missing Authentication Token");
  }
  if (!authorization.startsWith(`${algorithm} `)) {
    return incomplete(`Authorization header requires '${algorithm}'.`);
  }
  const parts = readParts(authorization.slice(algorithm.length + 1));
  for (const name of ["Credential", "Signature", "SignedHeaders"]) {
    if (!parts.has(name)) return incomplete(`Authorization header requires '${name}' parameter.`);
  }
  const time = request.headers.get("x-amz-date");
  if (time === null || !/^\d{8}T\d{6}Z$/.test(time)) {
    return incomplete("Authorization header requires existence of a valid 'X-Amz-Date' header.");
  }
  const credential = (parts.get("Credential") ?? "").split("/");
  const [accessKeyId = "", date = "", region = "", ofService = "", terminator = ""] = credential;
  const signedHeaders = (parts.get("SignedHeaders") ?? "").toLowerCase().split(";");
  const scope = { accessKeyId, date, region, signedHeaders, signature: parts.get("Signature") ?? "", time };
  return (
    checkScope(scope, { ofService, terminator, parts: credential.length }, request, service, clocks) ?? scope
  );
}

function readParts(text: string): Map<string, string> {
  const pairs = text.split(",").map((part): [string, string] => {
    const [name = "", ...value] = part.trim().split("=");
    return [name, value.join("=")];
  });
  return new Map(pairs);
}

function checkScope(
  scope: Scope,
  credential: { ofService: string; terminator: string; parts: number },
  request: RawRequest,
  service: string,
  clocks: Clocks,
): AwsError | null {
  if (credential.parts !== 5) {
    return incomplete(
      "Credential must have exactly 5 slash-delimited elements: keyid/date/region/service/term.",
    );
  }
  // The one raw answer of this service that is public (aws-sdk-go pull request 1034) has these words.
  if (credential.ofService !== service) {
    return invalid(`Credential should be scoped to correct service: '${service}'. `);
  }
  if (credential.terminator !== "aws4_request") {
    return invalid("Credential should be scoped with a valid terminator: 'aws4_request'.");
  }
  const ofHost = /^(?:metering|entitlement)[.-]marketplace(?:-fips)?\.([a-z0-9-]+)\./.exec(
    request.url.hostname,
  )?.[1];
  const wrongRegion = ofHost === undefined ? !isServiceRegion(scope.region) : scope.region !== ofHost;
  if (wrongRegion) return invalid("Credential should be scoped to a valid region. ");
  if (!scope.time.startsWith(scope.date) || scope.date.length !== 8) {
    return invalid(
      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
    );
  }
  const unsigned = ["host", "x-amz-date"].find((name) => !scope.signedHeaders.includes(name));
  if (unsigned !== undefined) {
    return invalid(`'${unsigned}' must be a 'SignedHeader' in the AWS Authorization.`);
  }
  return checkAge(scope.time, clocks);
}

function checkAge(time: string, clocks: Clocks): AwsError | null {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time)?.map(Number) ?? [];
  const signed = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  const skew = skewMinutes * 60_000;
  if (clocks.some((now) => Math.abs(now - signed) <= skew)) return null;
  const now = Math.max(...clocks);
  const [word, sign] = signed < now ? ["expired: ", "-"] : ["not yet current: ", "+"];
  const relation = signed < now ? "earlier" : "later";
  return invalid(
    `Signature ${word}${time} is now ${relation} than ${basicTime(now)} (${sign} ${skewMinutes} min.)`,
  );
}

const basicTime = (time: number): string => new Date(time).toISOString().replaceAll(/[-:]|\.\d+/g, "");

/** Whether the signature is the one that the secret gives for this very request. */
export async function signatureMatches(
  request: RawRequest,
  scope: Scope,
  service: string,
  secret: string,
): Promise<boolean> {
  const canonical = await canonicalRequest(request, scope.signedHeaders);
  const place = [scope.date, scope.region, service, "aws4_request"];
  const toSign = [algorithm, scope.time, place.join("/"), hex(await sha256(textBytes(canonical)))].join("\n");
  let key: ArrayBuffer = textBytes(`AWS4${secret}`).buffer;
  for (const part of place) key = await hmac(key, part);
  return sameText(hex(await hmac(key, toSign)), scope.signature);
}

async function canonicalRequest(request: RawRequest, signedHeaders: readonly string[]): Promise<string> {
  const { method, url, headers, body } = request;
  const lines = signedHeaders.map((name) => {
    const value = name === "host" ? (headers.get("host") ?? url.host) : (headers.get(name) ?? "");
    return `${name}:${value.trim().replaceAll(/ +/g, " ")}\n`;
  });
  const path = url.pathname.split("/").map(encode).join("/");
  const hash = hex(await sha256(body));
  return [method, path, canonicalQuery(url), lines.join(""), signedHeaders.join(";"), hash].join("\n");
}

function canonicalQuery(url: URL): string {
  const pairs = [...url.searchParams].map(([name, value]): [string, string] => [encode(name), encode(value)]);
  const order = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
  pairs.sort(([nameA, valueA], [nameB, valueB]) => order(nameA, nameB) || order(valueA, valueB));
  return pairs.map((pair) => pair.join("=")).join("&");
}

const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

const sha256 = (data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> => crypto.subtle.digest("SHA-256", data);

async function hmac(key: ArrayBuffer, text: string): Promise<ArrayBuffer> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  return crypto.subtle.sign("HMAC", imported, textBytes(text));
}

/** Takes as long for a wrong signature as for a nearly right one. */
function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
