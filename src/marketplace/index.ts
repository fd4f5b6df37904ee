/**
 * AWS Marketplace as a client sees it: metering, registration, entitlements and the credentials for them. Knows AWS and
 * nothing of the gateway; runs wherever there is `fetch` and Web Crypto.
 */
export { packBatches } from "./batches.ts";
export type { Batches } from "./batches.ts";
export { createMarketplaceClient } from "./client.ts";
export type { MarketplaceClient } from "./client.ts";
export { staticCredentials } from "./credentials.ts";
export type { CredentialProvider, Credentials, CredentialsOutcome } from "./credentials.ts";
export { createEntitlementClient, getAllEntitlements } from "./entitlements.ts";
export type {
  Entitlement,
  EntitlementClient,
  EntitlementFilterName,
  EntitlementValue,
  GetEntitlementsRequest,
  GetEntitlementsResponse,
} from "./entitlements.ts";
export { errorKinds } from "./error-kinds.ts";
export type { Advice, ErrorKind, Held } from "./error-kinds.ts";
export type { MarketplaceError, RequestFault } from "./errors.ts";
export type { Fetch, Timer } from "./exchange.ts";
export type { ClientOptions } from "./json-service.ts";
export type * from "./model.ts";
export type { Outcome } from "./outcome.ts";
export { answersFor } from "./record-answers.ts";
export type { RecordAnswer } from "./record-answers.ts";
export { refreshingCredentials } from "./refreshing-credentials.ts";
export type { RefreshOptions } from "./refreshing-credentials.ts";
export { documentedRegions, homeRegion, isDocumentedIn } from "./regions.ts";
export type { DocumentedUse } from "./regions.ts";
export { roleCredentials, webIdentityCredentials } from "./role-credentials.ts";
export { createStsClient } from "./sts.ts";
export type {
  AssumeRoleRequest,
  AssumeRoleResponse,
  AssumeRoleWithWebIdentityRequest,
  AssumeRoleWithWebIdentityResponse,
  RoleRequest,
  RoleSession,
  StsClient,
} from "./sts.ts";
