import {
  GetEntitlementsCommand,
  MarketplaceEntitlementServiceClient,
} from "@aws-sdk/client-marketplace-entitlement-service";
import { MarketplaceMetering } from "@aws-sdk/client-marketplace-metering";
import { origin, sellerKey, send } from "./client.ts";

/** The parts of the SDK's request that go over HTTP. */
interface SdkRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** Hands the SDK's requests to the simulator in this process: what it signs and sends is its own. */
const requestHandler = {
  async handle({ method, path, headers, body }: SdkRequest) {
    const response = await send(new Request(`${origin}${path}`, { method, headers, ...(body && { body }) }));
    return {
      response: {
        statusCode: response.status,
        headers: Object.fromEntries(response.headers),
        body: response.body,
      },
    };
  },
  // The SDK asks for these; there is nothing to set.
  updateHttpClientConfig: () => undefined,
  httpHandlerConfigs: () => ({}),
};

interface SdkOptions {
  readonly region?: string;
  readonly key?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
}

const config = ({ region = "us-east-1", key = sellerKey }: SdkOptions) => ({
  region,
  credentials: key,
  endpoint: origin,
  maxAttempts: 1,
  requestHandler: requestHandler as never,
});

export const metering = (options: SdkOptions = {}) => new MarketplaceMetering(config(options));

export const getEntitlements = (
  input: ConstructorParameters<typeof GetEntitlementsCommand>[0],
  options: SdkOptions = {},
) => new MarketplaceEntitlementServiceClient(config(options)).send(new GetEntitlementsCommand(input));

/** What a call throws. */
export async function thrownBy(call: Promise<unknown>): Promise<Error> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("the call did not fail");
}
