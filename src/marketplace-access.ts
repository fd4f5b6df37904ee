import { createMarketplaceClient, staticCredentials, type MarketplaceClient } from "./marketplace/index.ts";

/** The AWS client of this deployment: its secrets' credentials, at AWS or at the endpoint that stands in for it. */
export function marketplaceClient(env: Env, region: string): MarketplaceClient {
  return createMarketplaceClient({
    region,
    credentials: staticCredentials({
      accessKeyId: env.AWS_ACCESS_KEY_ID ?? "",
      secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? "",
      ...(env.AWS_SESSION_TOKEN !== undefined && { sessionToken: env.AWS_SESSION_TOKEN }),
    }),
    ...(env.AWS_ENDPOINT_URL_MARKETPLACE_METERING !== undefined && {
      endpoint: env.AWS_ENDPOINT_URL_MARKETPLACE_METERING,
    }),
    fetch: (input, init) => fetch(input, init),
    now: () => Date.now(),
  });
}
