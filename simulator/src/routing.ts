import { operations, queryOperations, type Operation } from "./services.ts";
import { awsError, fail, type AwsError, type Outcome } from "./wire/errors.ts";
import type { RawRequest } from "./wire/sigv4.ts";
import type { ReadRequest } from "./services.ts";

/** Which of AWS's protocols a request speaks: its answer speaks it, too. */
export type Protocol = "json" | "query";

/** A request whose operation is known, or known to be none. */
export interface Route {
  readonly protocol: Protocol;
  /** The operation's name, for the log. */
  readonly name: string;
  /** The signing name of its service; null when nobody signs it. */
  readonly service: string | null;
  readonly read: () => Outcome<ReadRequest>;
}

/** Finds the operation of a request: by its target, or by its form's action. */
export function routeRequest(request: RawRequest): Route {
  const target = request.headers.get("x-amz-target");
  const isForm = request.headers.get("content-type")?.startsWith("application/x-www-form-urlencoded");
  return target === null && isForm === true ? routeForm(request) : routeJson(request, target ?? "");
}

function routeJson({ body }: RawRequest, target: string): Route {
  return {
    protocol: "json",
    service: "aws-marketplace",
    ...reading(operations.get(target), () => readJson(body)),
  };
}

function routeForm({ body }: RawRequest): Route {
  const form = Object.fromEntries(new URLSearchParams(new TextDecoder().decode(body)));
  const operation = queryOperations.get(form["Action"] ?? "");
  const isSigned = form["Action"] !== "AssumeRoleWithWebIdentity";
  return { protocol: "query", service: isSigned ? "sts" : null, ...reading(operation, () => form) };
}

function reading(operation: Operation | undefined, content: () => unknown): Pick<Route, "name" | "read"> {
  if (operation === undefined) {
    return { name: "unknown", read: () => fail("UnknownOperationException", "The operation is unknown.") };
  }
  return {
    name: operation.name,
    read() {
      const value = content();
      return value === undefined ? { ok: false, error: notJson } : operation.read(value);
    },
  };
}

const notJson: AwsError = awsError("SerializationException", "The body is not JSON.");

/** @returns undefined when it is none */
function readJson(body: Uint8Array): unknown {
  if (body.byteLength === 0) return {};
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body));
  } catch {
    return undefined;
  }
}
