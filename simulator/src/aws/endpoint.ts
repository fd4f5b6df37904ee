import { randomId } from "../random-id.ts";
import type { Fault, State } from "../state.ts";
import { batchMeterUsage } from "./batch-meter-usage.ts";
import { awsResponse, fail, succeed, type Outcome } from "./errors.ts";
import { interruptAfter, interruptBefore, leavingOut, recordsOf, takeFault } from "./faults.ts";
import { resolveCustomer } from "./resolve-customer.ts";
import { verifySignature } from "./sigv4.ts";

/** The signing name of AWS Marketplace Metering Service. */
const SERVICE = "aws-marketplace";

const TARGET_PREFIX = "AWSMPMeteringService.";

/** A call must stay under 1 MB (AWS API reference, BatchMeterUsage). */
const MAX_BODY_BYTES = 1_000_000;

/** The seller's key. It opens nothing but this simulator. */
const seller = { accessKeyId: "AKIDSIMULATOR0000000", secretAccessKey: "simulator-secret" };

type Operation = (body: unknown, state: State, region: string, now: number) => Outcome<unknown>;

const operations: Record<string, Operation> = {
  BatchMeterUsage: (body, state, region, now) => batchMeterUsage(body, { state, region, now }),
  ResolveCustomer: (body, state, _region, now) => resolveCustomer(body, state, now),
};

/** Answers an awsJson 1.1 call: checks the signature, runs the operation, and writes the call down. */
export async function awsEndpoint(request: Request, state: State, now: () => number): Promise<Response> {
  const requestId = randomId();
  const time = now();
  const target = request.headers.get("x-amz-target") ?? "";
  const operation = target.startsWith(TARGET_PREFIX) ? target.slice(TARGET_PREFIX.length) : target;
  const facts: CallFacts = { operation, region: "", records: 0 };
  const fault = takeFault(state, operation);
  const outcome =
    interruptBefore(fault) ?? interruptAfter(fault, await run(request, state, time, { facts, fault }));
  if (fault?.kind === "latency") await scheduler.wait(fault.milliseconds);

  const response = outcome.interrupted ? outcome.response : awsResponse(outcome, requestId);
  const error = outcome.interrupted ? outcome.name : outcome.ok ? null : outcome.error.name;
  state.putCall({ ...facts, time, status: response.status, error, requestId });
  return response;
}

/** What is written down of a call besides its answer. */
interface CallFacts {
  readonly operation: string;
  region: string;
  records: number;
}

async function run(
  request: Request,
  state: State,
  time: number,
  { facts, fault }: { facts: CallFacts; fault: Fault | null },
): Promise<Outcome<unknown>> {
  const body = new Uint8Array(await request.arrayBuffer());
  const secretOf = (id: string): string | null => (id === seller.accessKeyId ? seller.secretAccessKey : null);
  const caller = await verifySignature({ request, body, service: SERVICE, now: time, secretOf });
  if (!caller.ok) return caller;
  facts.region = caller.value.region;
  const operation = operations[facts.operation];
  if (operation === undefined)
    return fail("UnknownOperationException", `Unknown operation: ${facts.operation}`);
  if (body.byteLength >= MAX_BODY_BYTES)
    return fail("RequestEntityTooLargeException", "The request exceeds 1 MB.");
  const json = parse(body);
  if (!json.ok) return json;
  facts.records = recordsOf(json.value).length;
  return leavingOut(fault, json.value, (remaining) => operation(remaining, state, facts.region, time));
}

function parse(body: Uint8Array): Outcome<unknown> {
  try {
    return succeed(
      JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body)) as unknown,
    );
  } catch {
    return fail("SerializationException", "The request body is not valid JSON.");
  }
}
