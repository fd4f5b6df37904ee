import type { Ledger } from "../ledger/database.ts";
import type { MarketplaceClient } from "../marketplace/index.ts";
import { answersFor, packBatches } from "../marketplace/index.ts";
import { SECOND } from "../meter/hours.ts";
import { beginAttempt, dueRecords, endAttempt, parkOverdue, type OpenRecord } from "./open-records.ts";
import { settleByAnswer, settleByError, type Settlement } from "./settling.ts";

export interface Submission {
  readonly ledger: Ledger;
  readonly client: MarketplaceClient;
  readonly region: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 to 1, evenly. */
  readonly random: () => number;
  readonly newId: () => string;
  /** Resolves after so many milliseconds. */
  readonly wait: (milliseconds: number) => Promise<void>;
}

/** AWS takes 10 BatchMeterUsage calls a second from an account in a Region (AWS API reference, service quotas). */
const CALL_INTERVAL = SECOND / 10;

/** Records looked at in one go: enough for ten full calls. */
const PAGE = 250;

/** A tick ends before the next one comes; what is left, that one continues. */
const TICK_LENGTH = 45 * SECOND;

/**
 * Sends everything that is due in a Region, the nearest deadline first, each record at most once. Must not run twice
 * at the same time.
 */
export async function submitDue(submission: Submission): Promise<void> {
  const { ledger, region, now } = submission;
  const started = now();
  await parkOverdue(ledger, region, started);
  while (now() - started < TICK_LENGTH) {
    const due = await dueRecords(ledger, { region, since: started, now: now(), limit: PAGE });
    if (due.length === 0) return;
    for (const batch of batchesOf(due)) await deliver(submission, batch);
  }
}

/** Groups records into calls: one product a call, and never records with a ProductCode beside records without. */
function batchesOf(due: readonly OpenRecord[]): OpenRecord[][] {
  const byProduct = Map.groupBy(due, ({ productId, productCode }) =>
    JSON.stringify([productId, productCode]),
  );
  return [...byProduct.values()].flatMap((group) => {
    const records = new Map(group.map((record) => [record.body, record]));
    const { batches, tooLarge } = packBatches([...records.keys()], group[0]?.productCode ?? undefined);
    // One that no call can hold goes alone: the client refuses it, which settles it.
    const bodies = [...batches, ...tooLarge.map((body) => [body])];
    return bodies.map((batch) => batch.flatMap((body) => records.get(body) ?? []));
  });
}

/**
 * Makes one call and settles its records. AWS refuses a batch whole for one bad record; that one is found by
 * halving, and the others are delivered.
 */
async function deliver(submission: Submission, batch: readonly OpenRecord[]): Promise<void> {
  const { ledger, client, region, now, random, newId, wait } = submission;
  const id = newId();
  await beginAttempt(ledger, { id, region, records: batch, now: now() });
  const called = now();
  const sent = batch.map(({ body }) => body);
  const productCode = batch[0]?.productCode ?? null;
  const outcome = await client.batchMeterUsage({
    UsageRecords: sent,
    ...(productCode !== null && { ProductCode: productCode }),
  });

  const at = { time: now(), random };
  const halve = !outcome.ok && outcome.error.advice === "fix-record" && batch.length > 1;
  const answers = outcome.ok ? answersFor(sent, outcome.value) : [];
  const settlements = batch.map((record, index) => {
    const settlement: Settlement = outcome.ok
      ? settleByAnswer(record, answers[index] ?? { kind: "absent" }, at)
      : halve
        ? { state: "pending", answer: outcome.error.code, retryAt: at.time, mayBeHeld: record.mayBeHeld }
        : settleByError(record, outcome.error, at);
    return { id: record.id, settlement };
  });
  const error = outcome.ok ? null : outcome.error;
  const requestId = outcome.ok ? outcome.requestId : outcome.error.requestId;
  await endAttempt(ledger, { id, now: at.time, requestId, error, settlements });

  await wait(Math.max(0, called + CALL_INTERVAL - now()));
  if (halve) {
    const middle = Math.ceil(batch.length / 2);
    await deliver(submission, batch.slice(0, middle));
    await deliver(submission, batch.slice(middle));
  }
}
