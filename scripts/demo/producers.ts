import { call } from "../local/clients.ts";
import { addTo, type Nano } from "./decimal.ts";
import type { Batch } from "./workload.ts";

/** What the gateway has answered, added up from the answers alone. */
export interface Tally {
  events: number;
  accepted: number;
  duplicates: number;
  readonly refusals: Map<string, number>;
  /** Accepted for an hour whose record was frozen: another hour bills them. */
  late: number;
  /** The quantities that were acknowledged, by dimension. */
  readonly acknowledged: Map<string, Nano>;
}

export const emptyTally = (): Tally => ({
  events: 0,
  accepted: 0,
  duplicates: 0,
  refusals: new Map(),
  late: 0,
  acknowledged: new Map(),
});

interface Answer {
  readonly results?: readonly {
    readonly status: "accepted" | "duplicate" | "rejected";
    readonly billedHour?: string;
    readonly error?: { readonly code: string };
  }[];
}

export interface Posting {
  readonly gateway: string;
  readonly ingestKey: string;
  readonly tally: Tally;
  /** Called after every answer. */
  readonly onProgress: (tally: Tally) => void;
}

/** All producers post at the same time, each its batches one after the other. */
export async function postAll(posting: Posting, batches: readonly (readonly Batch[])[]): Promise<void> {
  await Promise.all(
    batches.map(async (ofOne) => {
      for (const batch of ofOne) await post(posting, batch);
    }),
  );
}

async function post({ gateway, ingestKey, tally, onProgress }: Posting, batch: Batch): Promise<void> {
  const { status, body } = await call<Answer>("POST", `${gateway}/v1/usage`, {
    token: ingestKey,
    body: batch.map(({ wire }) => wire),
  });
  const { results } = body;
  if (status !== 202 || results?.length !== batch.length) {
    throw new Error(
      `POST /v1/usage answered ${status} to ${batch.length} events: ${JSON.stringify(body).slice(0, 500)}`,
    );
  }
  tally.events += batch.length;
  for (const [index, { wire, amount }] of batch.entries()) {
    const result = results[index];
    switch (result?.status) {
      case "accepted":
        tally.accepted += 1;
        if (result.billedHour !== undefined) tally.late += 1;
        addTo(tally.acknowledged, wire.dimension, amount);
        break;
      case "duplicate":
        tally.duplicates += 1;
        break;
      case "rejected":
      case undefined: {
        const code = result?.error?.code ?? "without a code";
        tally.refusals.set(code, (tally.refusals.get(code) ?? 0) + 1);
      }
    }
  }
  onProgress(tally);
}
