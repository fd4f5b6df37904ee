/**
 * AWS's errors by name, with the HTTP status of each. Statuses of the modelled exceptions are those of the API
 * reference; of the signature errors, what the service has been seen to answer.
 */
const statuses = {
  DisabledApiException: 400,
  ExpiredTokenException: 400,
  InternalServiceErrorException: 500,
  InvalidCustomerIdentifierException: 400,
  InvalidLicenseException: 400,
  InvalidProductCodeException: 400,
  InvalidTagException: 400,
  InvalidTokenException: 400,
  InvalidUsageAllocationsException: 400,
  InvalidUsageDimensionException: 400,
  ThrottlingException: 400,
  TimestampOutOfBoundsException: 400,

  IncompleteSignatureException: 400,
  InvalidSignatureException: 400,
  MissingAuthenticationTokenException: 400,
  RequestEntityTooLargeException: 413,
  SerializationException: 400,
  UnknownOperationException: 400,
  UnrecognizedClientException: 400,
  ValidationException: 400,
} as const;

export type AwsErrorName = keyof typeof statuses;

/** An operation's refusal. */
export interface AwsError {
  readonly name: AwsErrorName;
  readonly message: string;
}

/** What an operation comes to. */
export type Outcome<T> =
  | { readonly ok: true; readonly interrupted?: false; readonly value: T }
  | { readonly ok: false; readonly interrupted?: false; readonly error: AwsError };

export const succeed = <T>(value: T): Outcome<T> => ({ ok: true, value });

export const fail = (name: AwsErrorName, message: string): Outcome<never> => ({
  ok: false,
  error: { name, message },
});

const CONTENT_TYPE = "application/x-amz-json-1.1";

/** The awsJson 1.1 answer of an operation: its result, or its error with the name in body and header. */
export function awsResponse(outcome: Outcome<unknown>, requestId: string): Response {
  const headers = { "content-type": CONTENT_TYPE, "x-amzn-requestid": requestId };
  if (outcome.ok) return new Response(JSON.stringify(outcome.value), { headers });
  const { name, message } = outcome.error;
  return new Response(JSON.stringify({ __type: name, message }), {
    status: statuses[name],
    headers: { ...headers, "x-amzn-errortype": name },
  });
}
