import type { CountedLedger } from "../ledger/counted-ledger.ts";
import type { MarketplaceClient, MarketplaceError } from "../marketplace/index.ts";
import { answersFor } from "../marketplace/index.ts";
import { MINUTE } from "../meter/hours.ts";
import { beginAttempt, endAttempt, type CarriedRecord } from "./attempts.ts";
import { planBatches } from "./batch-plan.ts";
import { deliveriesOf, saveDeliveries } from "./deliveries.ts";
import { dueRecords, type DueRecord } from "./due-records.ts";
import { deliverIsolating, type Verdict } from "./isolation.ts";
import type { Clock, Pacer } from "./pacer.ts";
import {
  afterFault,
  afterSuccess,
  afterWrongSetting,
  noDelivery,
  type Delivery,
} from "./product-delivery.ts";
import { isOfMovedProduct, putBack, settleByAnswer, settleByError, type Settlement } from "./settling.ts";

export interface Submission extends Clock, CountedLedger {
  readonly client: MarketplaceClient;
  readonly region: string;
  /** From 0 to 1, evenly. */
  readonly random: () => number;
  readonly newId: () => string;
  /** Spaces all calls of the account in the Region, from run to run. */
  readonly pacer: Pacer;
}

/** A run ends when the next tick comes; another goes on with what is left. */
const RUN_LENGTH = MINUTE;

/** Records planned in one go. Planning knows little of each, so these are small. */
const PAGE = 5000;

/** Calls on their way at once: with answers that take half a second, AWS's 10 calls a second are still reached. */
const CONCURRENCY = 5;

/** Queries of a call: three write it down, two settle it, and one may say how its product's delivery goes. */
const QUERIES_A_CALL = 6;

/** Queries that are kept for the end of a run. It makes four; that D1 counts none that we do not is said nowhere. */
const QUERIES_AFTERWARDS = 40;

/** With fewer queries left no call is begun: those that are on their way must be settled. */
const RESERVE = CONCURRENCY * QUERIES_A_CALL + QUERIES_AFTERWARDS;

/**
 * Sends everything that is due in a Region, the most urgent first, each record at most once but for the search of a bad
 * one. Two that run at the same time are safe, but would call AWS too often.
 *
 * @returns whether more may be due: there was no time left for it, or D1 allows the invocation no more
 */
export async function submitDue(submission: Submission): Promise<boolean> {
  const { ledger, region, now } = submission;
  const run = new Run(submission, await deliveriesOf(ledger, region));
  try {
    while (run.goesOn) {
      const without = run.blockedProducts;
      const due = await dueRecords(ledger, { region, since: run.started, now: now(), without, limit: PAGE });
      if (due.length === 0) return false;
      await run.send(planBatches(due, due.length === PAGE));
    }
    return true;
  } finally {
    await run.close();
  }
}

/** One run of the submitter: what it learns of each product holds for its later calls. */
class Run {
  readonly started: number;
  readonly #submission: Submission;
  readonly #deliveries: Map<string, Delivery>;
  readonly #succeeded = new Set<string>();
  /** Products that are tried with a single call, which is on its way. */
  readonly #tried = new Set<string>();
  #stopped = false;

  constructor(submission: Submission, deliveries: readonly Delivery[]) {
    this.#submission = submission;
    this.started = submission.now();
    this.#deliveries = new Map(deliveries.map((delivery) => [delivery.productId, delivery]));
  }

  /** Whether batches are still begun. The search of a bad record in one is brought to its end however slow AWS is. */
  get goesOn(): boolean {
    return this.#mayCall && this.#submission.now() - this.started < RUN_LENGTH;
  }

  get #mayCall(): boolean {
    return !this.#stopped && this.#submission.queriesLeft() >= RESERVE;
  }

  /** Products of which nothing is to be sent now. */
  get blockedProducts(): string[] {
    const now = this.#submission.now();
    return [...this.#deliveries.values()]
      .filter(({ notBefore }) => notBefore > now)
      .map(({ productId }) => productId);
  }

  /** Makes the calls, several at a time and in order. */
  async send(batches: readonly (readonly DueRecord[])[]): Promise<void> {
    const waiting = batches.values();
    const worker = async (): Promise<void> => {
      for (const batch of waiting) {
        if (!this.goesOn) return;
        if (this.#mayTry(batch[0]?.productId ?? ""))
          await deliverIsolating(batch, (records) => this.#call(records));
      }
    };
    const workers = Array.from({ length: CONCURRENCY }, async () => {
      try {
        await worker();
      } catch (error) {
        // The ledger fails us: the calls on their way are ended, and no other is begun.
        this.#stopped = true;
        throw error;
      }
    });
    const ends = await Promise.allSettled(workers);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    this.#tried.clear();
  }

  /** Writes down which products AWS has taken calls of; what goes wrong is written at once. */
  async close(): Promise<void> {
    const { ledger } = this.#submission;
    await saveDeliveries(
      ledger,
      [...this.#succeeded].map((product) => this.#deliveryOf(product)),
    );
  }

  /** Not while the product waits; and after a fault, one call has to show first that it is over. */
  #mayTry(product: string): boolean {
    const { failures, notBefore } = this.#deliveryOf(product);
    if (notBefore > this.#submission.now() || this.#tried.has(product)) return false;
    if (failures > 0) this.#tried.add(product);
    return true;
  }

  #deliveryOf(product: string): Delivery {
    return this.#deliveries.get(product) ?? noDelivery(product);
  }

  async #call(batch: readonly DueRecord[]): Promise<Verdict<DueRecord>> {
    if (!this.#mayCall) return { kind: "failed" };
    const { ledger, client, region, now, random, newId, pacer } = this.#submission;
    await pacer.turn();
    const id = newId();
    const carried = await beginAttempt(ledger, { id, region, records: batch, now: now() });
    const [first] = carried;
    if (first === undefined) return { kind: "answered" };
    const { productId, productCode } = first.record;
    const sent = carried.map(({ body }) => body);
    const outcome = await client.batchMeterUsage({
      UsageRecords: sent,
      ...(productCode !== null && { ProductCode: productCode }),
    });

    const at = { time: now(), random };
    const ended = { id, now: at.time };
    if (outcome.ok) {
      const answers = answersFor(sent, outcome.value);
      const settlements = carried.map((record, index) => ({
        carried: record,
        settlement: settleByAnswer(record, answers[index] ?? { kind: "absent" }, at),
      }));
      await endAttempt(ledger, { ...ended, requestId: outcome.requestId, error: null, settlements });
      this.#note(afterSuccess(this.#deliveryOf(productId), at.time));
      this.#succeeded.add(productId);
      pacer.taken();
      return { kind: "answered" };
    }
    const { error } = outcome;
    const { guilty, verdict } = judge(carried, error);
    const settlements = carried.map((record) => {
      const settlement: Settlement = guilty.has(record)
        ? settleByError(record, error, at)
        : putBack(record, error, at);
      return { carried: record, settlement };
    });
    await endAttempt(ledger, { ...ended, requestId: error.requestId, error, settlements });
    if (verdict.kind === "failed") await this.#noteFailure(productId, error, at);
    // AWS refuses records of a product that it knows, from somebody whom it knows: the settings are right.
    else if (error.httpStatus !== null) await this.#noteMended(productId);
    return verdict;
  }

  async #noteFailure(
    product: string,
    error: MarketplaceError,
    at: { readonly time: number; readonly random: () => number },
  ): Promise<void> {
    const { ledger, pacer } = this.#submission;
    // The account is too fast; that is no fault of the product's.
    if (error.kind === "throttled") {
      pacer.throttled();
      return;
    }
    const before = this.#deliveryOf(product);
    const after =
      error.advice === "fix-setting"
        ? afterWrongSetting(before, error, at.time)
        : afterFault(before, error, at);
    this.#note(after);
    this.#succeeded.delete(product);
    await saveDeliveries(ledger, [after]);
  }

  async #noteMended(product: string): Promise<void> {
    const { failures, lastSuccessAt } = this.#deliveryOf(product);
    if (failures === 0) return;
    const mended = { ...noDelivery(product), lastSuccessAt };
    this.#note(mended);
    await saveDeliveries(this.#submission.ledger, [mended]);
  }

  #note(delivery: Delivery): void {
    this.#deliveries.set(delivery.productId, delivery);
    this.#tried.delete(delivery.productId);
  }
}

/** Whom an error is about, and what is to be done with the others. */
function judge(
  carried: readonly CarriedRecord[],
  error: MarketplaceError,
): { readonly guilty: ReadonlySet<CarriedRecord>; readonly verdict: Verdict<DueRecord> } {
  if (carried.every((record) => isOfMovedProduct(record, error)))
    return { guilty: new Set(carried), verdict: { kind: "found", others: [] } };
  if (error.advice !== "fix-record" && error.advice !== "tell-customer")
    return { guilty: new Set(carried), verdict: { kind: "failed" } };
  const named = error.kind === "invalid-request" && error.record !== null ? carried[error.record] : undefined;
  if (named !== undefined) {
    const others = carried.filter((record) => record !== named).map(({ record }) => record);
    return { guilty: new Set([named]), verdict: { kind: "found", others } };
  }
  const unitOf = unitOfError(error);
  if (new Set(carried.map(({ record }) => unitOf(record))).size === 1)
    return { guilty: new Set(carried), verdict: { kind: "found", others: [] } };
  return { guilty: new Set(), verdict: { kind: "refused", unitOf } };
}

/** What a bad record shares its fault with: AWS's words tell what of it is wrong. */
function unitOfError({ kind }: MarketplaceError): (record: DueRecord) => string {
  switch (kind) {
    case "invalid-usage-dimension":
      return ({ dimension }) => dimension;
    case "invalid-license":
    case "invalid-customer-identifier":
      return ({ agreementId }) => agreementId;
    default:
      return ({ id }) => id;
  }
}
