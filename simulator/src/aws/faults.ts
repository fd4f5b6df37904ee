import type { Fault, State } from "../state.ts";
import { fail, succeed, type Outcome } from "./errors.ts";

/** An answer that is not AWS's: what stands between AWS and its caller gave it, or nobody did. */
export interface Interruption {
  readonly interrupted: true;
  /** For the list of calls. */
  readonly name: string;
  readonly response: Response;
}

/** Takes the first planned fault that fits, counting it down; null when the call is to go well. */
export function takeFault(state: State, operation: string): Fault | null {
  const faults = state.faults;
  const index = faults.findIndex((fault) => fault.operation === null || fault.operation === operation);
  const fault = faults[index];
  if (fault === undefined) return null;
  if (fault.times !== null) {
    const left = { ...fault, times: fault.times - 1 };
    state.faults = faults.flatMap((other, at) => (at !== index ? [other] : left.times > 0 ? [left] : []));
  }
  return fault;
}

/** What a fault makes of a call before the operation is reached: AWS then stores nothing. */
export function interruptBefore(fault: Fault | null): Outcome<never> | Interruption | null {
  switch (fault?.kind) {
    case "throttle":
      return fail("ThrottlingException", "Rate exceeded");
    case "internal-error":
      return fail("InternalServiceErrorException", "An internal error has occurred. Retry your request.");
    case "drop-connection":
      return dropped();
    case "html-503": {
      const headers = { "content-type": "text/html" };
      const html = "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>";
      return { interrupted: true, name: "html-503", response: new Response(html, { status: 503, headers }) };
    }
    default:
      return null;
  }
}

/** What a fault makes of an answer after the operation: AWS has stored what it accepted. */
export function interruptAfter(
  fault: Fault | null,
  outcome: Outcome<unknown>,
): Outcome<unknown> | Interruption {
  switch (fault?.kind) {
    case "internal-error-after-store":
      return fail("InternalServiceErrorException", "An internal error has occurred. Retry your request.");
    case "drop-connection-after-store":
      return dropped();
    case "unknown-status":
      return mapResults(outcome, (results) =>
        results.map((result) => ({ ...result, Status: "SomethingNew" })),
      );
    case "shuffle":
      return mapResults(outcome, (results) => results.toReversed());
    default:
      return outcome;
  }
}

/** With the fault `unprocessed`, keeps the last records from the operation and reports them as unprocessed. */
export function leavingOut(
  fault: Fault | null,
  body: unknown,
  operation: (body: unknown) => Outcome<unknown>,
): Outcome<unknown> {
  const records = recordsOf(body);
  if (fault?.kind !== "unprocessed" || records.length === 0) return operation(body);
  const kept = Math.max(0, records.length - fault.records);
  const outcome = operation({ ...(body as object), UsageRecords: records.slice(0, kept) });
  if (!outcome.ok) return outcome;
  return succeed({ ...(outcome.value as object), UnprocessedRecords: records.slice(kept) });
}

/** The records of a BatchMeterUsage request; none for anything else. */
export function recordsOf(body: unknown): readonly unknown[] {
  const records = (body as { UsageRecords?: unknown } | null)?.UsageRecords;
  return Array.isArray(records) ? (records as unknown[]) : [];
}

function mapResults(outcome: Outcome<unknown>, change: (results: object[]) => object[]): Outcome<unknown> {
  if (!outcome.ok) return outcome;
  const value = outcome.value as { Results?: object[] };
  return value.Results === undefined ? outcome : succeed({ ...value, Results: change(value.Results) });
}

/** Headers arrive, the body breaks off: what a caller sees of a connection that is cut. */
function dropped(): Interruption {
  const body = new ReadableStream({
    start(controller) {
      controller.error(new Error("the simulator drops this connection, as its fault plan says"));
    },
  });
  return { interrupted: true, name: "dropped", response: new Response(body) };
}
