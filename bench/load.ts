/** A load of usage: many connections, each posting the next request as soon as its last one is answered. */

export interface Load {
  readonly url: string;
  readonly token: string;
  /** Events a request. */
  readonly size: number;
  readonly connections: number;
  /** For how long, or how many requests. */
  readonly seconds?: number;
  readonly requests?: number;
  /** Epoch seconds of the events; now when absent. */
  readonly timestamp?: number;
  readonly customers: readonly string[];
  readonly dimensions: readonly string[];
}

export interface Measured {
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const run = crypto.randomUUID().slice(0, 8);
let sequence = 0;

/** Posts one request, and returns the milliseconds it took. Throws when an answer is not what a healthy service gives. */
export async function post(load: Load): Promise<number> {
  const body = bodyOf(load, () => `${run}-${sequence++}`);
  const sent = performance.now();
  const response = await fetch(load.url, {
    method: "POST",
    headers: { authorization: `Bearer ${load.token}`, "content-type": "application/json" },
    body,
  });
  const { accepted } = (await response.json()) as { accepted: number };
  if (response.status !== 202 || accepted !== load.size)
    throw new Error(`${load.url} answered ${response.status}, accepted ${accepted}`);
  return performance.now() - sent;
}

/** Posts for so many seconds or requests. */
export async function measure(load: Load): Promise<Measured> {
  const started = performance.now();
  const end = started + (load.seconds ?? Infinity) * 1000;
  let left = load.requests ?? Infinity;
  const latencies: number[] = [];
  let events = 0;
  const connection = async (): Promise<void> => {
    while (performance.now() < end && left-- > 0) {
      latencies.push(await post(load));
      events += load.size;
    }
  };
  await Promise.all(Array.from({ length: load.connections }, connection));
  const seconds = (performance.now() - started) / 1000;
  return {
    events,
    eventsPerSecond: events / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  };
}

function bodyOf({ size, customers, dimensions, timestamp }: Load, newId: () => string): string {
  const event = (n: number) => ({
    id: newId(),
    customer: customers[n % customers.length],
    dimension: dimensions[n % dimensions.length],
    quantity: (n % 1000) / 8,
    ...(timestamp !== undefined && { timestamp }),
  });
  const offset = Math.floor(Math.random() * customers.length * dimensions.length);
  return JSON.stringify(
    size === 1 ? event(offset) : Array.from({ length: size }, (_, n) => event(n + offset)),
  );
}

/** The value below which a share of all values is. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
