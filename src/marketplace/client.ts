import type { Fault } from "./field-checks.ts";
import type { ClientOptions } from "./json-service.ts";
import { callJson, jsonService } from "./json-service.ts";
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
import { failure } from "./outcome.ts";
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

/** AWS's answer to a dry run that would have been allowed: an error by form only (API reference, MeterUsage, DryRun). */
function isPermittedDryRun(request: MeterUsageRequest, outcome: Outcome<unknown>): boolean {
  return request.DryRun === true && !outcome.ok && /^DryRunOperation(Exception)?$/.test(outcome.error.code);
}

function wrongToken({ field, rule }: Fault, region: string): Outcome<never> {
  const what = `${field} ${rule}; nothing was sent`;
  return failure("invalid-registration-token", { where: `ResolveCustomer in ${region}`, what });
}

/**
 * Makes a client of AWS Marketplace Metering Service. It keeps nothing between calls and repeats none by itself, but for
 * one repeat with other credentials when AWS has refused the first.
 */
export function createMarketplaceClient(options: ClientOptions): MarketplaceClient {
  const service = jsonService("metering", "AWSMPMeteringService", options);
  return {
    batchMeterUsage(request) {
      const body = batchMeterUsageJson(request);
      const fault = checkBatchMeterUsage(request, body);
      return callJson(service, { operation: "BatchMeterUsage", body, fault, read: batchMeterUsageFrom });
    },
    resolveCustomer(request) {
      const fault = checkResolveCustomer(request);
      // What cannot be a token is no fault of ours: whoever posted it starts again, as with any other wrong one.
      if (fault !== null) return Promise.resolve(wrongToken(fault, options.region));
      const body = resolveCustomerJson(request);
      const secrets = [request.RegistrationToken];
      const read = resolveCustomerFrom;
      return callJson(service, { operation: "ResolveCustomer", body, fault, read, secrets });
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
