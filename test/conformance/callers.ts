import * as entitlementSdk from "@aws-sdk/client-marketplace-entitlement-service";
import * as meteringSdk from "@aws-sdk/client-marketplace-metering";
import type { ErrorKind, Outcome } from "../../src/marketplace/index.ts";
import {
  createEntitlementClient,
  createMarketplaceClient,
  staticCredentials,
} from "../../src/marketplace/index.ts";
import { sellerKey } from "./simulator.ts";

export type OperationName =
  "BatchMeterUsage" | "ResolveCustomer" | "MeterUsage" | "RegisterUsage" | "GetEntitlements";

export interface SigningKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Whose call it is, from where and at what time. */
export interface Setting {
  readonly endpoint: string;
  readonly region?: string;
  /** Milliseconds by which the caller's clock is ahead of this machine's. */
  readonly clockAhead?: number;
  readonly credentials?: SigningKey;
}

/** What a call came to, in the form that both clients share: AWS's members, or AWS's name of the error. */
export type Result =
  | { readonly value: unknown }
  | {
      readonly error: string;
      /** Our client's word for it. */
      readonly kind?: ErrorKind;
      /** Whether the SDK gave it a class of its own. */
      readonly ownClass?: boolean;
    };

export interface Caller {
  readonly name: string;
  call(operation: OperationName, input: unknown, setting: Setting): Promise<Result>;
}

type Json = Record<string, unknown>;

/** Our client. */
export const ours: Caller = {
  name: "our client",
  async call(operation, input, { endpoint, region = "us-east-1", clockAhead = 0, credentials = sellerKey }) {
    const now = (): number => Date.now() + clockAhead;
    const options = { region, endpoint, credentials: staticCredentials(credentials), fetch, now };
    const clients = { ...createMarketplaceClient(options), ...createEntitlementClient(options) };
    const method = `${operation.charAt(0).toLowerCase()}${operation.slice(1)}` as keyof typeof clients;
    const send = clients[method] as (request: unknown) => Promise<Outcome<unknown>>;
    const outcome = await send(input);
    if (outcome.ok) return { value: outcome.value };
    return { error: outcome.error.code, kind: outcome.error.kind };
  },
};

/** Times in seconds for times in `Date`, and the other way round. */
const times = new Set(["Timestamp", "PublicKeyRotationTimestamp", "ExpirationDate"]);

function withDates(input: unknown): Json {
  return JSON.parse(JSON.stringify(input), (key, value: unknown) =>
    times.has(key) && typeof value === "number" ? new Date(value * 1000) : value,
  ) as Json;
}

/** The SDK's output as it travelled: dates as seconds, and without what AWS left empty. */
function plain(value: unknown): unknown {
  if (value instanceof Date) return value.getTime() / 1000;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(
    ([key, member]) => key !== "$metadata" && member !== undefined && member !== "",
  );
  return Object.fromEntries(members.map(([key, member]) => [key, plain(member)]));
}

/** Is the error of the class that the operation's own package has under its name? */
function hasOwnClass(operation: OperationName, error: Error): boolean {
  const classes = (operation === "GetEntitlements" ? entitlementSdk : meteringSdk) as unknown as Record<
    string,
    unknown
  >;
  const named = classes[error.name];
  return typeof named === "function" && error.constructor === named;
}

async function sendWithSdk(operation: OperationName, input: unknown, setting: Setting): Promise<unknown> {
  const { endpoint, region = "us-east-1", clockAhead = 0, credentials = sellerKey } = setting;
  const config = { endpoint, region, credentials, systemClockOffset: clockAhead, maxAttempts: 1 };
  const request = withDates(input);
  if (operation === "GetEntitlements") {
    const client = new entitlementSdk.MarketplaceEntitlementServiceClient(config);
    return client.send(new entitlementSdk.GetEntitlementsCommand(request as never));
  }
  const client = new meteringSdk.MarketplaceMetering(config);
  const method = `${operation.charAt(0).toLowerCase()}${operation.slice(1)}` as "batchMeterUsage";
  return client[method](request as never);
}

/** The official JavaScript SDK. */
export const sdk: Caller = {
  name: "the official SDK",
  async call(operation, input, setting) {
    try {
      return { value: plain(await sendWithSdk(operation, input, setting)) };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return { error: error.name, ownClass: hasOwnClass(operation, error) };
    }
  },
};
