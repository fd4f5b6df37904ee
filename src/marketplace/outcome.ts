import type { ErrorKind } from "./error-kinds.ts";
import { errorKinds } from "./error-kinds.ts";
import type { ErrorFacts, MarketplaceError, RequestFault } from "./errors.ts";

/**
 * What a call came to. Whatever AWS, the network or a wrong request can cause is a value here; this module throws
 * only for a fault of its own.
 */
export type Outcome<T> =
  | {
      readonly ok: true;
      readonly value: T;
      /** AWS's own id of the call, for its support; null where no call was made or AWS gave none. */
      readonly requestId: string | null;
    }
  | { readonly ok: false; readonly error: MarketplaceError };

interface ErrorSource {
  /** The operation, and the Region it was meant for: "BatchMeterUsage in us-east-1". */
  readonly where: string;
  /** What happened, as a clause without a full stop; already free of secrets. */
  readonly what: string;
  readonly code?: string;
  readonly requestId?: string | null;
  readonly httpStatus?: number | null;
}

function factsOf(kind: ErrorKind, source: ErrorSource): ErrorFacts {
  const { advice, held, remedy } = errorKinds[kind];
  return {
    advice,
    held,
    message: `${source.where}: ${source.what}. ${remedy}`,
    code: source.code ?? kind,
    requestId: source.requestId ?? null,
    httpStatus: source.httpStatus ?? null,
  };
}

/** Makes the failed outcome of one kind; advice and remedy come from {@link errorKinds}. */
export function failure(kind: Exclude<ErrorKind, "invalid-request">, source: ErrorSource): Outcome<never> {
  // Every kind but the one excluded has these members and no others, which the compiler sees one kind at a time only.
  return { ok: false, error: { kind, ...factsOf(kind, source) } as MarketplaceError };
}

/** The failed outcome of a request that was not sent because AWS's model forbids it. */
export function refusal(where: string, { record, field }: RequestFault, rule: string): Outcome<never> {
  const place = record === null ? field : `record ${record}, ${field}`;
  const facts = factsOf("invalid-request", { where, what: `${place} ${rule}` });
  return { ok: false, error: { kind: "invalid-request", ...facts, record, field } };
}
