import { ShardStore } from "../src/meter/shard-store.ts";
import { HOUR, MINUTE } from "../src/meter/hours.ts";
import { IdIndex } from "../src/meter/id-index.ts";
import { fingerprinter } from "../src/meter/fingerprint.ts";
import { packSegment } from "../src/meter/packing.ts";
import { StoredMeter } from "../src/meter/stored-meter.ts";
import { UsageBatchBuilder, type MeteredDimension } from "../src/meter/usage-batch.ts";
import { SqliteStorage } from "../test/unit/meter/sqlite-storage.ts";

// The parts of a shard that HTTP would hide, on node:sqlite: its memory, its look-ups and its longest step.

const SEGMENT = 50_000;
const settings = {
  settle: 10 * MINUTE,
  lateSettle: 5 * MINUTE,
  dedupeWindow: 35 * 24 * HOUR,
  awaitsAllowance: [],
};

/** Fills an index with so many packed ids, and looks up new ones. */
export function measureDedupe(count: number): { ids: number; bytes: number; p99Us: number } {
  const store = new ShardStore(new SqliteStorage().open());
  const ids = new IdIndex(
    store.history(() => undefined),
    [],
    0,
  );
  const prints = fingerprinter("agr_000000000000000000000000");
  for (let line = 0; line < count; line++) {
    ids.add(prints(`event-${line}`));
    if (ids.segmentLines < SEGMENT) continue;
    ids.beginSegment();
    const { closedSegment } = ids;
    if (closedSegment === null) throw new Error("a segment was begun and is not there");
    const run = packSegment(closedSegment, 0);
    store.writeRun(run);
    ids.packed(run);
  }
  const look = (n: number): number => {
    const id = `new-${n}`;
    const started = performance.now();
    // What answers "maybe" reads a block, and then a line that has another id.
    ids.find({ agreement: "a", id, fingerprint: prints(id), since: 0 });
    return performance.now() - started;
  };
  for (let n = 0; n < 20_000; n++) look(-n);
  const times = Float64Array.from({ length: 100_000 }, (_, n) => look(n)).toSorted();
  return { ids: count, bytes: ids.bytes, p99Us: Number(((times[99_000] ?? 0) * 1000).toFixed(2)) };
}

/** Seals so many buckets, a slice at a time, with the records in the outbox. */
export async function measureSealing(
  buckets: number,
): Promise<{ buckets: number; ms: number; longestPauseMs: number }> {
  const meter = new StoredMeter(new ShardStore(new SqliteStorage().open()), () => Promise.resolve());
  const now = Date.parse("2026-11-23T10:30:00Z");
  meter.adopt(settings);
  const rule = { aggregation: "sum", divisor: 1, uniqueTag: null, late: "carry_forward" } as const;
  const dimensions = Array.from({ length: 10 }, (_, n): MeteredDimension => ({
    name: `dimension_${n}`,
    ...rule,
  }));
  for (let agreement = 0; agreement < buckets / dimensions.length; agreement += 100) {
    const builder = new UsageBatchBuilder();
    for (let n = agreement; n < agreement + 100; n++) {
      for (const dimension of dimensions) {
        const id = `${n}-${dimension.name}`;
        builder.addUsage(
          { id: `agr_${n}`, end: null },
          { id, dimension, quantity: 2_500_000_000, time: now, tagSet: "" },
        );
      }
    }
    await meter.accept(builder.build(), now).durable;
  }
  const started = performance.now();
  let longestPauseMs = 0;
  let step = started;
  for (const _slice of meter.sealDue(now + 2 * HOUR)) {
    longestPauseMs = Math.max(longestPauseMs, performance.now() - step);
    step = performance.now();
  }
  const ended = performance.now();
  longestPauseMs = Math.max(longestPauseMs, ended - step);
  const round = (value: number): number => Number(value.toFixed(1));
  return { buckets, ms: round(ended - started), longestPauseMs: round(longestPauseMs) };
}
