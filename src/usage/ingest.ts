import type { Product } from "../catalog/products.ts";
import { agreementFor, type Matches, type ResolvedName } from "../customers/agreement-for.ts";
import { resolveNames } from "../customers/resolve-names.ts";
import type { Ledger } from "../ledger/database.ts";
import { meterSettings } from "../ledger/meter-settings.ts";
import { MINUTE } from "../meter/hours.ts";
import type { MeterShard } from "../meter/meter-shard.ts";
import { shardName } from "../meter/shard-name.ts";
import { UsageBatchBuilder, type UsageBatch } from "../meter/usage-batch.ts";
import { parseEvent, type ParsingContext, type PostedEvent } from "./parse-event.ts";
import type { Rejection } from "./rejections.ts";
import { accepted, rejected, resultOf, type EventResult } from "./results.ts";

export type Ingested =
  | {
      readonly kind: "answered";
      readonly results: readonly EventResult[];
      /** Agreements that have ended, and whose usage was refused for that. */
      readonly ended: ReadonlySet<string>;
    }
  /** A shard has too much waiting. What other shards counted, a retry finds to be duplicates. */
  | { readonly kind: "overloaded" };

export interface IngestContext {
  readonly ledger: Ledger;
  readonly shards: DurableObjectNamespace<MeterShard>;
  readonly product: Product;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
}

/** Usage that comes in the last minutes of a final hour could not be sealed, handed over and sent any more. */
const LAST_MINUTES = 5 * MINUTE;

/** What of a request goes to one shard. */
interface Parcel {
  readonly builder: UsageBatchBuilder;
  /** By position in the batch: the position in the request. */
  readonly indexes: number[];
}

/** Checks the events of a request, has each counted by the shard of its agreement, and answers for every one. */
export async function ingest(context: IngestContext, inputs: readonly unknown[]): Promise<Ingested> {
  const { ledger, shards, product } = context;
  const results: EventResult[] = [];
  const posted = parseAll(context, inputs, results);
  const customers = new Set<string>();
  for (const event of posted) if (event !== null) customers.add(event.customer);
  const parcels = address(context, posted, await resolveNames(ledger, product.id, customers), results);

  const settings = meterSettings(product);
  const answers = await Promise.all(
    [...parcels].map(async ([shard, { builder, indexes }]) => {
      const batch = builder.build();
      const answer = await shards.getByName(shardName(product.id, shard)).ingest({ settings, batch });
      return { indexes, batch, answer };
    }),
  );
  const ended = new Set<string>();
  for (const { indexes, batch, answer } of answers) {
    if (answer.kind === "overloaded") return answer;
    for (const [position, index] of indexes.entries()) {
      const outcome = answer.exceptions.size === 0 ? undefined : answer.exceptions.get(position);
      const id = posted[index]?.id ?? "";
      results[index] = outcome === undefined ? accepted(index, id) : resultOf(index, id, outcome);
      if (outcome?.status === "agreement_ended") ended.add(agreementAt(batch, position));
    }
  }
  return { kind: "answered", results, ended };
}

const agreementAt = ({ agreement, agreements }: UsageBatch, position: number): string =>
  agreements[agreement[position] ?? 0] ?? "";

/** The events of a request by position; null where one was refused, which the results say. */
function parseAll(
  { product, receivedAt }: IngestContext,
  inputs: readonly unknown[],
  results: EventResult[],
): (PostedEvent | null)[] {
  const parsing: ParsingContext = {
    receivedAt,
    productId: product.id,
    dimensions: new Map(product.dimensions.map((dimension) => [dimension.name, dimension])),
  };
  return inputs.map((input, index) => {
    const parsed = parseEvent(input, parsing);
    if (parsed.ok) return parsed.event;
    results[index] = rejected(index, parsed.id, parsed.error);
    return null;
  });
}

/** Sorts events by the shard of their customer's agreement. */
function address(
  { product, receivedAt }: IngestContext,
  posted: readonly (PostedEvent | null)[],
  names: ReadonlyMap<string, Matches>,
  results: EventResult[],
): Map<number, Parcel> {
  const parcels = new Map<number, Parcel>();
  for (const [index, event] of posted.entries()) {
    if (event === null) continue;
    // A voiding has no time of its own: it takes back what the present agreement has counted.
    const name = agreementFor(names.get(event.customer) ?? [], "time" in event ? event.time : receivedAt);
    if (name.kind !== "found") {
      results[index] = rejected(index, event.id, unresolved(product, event.customer, name));
      continue;
    }
    const { id, shard, endedAt, usageUntil, since } = name.agreement;
    const isOver = usageUntil !== null && receivedAt >= usageUntil - LAST_MINUTES;
    const agreement = { id, end: endedAt === null ? null : { at: endedAt, since, isOver } };
    let parcel = parcels.get(shard);
    if (parcel === undefined)
      parcels.set(shard, (parcel = { builder: new UsageBatchBuilder(), indexes: [] }));
    parcel.indexes.push(index);
    if ("voids" in event) parcel.builder.addVoid(agreement, event);
    else parcel.builder.addUsage(agreement, event);
  }
  return parcels;
}

function unresolved(
  product: Product,
  customer: string,
  name: Exclude<ResolvedName, { kind: "found" }>,
): Rejection {
  if (name.kind === "unknown") {
    const detail = `Product ${product.id} has no agreement of "${customer}". A customer is known once it has registered; your own id for it is set with PATCH /v1/agreements/:id.`;
    return { code: "unknown_customer", field: "customer", detail };
  }
  const detail = `"${customer}" has ${name.count} agreements; name one by its LicenseArn or by your own id for it.`;
  return { code: "ambiguous_customer", field: "customer", detail };
}
