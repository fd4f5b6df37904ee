import {
  createEntitlementClient,
  createMarketplaceClient,
  homeRegion,
  staticCredentials,
  type ClientOptions,
  type EntitlementClient,
  type MarketplaceClient,
} from "./marketplace/index.ts";

/**
 * The AWS client of this deployment: its secrets' credentials, at AWS or at the endpoint that stands in for it.
 *
 * @param timeoutMs for one call; the client's own when absent
 */
export function marketplaceClient(env: Env, region: string, timeoutMs?: number): MarketplaceClient {
  const endpoint = env.AWS_ENDPOINT_URL_MARKETPLACE_METERING;
  return createMarketplaceClient({
    ...optionsOf(env, region, endpoint),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
}

/** The entitlement service for the products of a Region; null where AWS has none. */
export function entitlementClient(env: Env, region: string): EntitlementClient | null {
  const home = homeRegion(region);
  const endpoint = env.AWS_ENDPOINT_URL_MARKETPLACE_ENTITLEMENT_SERVICE;
  return home === null ? null : createEntitlementClient(optionsOf(env, home, endpoint));
}

function optionsOf(env: Env, region: string, endpoint: string | undefined): ClientOptions {
  return {
    region,
    credentials: staticCredentials({
      accessKeyId: env.AWS_ACCESS_KEY_ID ?? "",
      secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? "",
      ...(env.AWS_SESSION_TOKEN !== undefined && { sessionToken: env.AWS_SESSION_TOKEN }),
    }),
    ...(endpoint !== undefined && { endpoint }),
    fetch: (input, init) => fetch(input, init),
    now: () => Date.now(),
  };
}
