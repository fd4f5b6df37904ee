import { fits, recordTarget, type FaultPlan, type ShapeFault } from "../faults.ts";
import type { World } from "../world.ts";
import type { BatchMeterUsageOutput, UsageRecordResult } from "./batch-meter-usage.ts";

/** The answer to a batch, in the order of the switches and with the oddities of the faults; the books stay as they are. */
export function alterBatch(
  output: BatchMeterUsageOutput,
  world: World,
  productCode: string | null,
  { shapes }: FaultPlan,
): BatchMeterUsageOutput {
  let results = output.Results;
  for (const fault of shapes) {
    const change = changeOf(fault);
    if (change === null) continue;
    let left = "records" in fault ? fault.records : 25;
    results = results.map((result) => {
      if (left === 0 || !fits(fault, recordTarget(world.store, result.UsageRecord, productCode)))
        return result;
      left -= 1;
      return change(result);
    });
  }
  const isShuffled =
    world.switches.resultsOrder === "shuffled" || shapes.some(({ kind }) => kind === "shuffle");
  return { ...output, Results: isShuffled ? shuffled(results) : results };
}

function changeOf(fault: ShapeFault): ((result: UsageRecordResult) => UsageRecordResult) | null {
  switch (fault.kind) {
    case "unknown-status":
      return (result) => ({ ...result, Status: fault.status });
    case "missing-record-id":
      return ({ UsageRecord, Status }) => ({ UsageRecord, Status });
    case "extra-fields":
      return (result) => ({ ...result, BillingPeriod: "unknown-to-every-client" });
    case "latency":
    case "unprocessed":
    case "shuffle":
    case "namespaced-type":
    case "header-only-type":
      return null;
  }
}

/** Another order, and the same one each time: halves interlaced from the back, so that two records always swap. */
function shuffled<T>(values: readonly T[]): readonly T[] {
  const reversed = values.toReversed();
  return [...reversed.filter((_, i) => i % 2 === 0), ...reversed.filter((_, i) => i % 2 === 1)];
}
