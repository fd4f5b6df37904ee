/** How each AWS error travels: its HTTP status in the JSON protocol, and its code and status in the query protocol. */
interface WireForm {
  readonly status: number;
  readonly query?: { readonly code: string; readonly status: number };
}

const forbidden = (code: string) => ({ code, status: 403 });

/**
 * Every error that the simulator answers with. The first group is the model of AWS Marketplace Metering Service
 * (2016-01-14; its API reference documents 400, and 500 for the internal error), the second that of the entitlement
 * service, of STS and of SNS, the third what any AWS service may answer.
 */
const wireForms = {
  CustomerNotEntitledException: { status: 400 },
  DisabledApiException: { status: 400 },
  DuplicateRequestException: { status: 400 },
  ExpiredTokenException: { status: 400, query: forbidden("ExpiredToken") },
  IdempotencyConflictException: { status: 409 },
  InternalServiceErrorException: { status: 500, query: { code: "InternalFailure", status: 500 } },
  InvalidCustomerIdentifierException: { status: 400 },
  InvalidEndpointRegionException: { status: 400 },
  InvalidLicenseException: { status: 400 },
  InvalidProductCodeException: { status: 400 },
  InvalidPublicKeyVersionException: { status: 400 },
  InvalidRegionException: { status: 400 },
  InvalidTagException: { status: 400 },
  InvalidTokenException: { status: 400 },
  InvalidUsageAllocationsException: { status: 400 },
  InvalidUsageDimensionException: { status: 400 },
  PlatformNotSupportedException: { status: 400 },
  ThrottlingException: { status: 400, query: { code: "Throttling", status: 400 } },
  TimestampOutOfBoundsException: { status: 400 },

  InvalidParameterException: { status: 400, query: { code: "InvalidParameter", status: 400 } },
  ExpiredIdentityTokenException: { status: 400, query: { code: "ExpiredTokenException", status: 400 } },
  IDPCommunicationErrorException: { status: 400, query: { code: "IDPCommunicationError", status: 400 } },
  IDPRejectedClaimException: { status: 403, query: forbidden("IDPRejectedClaim") },
  InvalidIdentityTokenException: { status: 400, query: { code: "InvalidIdentityToken", status: 400 } },
  MalformedPolicyDocumentException: { status: 400, query: { code: "MalformedPolicyDocument", status: 400 } },
  PackedPolicyTooLargeException: { status: 400, query: { code: "PackedPolicyTooLarge", status: 400 } },
  RegionDisabledException: { status: 403, query: forbidden("RegionDisabledException") },

  AccessDeniedException: { status: 400, query: forbidden("AccessDenied") },
  DryRunOperation: { status: 400 },
  IncompleteSignatureException: { status: 400, query: { code: "IncompleteSignature", status: 400 } },
  InternalFailure: { status: 500 },
  InvalidSignatureException: { status: 400, query: forbidden("SignatureDoesNotMatch") },
  MissingAuthenticationTokenException: { status: 400, query: forbidden("MissingAuthenticationToken") },
  OptInRequired: { status: 403 },
  RequestEntityTooLargeException: { status: 413, query: { code: "RequestEntityTooLarge", status: 413 } },
  RequestExpired: { status: 400 },
  SerializationException: { status: 400 },
  ServiceUnavailable: { status: 503 },
  UnauthorizedException: { status: 400 },
  UnknownOperationException: { status: 400, query: { code: "InvalidAction", status: 400 } },
  UnrecognizedClientException: { status: 400, query: forbidden("InvalidClientTokenId") },
  ValidationException: { status: 400, query: { code: "ValidationError", status: 400 } },
} as const satisfies Record<string, WireForm>;

export type AwsErrorCode = keyof typeof wireForms;

/** An expected failure, on its way to the caller. */
export interface AwsError {
  readonly code: AwsErrorCode;
  readonly message: string;
}

/** What an operation comes to: an answer, or one of AWS's errors. */
export type Outcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: AwsError };

export const succeed = <T>(value: T): Outcome<T> => ({ ok: true, value });

export const fail = (
  code: AwsErrorCode,
  message: string,
): { readonly ok: false; readonly error: AwsError } => ({
  ok: false,
  error: { code, message },
});

export const awsError = (code: AwsErrorCode, message: string): AwsError => ({ code, message });

export const awsErrorCodes = Object.keys(wireForms) as readonly AwsErrorCode[];

/** The code and status of an error in the JSON protocol. */
export function jsonForm(error: AwsError): { code: string; status: number } {
  return { code: error.code, status: wireForms[error.code].status };
}

/** The code and status of an error in STS's query protocol, which spells several of them differently. */
export function queryForm(error: AwsError): { code: string; status: number } {
  const form: WireForm = wireForms[error.code];
  return form.query ?? { code: error.code, status: form.status };
}
