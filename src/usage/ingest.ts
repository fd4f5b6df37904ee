import type { Product } from "../catalog/products.ts";
import { resolveNames, type ResolvedName } from "../customers/resolve-names.ts";
import type { Ledger } from "../ledger/database.ts";
import { SECOND } from "../meter/hours.ts";
import type { EventOutcome, UsageEvent } from "../meter/meter.ts";
import type { IngestAnswer, IngestRequest, MeterShard } from "../meter/meter-shard.ts";
import { shardName } from "../meter/shard-name.ts";
import { parseEvent, type PostedEvent } from "./parse-event.ts";
import type { Rejection } from "./rejections.ts";

export interface EventResult {
  /** Position in the request. */
  readonly index: number;
  readonly id: string | null;
  readonly status: "accepted" | "duplicate" | "rejected";
  /** The hour whose record will bill the event, if it is not the event's own. RFC 3339. */
  readonly billedHour?: string;
  readonly error?: Rejection;
}

export type Ingested =
  | { readonly kind: "answered"; readonly results: readonly EventResult[] }
  /** A shard has too much waiting. What other shards counted, a retry finds to be duplicates. */
  | { readonly kind: "overloaded" };

export interface IngestContext {
  readonly ledger: Ledger;
  readonly shards: DurableObjectNamespace<MeterShard>;
  readonly product: Product;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
}

interface Addressed {
  readonly index: number;
  readonly event: UsageEvent;
  readonly shard: number;
}

/** Checks the events of a request, has each counted by the shard of its agreement, and answers for every one. */
export async function ingest(context: IngestContext, inputs: readonly unknown[]): Promise<Ingested> {
  const results: EventResult[] = [];
  const posted: { index: number; event: PostedEvent }[] = [];
  for (const [index, input] of inputs.entries()) {
    const parsed = parseEvent(input, context.receivedAt);
    if (parsed.ok) posted.push({ index, event: parsed.event });
    else results[index] = { index, id: parsed.id, status: "rejected", error: parsed.error };
  }

  const addressed: Addressed[] = [];
  const names = await resolveNames(
    context.ledger,
    context.product.id,
    new Set(posted.map(({ event }) => event.customer)),
  );
  for (const { index, event } of posted) {
    const { customer, ...counted } = event;
    const name = names.get(customer);
    if (!context.product.dimensions.some(({ name }) => name === event.dimension)) {
      results[index] = rejected(index, event.id, unknownDimension(context.product, event.dimension));
    } else if (name?.kind !== "found") {
      results[index] = rejected(index, event.id, unresolved(context.product, customer, name));
    } else {
      addressed.push({
        index,
        event: { ...counted, agreement: name.agreement.id },
        shard: name.agreement.shard,
      });
    }
  }

  const answers = await Promise.all(
    [...Map.groupBy(addressed, ({ shard }) => shard)].map(async ([shard, group]) => ({
      group,
      answer: await send(
        context,
        shard,
        group.map(({ event }) => event),
      ),
    })),
  );
  for (const { group, answer } of answers) {
    if (answer.kind === "overloaded") return answer;
    for (const [position, { index, event }] of group.entries()) {
      const outcome = answer.outcomes[position];
      if (outcome === undefined) throw new Error("a shard answered for fewer events than it was sent");
      results[index] = resultOf(index, event.id, outcome);
    }
  }
  return { kind: "answered", results };
}

function send(
  { shards, product }: IngestContext,
  shard: number,
  events: UsageEvent[],
): Promise<IngestAnswer> {
  const times = { settle: product.settleSeconds * SECOND, lateSettle: product.lateSettleSeconds * SECOND };
  const request: IngestRequest = { times, events };
  return shards.getByName(shardName(product.id, shard)).ingest(request);
}

function resultOf(index: number, id: string, outcome: EventOutcome): EventResult {
  switch (outcome.status) {
    case "accepted":
      return outcome.late
        ? { index, id, status: "accepted", billedHour: new Date(outcome.hour).toISOString() }
        : { index, id, status: "accepted" };
    case "duplicate":
      return { index, id, status: "duplicate" };
    case "too_old": {
      const detail = `AWS takes usage for 24 hours, and a month's until 06:00 UTC on the 1st of the next: this time's limit was ${new Date(outcome.deadline).toISOString()}.`;
      return rejected(index, id, { code: "timestamp_too_old", field: "timestamp", detail });
    }
    case "too_far_ahead": {
      const detail = `A timestamp may be at most 5 minutes ahead of the gateway's clock, here up to ${new Date(outcome.limit).toISOString()}; check the producer's clock.`;
      return rejected(index, id, { code: "timestamp_in_future", field: "timestamp", detail });
    }
  }
}

function unknownDimension(product: Product, dimension: string): Rejection {
  const detail = `Product ${product.id} has no dimension "${dimension}"; it has ${product.dimensions.map(({ name }) => name).join(", ")}. Names are case-sensitive.`;
  return { code: "unknown_dimension", field: "dimension", detail };
}

function unresolved(
  product: Product,
  customer: string,
  name: Extract<ResolvedName, { kind: "ambiguous" }> | undefined,
): Rejection {
  if (name === undefined) {
    const detail = `Product ${product.id} has no agreement of "${customer}". A customer is known once it has registered; your own id for it is set with PATCH /v1/agreements/:id.`;
    return { code: "unknown_customer", field: "customer", detail };
  }
  const detail = `"${customer}" has ${name.count} agreements; name one by its LicenseArn or by your own id for it.`;
  return { code: "ambiguous_customer", field: "customer", detail };
}

function rejected(index: number, id: string, error: Rejection): EventResult {
  return { index, id, status: "rejected", error };
}
