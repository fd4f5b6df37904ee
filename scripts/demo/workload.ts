import { decimalOf, nanoOf, UNIT, type Nano } from "./decimal.ts";
import type { Random } from "./random.ts";

/** What the producers of the tour post, and what must come of it. Made up by a seed; nothing here talks to anybody. */

/** An event as it goes over the wire. */
export interface WireEvent {
  readonly id: string;
  readonly customer: string;
  readonly dimension: string;
  readonly quantity: number | string;
  readonly timestamp: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface PlannedEvent {
  readonly wire: WireEvent;
  /** Its quantity, exactly. */
  readonly amount: Nano;
  /** The reason code that must refuse it; null when it is to count. */
  readonly refusal: string | null;
}

export type Batch = readonly PlannedEvent[];

/** One of the seller's programs. */
export interface Producer {
  readonly name: string;
  /** What it calls the customer: all of the customer's names lead to the same agreement. */
  readonly customer: string;
}

/** What the answers must add up to. */
export interface Expectation {
  readonly accepted: number;
  readonly duplicates: number;
  readonly refusals: ReadonlyMap<string, number>;
}

export interface WorkloadOptions {
  readonly random: Random;
  readonly producers: readonly Producer[];
  /** Starts of the hours to post usage for, epoch milliseconds; all have ended. */
  readonly hours: readonly [number, ...number[]];
}

export const dimensions = ["api_calls", "storage_gb"] as const;

const HOUR = 3_600_000;
const BATCHES = 15;
const BATCH_SIZE = 100;
const TWICE_IN_A_BATCH = 3;
const OF_ANOTHER_PRODUCER = 2;

/** The tour's first wave: each producer's batches, with all that a producer can get wrong. */
export function planUsage(options: WorkloadOptions): Batch[][] {
  const { random, producers } = options;
  const fresh = producers.map((producer) =>
    Array.from({ length: BATCHES }, (_, batch) =>
      Array.from({ length: BATCH_SIZE }, (_, index) =>
        usage(options, producer, `${producer.name}-${batch}-${index}`),
      ),
    ),
  );
  return producers.map((producer, position) => {
    const neighbour = fresh[(position + 1) % fresh.length] ?? [];
    const batches = (fresh[position] ?? []).map((events, index) => [
      ...events,
      ...events.slice(0, TWICE_IN_A_BATCH),
      ...(neighbour[index] ?? []).slice(0, OF_ANOTHER_PRODUCER).map((event) => readdress(event, producer)),
      ...mistakes(options, producer, index),
    ]);
    // As after an answer that was lost: the producer cannot know, so it sends the same batch again.
    const repeated = batches[random.below(batches.length)] ?? [];
    return [...batches, repeated];
  });
}

/** The second wave: good usage, that comes after its hours have gone to AWS. */
export function planLateUsage(options: WorkloadOptions, size: number): Batch[][] {
  return options.producers.map((producer) => [
    Array.from({ length: size }, (_, index) => usage(options, producer, `${producer.name}-late-${index}`)),
  ]);
}

/** What a gateway that counts every id once must answer, in whatever order the batches arrive. */
export function expectationOf(batches: Iterable<Batch>): Expectation {
  const ids = new Set<string>();
  const refusals = new Map<string, number>();
  let countable = 0;
  for (const { wire, refusal } of [...batches].flat()) {
    if (refusal === null) {
      ids.add(wire.id);
      countable += 1;
    } else refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1);
  }
  return { accepted: ids.size, duplicates: countable - ids.size, refusals };
}

function usage({ random, hours }: WorkloadOptions, { customer }: Producer, id: string): PlannedEvent {
  const dimension = random.pick(dimensions);
  const text = dimension === "api_calls" ? String(1 + random.below(20)) : fraction(random);
  const tagged = random.below(3) === 0;
  const wire: WireEvent = {
    id,
    customer,
    dimension,
    // Both ways to write a quantity are exact: a double carries up to 15 digits unchanged.
    quantity: random.below(2) === 0 ? text : Number(text),
    timestamp: new Date(random.pick(hours) + random.below(HOUR)).toISOString(),
    ...(tagged && { tags: { team: random.pick(["search", "mail", "maps"]) } }),
  };
  return { wire, amount: nanoOf(text), refusal: null };
}

/** Up to two units, with one to nine decimal places. */
function fraction(random: Random): string {
  const step = 10n ** BigInt(random.below(9));
  return decimalOf(BigInt(1 + random.below(2 * Number(UNIT / step))) * step);
}

const readdress = (event: PlannedEvent, { customer }: Producer): PlannedEvent => ({
  ...event,
  wire: { ...event.wire, customer },
});

/** Two events that are to be refused, each for a reason of its own. */
function mistakes(options: WorkloadOptions, producer: Producer, batch: number): PlannedEvent[] {
  const made = (name: string, refusal: string, change: Partial<WireEvent>): PlannedEvent => {
    const event = usage(options, producer, `${producer.name}-${batch}-${name}`);
    return { ...event, wire: { ...event.wire, ...change }, refusal };
  };
  const tooOld = new Date(Math.min(...options.hours) - 25 * HOUR).toISOString();
  return batch % 2 === 0
    ? [
        made("typo", "unknown_dimension", { dimension: "api-calls" }),
        made("old", "timestamp_too_old", { timestamp: tooOld }),
      ]
    : [
        made("stranger", "unknown_customer", { customer: "nobody" }),
        made("ten-places", "invalid_quantity", { quantity: "0.0000000001" }),
      ];
}
