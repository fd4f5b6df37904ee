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
import type {
  BatchMeterUsageRequest,
  BatchMeterUsageResponse,
  MeterUsageRequest,
  MeterUsageResponse,
  RegisterUsageRequest,
  RegisterUsageResponse,
  ResolveCustomerRequest,
  ResolveCustomerResponse,
} from "./model.ts";
import type { Outcome } from "./outcome.ts";
import { failure, refusal } from "./outcome.ts";
import {
  checkBatchMeterUsage,
  checkMeterUsage,
  checkRegisterUsage,
  checkResolveCustomer,
} from "./request-checks.ts";
import {
  batchMeterUsageJson,
  meterUsageJson,
  registerUsageJson,
  resolveCustomerJson,
} from "./request-json.ts";
import {
  batchMeterUsageFrom,
  meterUsageFrom,
  registerUsageFrom,
  resolveCustomerFrom,
} from "./response-json.ts";

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

/** AWS Marketplace Metering Service, one Region of it. No method rejects: see {@link Outcome}. */
export interface MarketplaceClient {
  /**
   * Reports usage of a SaaS product. Called from anywhere, with credentials of the account that published the product.
   *
   * The same request always makes the same bytes, so that a repeat after an unknown outcome is safe.
   */
  batchMeterUsage(request: BatchMeterUsageRequest): Promise<Outcome<BatchMeterUsageResponse>>;
  /** Turns a registration token into a customer and an agreement. Called as soon as the token arrives. */
  resolveCustomer(request: ResolveCustomerRequest): Promise<Outcome<ResolveCustomerResponse>>;
  /**
   * Reports usage of software that runs in the customer's AWS account: AWS takes it only when signed there, by the role
   * of the EC2 instance, ECS task or EKS pod, in the Region where it runs. Never from this gateway or another server.
   *
   * A dry run that AWS permits is a success without `MeteringRecordId`.
   */
  meterUsage(request: MeterUsageRequest): Promise<Outcome<MeterUsageResponse>>;
  /** Checks that a paid container may run. Signed inside the customer's AWS account only, as {@link meterUsage}. */
  registerUsage(request: RegisterUsageRequest): Promise<Outcome<RegisterUsageResponse>>;
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

/** AWS's answer to a dry run that would have been allowed: an error by form only (API reference, MeterUsage, DryRun). */
function isPermittedDryRun(request: MeterUsageRequest, outcome: Outcome<unknown>): boolean {
  return request.DryRun === true && !outcome.ok && /^DryRunOperation(Exception)?$/.test(outcome.error.code);
}

/** Makes a client of AWS Marketplace Metering Service. It keeps nothing between calls and retries nothing by itself. */
export function createMarketplaceClient(options: ClientOptions): MarketplaceClient {
  const service = jsonService("metering", "AWSMPMeteringService", options);
  return {
    batchMeterUsage(request) {
      const body = batchMeterUsageJson(request);
      const fault = checkBatchMeterUsage(request, body);
      return callJson(service, { operation: "BatchMeterUsage", body, fault, read: batchMeterUsageFrom });
    },
    resolveCustomer(request) {
      const body = resolveCustomerJson(request);
      const fault = checkResolveCustomer(request);
      const secrets = [request.RegistrationToken];
      return callJson(service, {
        operation: "ResolveCustomer",
        body,
        fault,
        read: resolveCustomerFrom,
        secrets,
      });
    },
    async meterUsage(request) {
      const body = meterUsageJson(request);
      const fault = checkMeterUsage(request, body);
      const outcome = await callJson(service, { operation: "MeterUsage", body, fault, read: meterUsageFrom });
      if (!isPermittedDryRun(request, outcome)) return outcome;
      return { ok: true, value: {}, requestId: outcome.ok ? outcome.requestId : outcome.error.requestId };
    },
    registerUsage(request) {
      const body = registerUsageJson(request);
      const fault = checkRegisterUsage(request);
      return callJson(service, { operation: "RegisterUsage", body, fault, read: registerUsageFrom });
    },
  };
}
