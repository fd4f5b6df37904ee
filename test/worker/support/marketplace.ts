import { env } from "cloudflare:workers";
import { call, newProduct, type TestProduct } from "./gateway.ts";
import { ago, DAY } from "./times.ts";

/** AWS Marketplace in the tests of the Worker: the simulator, by its control plane. */

export interface AwsRecord {
  region: string;
  licenseArn: string | null;
  accountId: string;
  dimension: string;
  quantity: number;
  timestamp: string;
  allocations: unknown;
  meteringRecordId: string;
}

export interface AwsAgreement {
  agreementId: string;
  accountId: string;
  licenseArn: string;
  customerIdentifier: string;
  registrationToken: string;
}

interface AwsCall {
  operation: string;
  records: number;
  error: string | null;
}

interface AwsCalls {
  calls: AwsCall[];
  next: number | null;
}

async function control<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${env.AWS_ENDPOINT_URL_MARKETPLACE_METERING}/_simulator${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

export const aws = {
  records: async (productCode: string) =>
    (await control<{ records: AwsRecord[] }>("GET", `/records?productCode=${productCode}`)).records,
  /** What AWS is asked while something is done. */
  callsDuring: async (work: () => Promise<unknown>): Promise<AwsCall[]> => {
    const { next } = await control<AwsCalls>("GET", "/calls?limit=1");
    await work();
    return (await control<AwsCalls>("GET", `/calls?after=${next ?? 0}&limit=10000`)).calls;
  },
  faults: (...faults: object[]) => control("POST", "/faults", { faults }),
  /** From now on AWS is well. */
  heal: () => control("DELETE", "/faults"),
  agreement: (productCode: string, options: object = {}) =>
    control<AwsAgreement>("POST", "/agreements", { productCode, ...options }),
  /** Lists a product with its dimensions, or lists it otherwise: one that has opted in to concurrent agreements, say. */
  list: (productCode: string, options: object = {}) =>
    control("POST", "/products", { productCode, dimensions: ["api", "gb"], ...options }),
  switches: (switches: object) => control("POST", "/switches", switches),
  change: (agreementId: string, changes: object) => control("PATCH", `/agreements/${agreementId}`, changes),
  /** Ends an agreement at AWS, or takes its licence away; nothing is told. */
  end: (agreementId: string, event: "end" | "deprovision", at: string) =>
    control("POST", `/agreements/${agreementId}/${event}`, { at }),
  /** Another registration token of an agreement: the customer presses "Set up your account" again. */
  token: async (agreementId: string) =>
    (await control<{ registrationToken: string }>("POST", `/agreements/${agreementId}/tokens`))
      .registrationToken,
  /** What SNS sends to whoever subscribes to a product's topic. */
  confirmation: (options: object) =>
    control<{ notice: Record<string, string> }>("POST", "/sns/confirmations", options),
  /** The topics whose subscription was confirmed. */
  subscriptions: async () =>
    (await control<{ subscriptions: { topicArn: string }[] }>("GET", "/sns/subscriptions")).subscriptions.map(
      ({ topicArn }) => topicArn,
    ),
  notice: (agreementId: string, options: object) =>
    control<{ notice: object; headers: Record<string, string> }>(
      "POST",
      `/agreements/${agreementId}/notices`,
      options,
    ),
};

/** A product that is listed on AWS, too. */
export async function newListing(
  overrides: {
    concurrentAgreements?: boolean;
    contract?: boolean;
    dimensions?: readonly unknown[];
    shards?: number;
  } = {},
): Promise<TestProduct> {
  const product = await newProduct({ ...overrides, settleSeconds: 0, lateSettleSeconds: 0 });
  await aws.list(product.id, {
    ...(overrides.concurrentAgreements !== undefined && {
      concurrentAgreements: overrides.concurrentAgreements,
    }),
  });
  return product;
}

/** Comes to the gateway as a customer's browser does after "Set up your account". */
export function arrive(
  token: string,
  { path = "/register", fields = {} }: { path?: string; fields?: Record<string, string> } = {},
): Promise<Response> {
  return call("POST", path, {
    body: new URLSearchParams({ "x-amzn-marketplace-token": token, ...fields }).toString(),
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      origin: "https://us-east-1.console.aws.amazon.com",
    },
  });
}

/** A customer that has subscribed on AWS and registered at the gateway, and whose licence AWS has told of. */
export async function newCustomer(listing: TestProduct, options: object = {}) {
  const agreement = await newArrival(listing, options);
  await notify(agreement.agreementId, "license-updated", { at: ago(DAY) });
  return agreement;
}

/** Tells the gateway of something as EventBridge does; by the simulator's words. */
export async function notify(agreementId: string, kind: string, options: object = {}): Promise<Response> {
  const { notice } = await aws.notice(agreementId, { kind, via: "eventbridge", ...options });
  return call("POST", "/aws/events", { body: notice, headers: { "x-api-key": env.EVENTS_SECRET ?? "" } });
}

/** A customer that has subscribed on AWS and registered at the gateway; AWS has told nothing yet. */
export async function newArrival(listing: TestProduct, options: object = {}) {
  const agreement = await aws.agreement(listing.id, options);
  const arrival = await arrive(agreement.registrationToken);
  if (arrival.status !== 303)
    throw new Error(`registration answered ${arrival.status}: ${await arrival.text()}`);
  return agreement;
}
