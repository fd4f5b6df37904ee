import { simulatedNow } from "./clock.ts";
import { authenticate, readClaim, type SellerKey } from "./credentials.ts";
import { noFaults, takeFaults, targetsOf, type AnswerFault, type FaultPlan } from "./faults.ts";
import { Quotas } from "./quotas.ts";
import { routeRequest, type Protocol } from "./routing.ts";
import type { Store } from "./store.ts";
import { defaultSwitches } from "./switches.ts";
import {
  htmlAnswer,
  jsonAnswer,
  jsonErrorAnswer,
  xmlAnswer,
  xmlErrorAnswer,
  type Answer,
  type Elements,
  type ErrorStyle,
} from "./wire/answer.ts";
import { awsError, fail, succeed, type AwsError, type Outcome } from "./wire/errors.ts";
import type { RawRequest } from "./wire/sigv4.ts";
import type { Caller, World } from "./world.ts";

export interface SimulatorOptions {
  readonly store: Store;
  readonly seller: SellerKey;
  /** The machine's time, in epoch milliseconds. */
  readonly machineNow: () => number;
  /** A new UUID each time. */
  readonly newId: () => string;
}

/** AWS API reference, BatchMeterUsage: a request is less than 1 MB. */
const maxBytes = 1_000_000;

/** What became of a call, before it is put on the wire. */
interface Exchange {
  readonly protocol: Protocol;
  readonly operation: string;
  readonly records: number;
  readonly caller: Caller | null;
  readonly outcome: Outcome<object>;
  readonly plan: FaultPlan;
}

/** The simulated AWS: takes requests as they come over HTTP, and keeps all it knows in its store. */
export class Simulator {
  readonly store: Store;
  readonly seller: SellerKey;
  readonly newId: () => string;
  readonly #machineNow: () => number;
  readonly #quotas = new Quotas();

  constructor({ store, seller, machineNow, newId }: SimulatorOptions) {
    this.store = store;
    this.seller = seller;
    this.newId = newId;
    this.#machineNow = machineNow;
  }

  /** The simulated time, in epoch milliseconds. */
  get now(): number {
    return simulatedNow(this.store.get("clock", ""), this.#machineNow());
  }

  get machineNow(): number {
    return this.#machineNow();
  }

  /** All that a rule may look at. */
  get world(): World {
    const switches = { ...defaultSwitches, ...this.store.get("switches", "") };
    return { store: this.store, switches, now: this.now, newId: this.newId };
  }

  /** Forgets everything: products, agreements, records, calls, faults, switches and the clock. */
  reset(): void {
    this.store.clear();
    this.#quotas.clear();
  }

  /** Answers one call of an AWS client, and writes it in the log. */
  async handle(request: RawRequest): Promise<Answer> {
    const requestId = this.newId();
    const exchange = await this.#exchange(request);
    const answer = render(exchange, requestId);
    const { operation, records, outcome, plan, caller } = exchange;
    const shownError = errorOf(plan.answer) ?? (outcome.ok ? null : outcome.error);
    this.store.addCall({
      operation,
      time: new Date(this.now).toISOString(),
      status: answer.status,
      error: interruptions[plan.answer?.kind ?? ""] ?? shownError?.code ?? null,
      records,
      requestId,
      ...(caller?.accessKeyId
        ? { region: caller.region, accessKeyId: caller.accessKeyId }
        : readClaim(request)),
    });
    return answer;
  }

  async #exchange(request: RawRequest): Promise<Exchange> {
    const { protocol, name, service, read } = routeRequest(request);
    const base = { protocol, operation: name, records: 0, caller: null, plan: noFaults };
    if (request.body.byteLength >= maxBytes) {
      return {
        ...base,
        outcome: fail("RequestEntityTooLargeException", "The request must be less than 1 MB."),
      };
    }
    const clocks = { simulated: this.now, machine: this.#machineNow() };
    const caller =
      service === null ? nobody : await authenticate(request, service, this.store, this.seller, clocks);
    if ("code" in caller) return { ...base, outcome: { ok: false, error: caller } };
    const content = read();
    if (!content.ok) return { ...base, caller, outcome: content };

    const { input, records, run } = content.value;
    const targets = () => targetsOf(this.store, input);
    const plan = takeFaults(this.store, { operation: name, region: caller.region, targets });
    const exchange = { ...base, records, caller, plan };
    // The fault is the answer, and nothing must be stored for it.
    if (plan.answer !== null && !plan.answer.kind.endsWith("-after-store")) {
      return { ...exchange, outcome: succeed({}) };
    }
    const { world } = this;
    if (world.switches.quotas === "enforced" && !this.#takeQuota(name, caller)) {
      return { ...exchange, outcome: fail("ThrottlingException", "Rate exceeded") };
    }
    return { ...exchange, outcome: await run(world, caller, plan) };
  }

  #takeQuota(operation: string, { accountId, region }: Caller): boolean {
    return this.#quotas.take(operation, accountId, region, this.#machineNow());
  }
}

/** What the log says of answers that are not AWS's. */
const interruptions: Readonly<Record<string, string>> = {
  "html-503": "html-503",
  "drop-connection": "dropped",
  "drop-connection-after-store": "dropped",
};

/** Who calls without a signature. */
const nobody: Caller = { accountId: "", accessKeyId: "", region: "" };

function render(exchange: Exchange, requestId: string): Answer {
  const { answer: fault, shapes } = exchange.plan;
  return {
    ...(fault?.kind === "html-503" ? htmlAnswer() : renderOutcome(exchange, requestId)),
    delayMilliseconds: shapes.reduce(
      (sum, shape) => sum + (shape.kind === "latency" ? shape.milliseconds : 0),
      0,
    ),
    dropped: fault?.kind === "drop-connection" || fault?.kind === "drop-connection-after-store",
  };
}

function renderOutcome({ protocol, operation, outcome, plan }: Exchange, requestId: string): Answer {
  const kinds = new Set(plan.shapes.map(({ kind }) => kind));
  const error = errorOf(plan.answer) ?? (outcome.ok ? null : outcome.error);
  if (error !== null) {
    const style: ErrorStyle = kinds.has("header-only-type")
      ? "header-only"
      : kinds.has("namespaced-type")
        ? "namespaced"
        : "plain";
    return protocol === "query" ? xmlErrorAnswer(error, requestId) : jsonErrorAnswer(error, requestId, style);
  }
  const value = outcome.ok ? outcome.value : {};
  if (protocol === "query") return xmlAnswer(operation, value as Elements, requestId);
  return jsonAnswer(kinds.has("extra-fields") ? { ...value, AddedByAws: "later" } : value, requestId);
}

/** The error that a fault puts in place of the answer. */
function errorOf(fault: AnswerFault | null): AwsError | null {
  switch (fault?.kind) {
    case undefined:
    case "html-503":
    case "drop-connection":
    case "drop-connection-after-store":
      return null;
    case "throttle":
      return awsError("ThrottlingException", "Rate exceeded");
    case "internal-error":
    case "internal-error-after-store":
      return awsError("InternalServiceErrorException", "An internal error has occurred. Retry your request.");
    case "expired-session":
      return awsError("ExpiredTokenException", "The security token included in the request is expired");
    case "error":
      return awsError(fault.error, fault.message ?? `The simulator was told to answer ${fault.error}.`);
  }
}
