import { deserialize, serialize } from "node:v8";
import { HOUR, MINUTE } from "../src/meter/hours.ts";
import { ShardStore } from "../src/meter/shard-store.ts";
import { StoredMeter } from "../src/meter/stored-meter.ts";
import { UsageBatchBuilder, type MeteredDimension } from "../src/meter/usage-batch.ts";
import { parseEvent, type PostedUsage } from "../src/usage/parse-event.ts";
import { parseEvents } from "../src/usage/parse-events.ts";
import { accepted } from "../src/usage/results.ts";
import { SqliteStorage } from "../test/unit/meter/sqlite-storage.ts";
import { CUSTOMERS, DIMENSIONS } from "./products.ts";

const SIZE = 1000;
const REQUESTS = 200;
const WARM_UP = 40;

/** What the steps of a request of a thousand events take, in microseconds an event, in plain Node. */
export async function measureSteps(): Promise<Record<string, number>> {
  const rule = { aggregation: "sum", divisor: 1, uniqueTag: null, late: "carry_forward" } as const;
  const dimensions = new Map(DIMENSIONS.map((name): [string, MeteredDimension] => [name, { name, ...rule }]));
  const meter = new StoredMeter(new ShardStore(new SqliteStorage().open()), () => Promise.resolve());
  meter.adopt({
    settle: 10 * MINUTE,
    lateSettle: 5 * MINUTE,
    dedupeWindow: 35 * 24 * HOUR,
    awaitsAllowance: [],
  });
  const taken = new Map<string, number>();
  const time = <T>(step: string, run: () => T): T => {
    const started = performance.now();
    const result = run();
    taken.set(step, (taken.get(step) ?? 0) + performance.now() - started);
    return result;
  };
  for (let request = 0; request < REQUESTS + WARM_UP; request++) {
    if (request === WARM_UP) taken.clear();
    const now = Date.now();
    const text = bodyOf(request);
    const json = time("parsing", () => parseEvents(text)) as unknown[];
    const parsing = { receivedAt: now, productId: "bench", dimensions };
    const posted = time("checking", () =>
      json.map((input) => {
        const parsed = parseEvent(input, parsing);
        if (!parsed.ok) throw new Error(parsed.error.detail);
        return parsed.event as PostedUsage;
      }),
    );
    const batch = time("calling", () => {
      const builder = new UsageBatchBuilder();
      for (const event of posted) builder.addUsage({ id: `agr_${event.customer}`, end: null }, event);
      return deserialize(serialize(builder.build())) as ReturnType<UsageBatchBuilder["build"]>;
    });
    time("calling, the ceiling's way", () => deserialize(serialize(json)) as unknown);
    const { durable } = time("counting", () => meter.accept(batch, now));
    await durable;
    time("answering", () => JSON.stringify(posted.map(({ id }, index) => accepted(index, id))));
  }
  return Object.fromEntries(
    [...taken].map(([step, ms]) => [step, Number(((ms * 1000) / (REQUESTS * SIZE)).toFixed(2))]),
  );
}

const bodyOf = (request: number): string =>
  JSON.stringify(
    Array.from({ length: SIZE }, (_, n) => ({
      id: `request-${request}-${n}`,
      customer: CUSTOMERS[n % CUSTOMERS.length],
      dimension: DIMENSIONS[n % DIMENSIONS.length],
      quantity: (n % 1000) / 8,
    })),
  );
