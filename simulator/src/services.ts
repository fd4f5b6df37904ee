import type { z } from "zod";
import { recordTarget, fits, type FaultPlan } from "./faults.ts";
import { batchMeterUsage } from "./operations/batch-meter-usage.ts";
import { assumeRole, assumeRoleWithWebIdentity } from "./operations/assume-role.ts";
import { getEntitlements } from "./operations/get-entitlements.ts";
import { meterUsage } from "./operations/meter-usage.ts";
import { registerUsage } from "./operations/register-usage.ts";
import { resolveCustomer } from "./operations/resolve-customer.ts";
import { alterBatch } from "./operations/altered-batch.ts";
import type { Outcome } from "./wire/errors.ts";
import {
  batchMeterUsageInput,
  getEntitlementsInput,
  meterUsageInput,
  modelError,
  registerUsageInput,
  resolveCustomerInput,
  type BatchMeterUsageInput,
} from "./wire/inputs.ts";
import { assumeRoleInput, assumeRoleWithWebIdentityInput } from "./wire/sts-inputs.ts";
import type { Caller, World } from "./world.ts";

/** An operation, from what a request says to its outcome. */
export interface Operation {
  readonly name: string;
  /** Reads a request by its model. */
  readonly read: (json: unknown) => Outcome<ReadRequest>;
}

export interface ReadRequest {
  /** As the model has it: a fault may be aimed at what it names. */
  readonly input: object;
  /** How many records it carries. */
  readonly records: number;
  /** Judges it. All of the state changes before the first await. */
  readonly run: (
    world: World,
    caller: Caller,
    faults: FaultPlan,
  ) => Outcome<object> | Promise<Outcome<object>>;
}

function define<S extends z.ZodObject>(
  name: string,
  schema: S,
  run: (
    world: World,
    caller: Caller,
    input: z.output<S>,
    faults: FaultPlan,
  ) => Outcome<object> | Promise<Outcome<object>>,
): Operation {
  return {
    name,
    read(json) {
      const { success, data, error } = schema.safeParse(json);
      if (!success) return { ok: false, error: modelError(error, json) };
      const { UsageRecords } = data as { UsageRecords?: unknown[] };
      const records = name === "MeterUsage" ? 1 : (UsageRecords?.length ?? 0);
      return {
        ok: true,
        value: { input: data, records, run: (world, caller, faults) => run(world, caller, data, faults) },
      };
    },
  };
}

/** The records that faults keep from being processed: the last ones that fit. */
function leftOut(world: World, input: BatchMeterUsageInput, faults: FaultPlan): ReadonlySet<number> {
  const leftOut = new Set<number>();
  for (const fault of faults.shapes) {
    if (fault.kind !== "unprocessed") continue;
    const struck = input.UsageRecords.flatMap((record, index) =>
      fits(fault, recordTarget(world.store, record, input.ProductCode ?? null)) ? [index] : [],
    );
    for (const index of struck.slice(-fault.records)) leftOut.add(index);
  }
  return leftOut;
}

/** The operations by their `X-Amz-Target`. */
export const operations: ReadonlyMap<string, Operation> = new Map([
  [
    "AWSMPMeteringService.BatchMeterUsage",
    define("BatchMeterUsage", batchMeterUsageInput, (world, caller, input, faults) => {
      const unprocessed = leftOut(world, input, faults);
      const outcome = batchMeterUsage(world, caller, input, (_record, index) => unprocessed.has(index));
      return outcome.ok
        ? { ok: true, value: alterBatch(outcome.value, world, input.ProductCode ?? null, faults) }
        : outcome;
    }),
  ],
  ["AWSMPMeteringService.MeterUsage", define("MeterUsage", meterUsageInput, meterUsage)],
  ["AWSMPMeteringService.RegisterUsage", define("RegisterUsage", registerUsageInput, registerUsage)],
  ["AWSMPMeteringService.ResolveCustomer", define("ResolveCustomer", resolveCustomerInput, resolveCustomer)],
  [
    "AWSMPEntitlementService.GetEntitlements",
    define("GetEntitlements", getEntitlementsInput, getEntitlements),
  ],
]);

/** STS's operations, by their `Action`. */
export const queryOperations: ReadonlyMap<string, Operation> = new Map(
  [
    define("AssumeRole", assumeRoleInput, assumeRole),
    define("AssumeRoleWithWebIdentity", assumeRoleWithWebIdentityInput, assumeRoleWithWebIdentity),
  ].map((operation) => [operation.name, operation]),
);
