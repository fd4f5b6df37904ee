import type { Call } from "./call.ts";
import { callSigned, callUnsigned } from "./call.ts";
import { resolveEndpoint } from "./endpoints.ts";
import { systemTimer } from "./exchange.ts";
import type { Fault } from "./field-checks.ts";
import { firstFault, integer, optional, text } from "./field-checks.ts";
import type { ClientOptions } from "./json-service.ts";
import type { Outcome } from "./outcome.ts";
import { failure, refusal } from "./outcome.ts";
import { elementText, readQueryXml } from "./xml.ts";

/** What both operations take. Session tags and MFA, which a service that meters does not use, are left out. */
export interface RoleRequest {
  readonly RoleArn: string;
  /** 2 to 64 characters; appears in the seller's CloudTrail. */
  readonly RoleSessionName: string;
  /** 900 to 43200; an hour when absent, and no more than the role allows. */
  readonly DurationSeconds?: number;
  /** JSON that narrows what the session may do. */
  readonly Policy?: string;
}

export interface AssumeRoleRequest extends RoleRequest {
  /** What the role's trust policy asks of a stranger. */
  readonly ExternalId?: string;
}

export interface AssumeRoleWithWebIdentityRequest extends RoleRequest {
  /** A JWT of the identity provider that the role trusts. */
  readonly WebIdentityToken: string;
}

/** A session, in AWS's names. */
export interface RoleSession {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly SessionToken: string;
  /** Seconds since 1970. */
  readonly Expiration: number;
}

export interface AssumeRoleResponse {
  readonly Credentials: RoleSession;
  readonly AssumedRoleUser?: { readonly AssumedRoleId?: string; readonly Arn?: string };
  /** Percent of what STS allows. */
  readonly PackedPolicySize?: number;
}

export interface AssumeRoleWithWebIdentityResponse extends AssumeRoleResponse {
  readonly SubjectFromWebIdentityToken?: string;
  readonly Provider?: string;
  readonly Audience?: string;
}

/** AWS Security Token Service (API version 2011-06-15), as far as it gives sessions. No method rejects. */
export interface StsClient {
  /** Signed with the client's credentials. */
  assumeRole(request: AssumeRoleRequest): Promise<Outcome<AssumeRoleResponse>>;
  /** Not signed: the token says who asks. */
  assumeRoleWithWebIdentity(
    request: AssumeRoleWithWebIdentityRequest,
  ): Promise<Outcome<AssumeRoleWithWebIdentityResponse>>;
}

function checkRole(request: RoleRequest): Fault | null {
  return firstFault(
    () => text(20, 2048)("RoleArn", request.RoleArn),
    () =>
      text(2, 64, { is: /^[\w+=,.@-]*$/, words: "consist of letters, digits and _ + = , . @ -" })(
        "RoleSessionName",
        request.RoleSessionName,
      ),
    () => optional(integer(900, 43_200))("DurationSeconds", request.DurationSeconds),
    () => optional(text(1, 2048))("Policy", request.Policy),
  );
}

const externalId = optional(
  text(2, 1224, { is: /^[\w+=,.@:/-]*$/, words: "consist of letters, digits and _ + = , . @ : / -" }),
);

function form(
  operation: string,
  request: RoleRequest,
  more: Readonly<Record<string, string | undefined>>,
): string {
  const { RoleArn, RoleSessionName, DurationSeconds, Policy } = request;
  const head = { Action: operation, Version: "2011-06-15", RoleArn, RoleSessionName };
  const fields = { ...head, ...more, DurationSeconds: DurationSeconds?.toString(), Policy };
  const present = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(present).toString();
}

function sessionIn(xml: string): RoleSession | null {
  const AccessKeyId = elementText(xml, "AccessKeyId") ?? "";
  const SecretAccessKey = elementText(xml, "SecretAccessKey") ?? "";
  const SessionToken = elementText(xml, "SessionToken") ?? "";
  const Expiration = Date.parse(elementText(xml, "Expiration") ?? "") / 1000;
  const isWhole =
    AccessKeyId !== "" && SecretAccessKey !== "" && SessionToken !== "" && Number.isFinite(Expiration);
  return isWhole ? { AccessKeyId, SecretAccessKey, SessionToken, Expiration } : null;
}

/** The elements that are there, under their own names. */
function elementsIn<K extends string>(xml: string, names: readonly K[]): { readonly [P in K]?: string } {
  const found = names.map((name) => [name, elementText(xml, name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined)) as {
    readonly [P in K]?: string;
  };
}

function responseIn(xml: string): AssumeRoleResponse | null {
  const Credentials = sessionIn(xml);
  if (Credentials === null) return null;
  const packed = elementText(xml, "PackedPolicySize");
  return {
    Credentials,
    AssumedRoleUser: elementsIn(xml, ["AssumedRoleId", "Arn"]),
    ...(packed !== undefined && { PackedPolicySize: Number(packed) }),
  };
}

/** Makes a client of STS in one Region. It keeps nothing between calls. */
export function createStsClient(options: ClientOptions): StsClient {
  const { region, credentials, fetch, now, timer = systemTimer, timeoutMs = 30_000 } = options;
  const world = { fetch, now, timer, timeoutMs };
  const endpoint = resolveEndpoint("sts", options);

  async function ask<T>(
    operation: string,
    request: { readonly body: string; readonly fault: Fault | null; readonly secrets: readonly string[] },
    send: (call: Call<string>) => Promise<Outcome<string>>,
    read: (xml: string) => T | null,
  ): Promise<Outcome<T>> {
    const { body, fault, secrets } = request;
    const where = `${operation} in ${region}`;
    if (fault !== null) return refusal(where, fault, fault.rule);
    if (!endpoint.ok) return endpoint;
    const headers = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
    const call: Call<string> = {
      service: "sts",
      operation,
      region,
      url: endpoint.value,
      headers,
      body,
      read: readQueryXml,
      secrets,
    };
    const outcome = await send(call);
    if (!outcome.ok) return outcome;
    const value = read(outcome.value);
    const { requestId } = outcome;
    if (value !== null) return { ok: true, value, requestId };
    return failure("unreadable-answer", { where, what: "the answer holds no session", requestId });
  }

  return {
    assumeRole(request) {
      const { ExternalId } = request;
      const fault = checkRole(request) ?? externalId("ExternalId", ExternalId);
      const body = form("AssumeRole", request, { ExternalId });
      const secrets = ExternalId === undefined ? [] : [ExternalId];
      const send = (call: Call<string>): Promise<Outcome<string>> => callSigned(call, credentials, world);
      return ask("AssumeRole", { body, fault, secrets }, send, responseIn);
    },
    assumeRoleWithWebIdentity(request) {
      const { WebIdentityToken } = request;
      const fault = checkRole(request) ?? text(4, 20_000)("WebIdentityToken", WebIdentityToken);
      const body = form("AssumeRoleWithWebIdentity", request, { WebIdentityToken });
      const send = (call: Call<string>): Promise<Outcome<string>> => callUnsigned(call, world);
      return ask("AssumeRoleWithWebIdentity", { body, fault, secrets: [WebIdentityToken] }, send, (xml) => {
        const response = responseIn(xml);
        if (response === null) return null;
        return { ...response, ...elementsIn(xml, ["SubjectFromWebIdentityToken", "Provider", "Audience"]) };
      });
    },
  };
}
