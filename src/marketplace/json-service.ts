import type { JsonObject } from "./aws-json.ts";
import { readAwsJson } from "./aws-json.ts";
import type { World } from "./call.ts";
import { callSigned } from "./call.ts";
import type { CredentialProvider } from "./credentials.ts";
import type { EndpointChoice } from "./endpoints.ts";
import { resolveEndpoint } from "./endpoints.ts";
import type { Fetch, Timer } from "./exchange.ts";
import { systemTimer } from "./exchange.ts";
import type { Fault } from "./field-checks.ts";
import type { Outcome } from "./outcome.ts";
import { failure, refusal } from "./outcome.ts";

/** What a client of one AWS service needs from its surroundings. */
export interface ClientOptions extends EndpointChoice {
  readonly credentials: CredentialProvider;
  readonly fetch: Fetch;
  /** Milliseconds since 1970; dates the signatures. */
  readonly now: () => number;
  /** For one call, answer included. 30 000 ms when absent. */
  readonly timeoutMs?: number;
  /** The clock that ends a call; the platform's own when absent. */
  readonly timer?: Timer;
}

/** What is the same for every call of one client. */
export interface JsonService {
  readonly name: "metering" | "entitlement";
  readonly target: string;
  readonly region: string;
  readonly endpoint: Outcome<URL>;
  readonly credentials: CredentialProvider;
  readonly world: World;
}

export function jsonService(name: JsonService["name"], target: string, options: ClientOptions): JsonService {
  const { region, credentials, fetch, now, timer = systemTimer, timeoutMs = 30_000 } = options;
  const world = { fetch, now, timer, timeoutMs };
  return { name, target, region, endpoint: resolveEndpoint(name, options), credentials, world };
}

/** One request, ready to leave. */
export interface JsonRequest<T> {
  readonly operation: string;
  readonly body: string;
  readonly fault: Fault | null;
  /** Null when the answer has not the operation's shape. */
  readonly read: (json: JsonObject) => T | null;
  readonly secrets?: readonly string[];
}

/** Sends one request in awsJson 1.1, unless it is at fault. */
export async function callJson<T>(service: JsonService, request: JsonRequest<T>): Promise<Outcome<T>> {
  const { operation, body, fault, read, secrets = [] } = request;
  const where = `${operation} in ${service.region}`;
  if (fault !== null) return refusal(where, fault, fault.rule);
  if (!service.endpoint.ok) return service.endpoint;
  const outcome = await callSigned(
    {
      service: service.name,
      operation,
      region: service.region,
      url: service.endpoint.value,
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": `${service.target}.${operation}`,
      },
      body,
      read: readAwsJson,
      secrets,
    },
    service.credentials,
    service.world,
  );
  if (!outcome.ok) return outcome;
  const value = read(outcome.value);
  const { requestId } = outcome;
  if (value !== null) return { ok: true, value, requestId };
  return failure("unreadable-answer", { where, what: "the answer has not the operation's shape", requestId });
}
