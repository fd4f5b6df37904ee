import type { ErrorKind } from "./error-kinds.ts";

/** The exceptions of AWS Marketplace Metering Service's model (2016-01-14), by the name AWS gives them. */
export const meteringExceptions = {
  CustomerNotEntitledException: "customer-not-entitled",
  DisabledApiException: "disabled-api",
  DuplicateRequestException: "duplicate-request",
  ExpiredTokenException: "expired-registration-token",
  IdempotencyConflictException: "idempotency-conflict",
  InternalServiceErrorException: "internal-service-error",
  InvalidCustomerIdentifierException: "invalid-customer-identifier",
  InvalidEndpointRegionException: "invalid-endpoint-region",
  InvalidLicenseException: "invalid-license",
  InvalidProductCodeException: "invalid-product-code",
  InvalidPublicKeyVersionException: "invalid-public-key-version",
  InvalidRegionException: "invalid-region",
  InvalidTagException: "invalid-tag",
  InvalidTokenException: "invalid-registration-token",
  InvalidUsageAllocationsException: "invalid-usage-allocations",
  InvalidUsageDimensionException: "invalid-usage-dimension",
  PlatformNotSupportedException: "platform-not-supported",
  ThrottlingException: "throttled",
  TimestampOutOfBoundsException: "timestamp-out-of-bounds",
} as const satisfies Record<string, ErrorKind>;

/** The exceptions of the entitlement service's model (2017-01-11). */
export const entitlementExceptions = {
  InternalServiceErrorException: "internal-service-error",
  InvalidParameterException: "invalid-parameter",
  ThrottlingException: "throttled",
} as const satisfies Record<string, ErrorKind>;

/**
 * The exceptions of STS's model (2011-06-15) for the two operations used here. The query protocol sends some without
 * the "Exception" that their class carries.
 */
export const stsExceptions = {
  ExpiredTokenException: "expired-identity-token",
  IDPCommunicationError: "identity-provider-unreachable",
  IDPRejectedClaim: "identity-provider-rejected",
  InvalidIdentityToken: "invalid-identity-token",
  MalformedPolicyDocument: "invalid-session-policy",
  PackedPolicyTooLarge: "invalid-session-policy",
  RegionDisabledException: "region-disabled",
} as const satisfies Record<string, ErrorKind>;

/**
 * What any AWS service may answer (AWS, "Common Errors", and the Signature Version 4 troubleshooting page). AWS spells
 * several of them with and without "Exception", by protocol.
 */
export const commonErrors = {
  AccessDenied: "access-denied",
  AccessDeniedException: "access-denied",
  AuthFailure: "access-denied",
  NotAuthorized: "access-denied",
  NotAuthorizedException: "access-denied",
  UnauthorizedException: "access-denied",
  UnauthorizedOperation: "access-denied",

  ExpiredToken: "expired-credentials",
  ExpiredTokenException: "expired-credentials",
  InvalidAccessKeyId: "unknown-credentials",
  InvalidClientTokenId: "unknown-credentials",
  UnrecognizedClientException: "unknown-credentials",
  MissingAuthenticationToken: "missing-credentials",
  MissingAuthenticationTokenException: "missing-credentials",

  IncompleteSignature: "invalid-signature",
  IncompleteSignatureException: "invalid-signature",
  InvalidSignatureException: "invalid-signature",
  SignatureDoesNotMatch: "invalid-signature",
  RequestExpired: "clock-skew",
  RequestInTheFuture: "clock-skew",
  RequestTimeTooSkewed: "clock-skew",
  OptInRequired: "opt-in-required",

  BandwidthLimitExceeded: "throttled",
  LimitExceededException: "throttled",
  RequestLimitExceeded: "throttled",
  RequestThrottled: "throttled",
  RequestThrottledException: "throttled",
  SlowDown: "throttled",
  Throttling: "throttled",
  ThrottledException: "throttled",
  ThrottlingException: "throttled",
  TooManyRequestsException: "throttled",

  InternalError: "internal-failure",
  InternalFailure: "internal-failure",
  InternalServerError: "internal-failure",
  InternalServerException: "internal-failure",
  ServiceUnavailable: "service-unavailable",
  ServiceUnavailableException: "service-unavailable",
  RequestAbortedException: "request-interrupted",
  RequestTimeout: "request-interrupted",
  RequestTimeoutException: "request-interrupted",

  InvalidParameterCombination: "validation-failed",
  InvalidParameterValue: "validation-failed",
  MalformedHttpRequestException: "validation-failed",
  MalformedQueryString: "validation-failed",
  MissingParameter: "validation-failed",
  SerializationException: "validation-failed",
  ValidationError: "validation-failed",
  ValidationException: "validation-failed",
  RequestEntityTooLarge: "request-too-large",
  RequestEntityTooLargeException: "request-too-large",

  InvalidAction: "unknown-operation",
  MissingAction: "unknown-operation",
  UnknownOperation: "unknown-operation",
  UnknownOperationException: "unknown-operation",
} as const satisfies Record<string, ErrorKind>;
