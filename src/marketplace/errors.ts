import type { Advice, ErrorKind, Held } from "./error-kinds.ts";

/** What every error says. */
export interface ErrorFacts {
  readonly advice: Advice;
  /** To the operator: what happened, where, and what to do. Holds no secret and no token. */
  readonly message: string;
  /** AWS's own name of the error where AWS gave one, else the kind. */
  readonly code: string;
  readonly requestId: string | null;
  readonly httpStatus: number | null;
  readonly held: Held;
}

/** Where in a request the fault is. */
export interface RequestFault {
  /** Index in `UsageRecords`; null when it is not one record's fault. */
  readonly record: number | null;
  /** AWS's name of the field, with the path to it: `UsageAllocations[2].Tags[0].Key`. */
  readonly field: string;
}

/** Why a call came to nothing. One member per kind, to be told apart by `kind`. */
export type MarketplaceError = {
  [K in ErrorKind]: ErrorFacts & { readonly kind: K } & (K extends "invalid-request"
      ? RequestFault
      : unknown);
}[ErrorKind];
