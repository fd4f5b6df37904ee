/**
 * AWS Marketplace as a client sees it: metering, registration, entitlements and the credentials for them. Knows AWS and
 * nothing of the gateway; runs wherever there is `fetch` and Web Crypto.
 */
export { packBatches } from "./batches.ts";
export type { Batches } from "./batches.ts";
export { createMarketplaceClient } from "./client.ts";
export type { ClientOptions, MarketplaceClient } from "./client.ts";
export { staticCredentials } from "./credentials.ts";
export type { CredentialProvider, Credentials, CredentialsOutcome } from "./credentials.ts";
export { errorKinds } from "./error-kinds.ts";
export type { Advice, ErrorKind, Held } from "./error-kinds.ts";
export type { MarketplaceError, RequestFault } from "./errors.ts";
export type { Fetch, Timer } from "./exchange.ts";
export type * from "./model.ts";
export type { Outcome } from "./outcome.ts";
