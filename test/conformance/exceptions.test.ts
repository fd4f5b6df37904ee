import * as meteringSdk from "@aws-sdk/client-marketplace-metering";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OperationName } from "./callers.ts";
import { ours, sdk } from "./callers.ts";
import type { Simulator } from "./simulator.ts";
import { startSimulator } from "./simulator.ts";
import type { World } from "./world.ts";
import { modernProduct, newWorld, usage } from "./world.ts";

/*
 * Every exception that AWS's model has, as the simulator sends it: what a seller tests against here must be what the
 * official SDK makes of AWS itself.
 */

let simulator: Simulator;
let world: World;
beforeAll(async () => {
  simulator = await startSimulator();
  world = await newWorld(simulator);
});
afterAll(() => simulator.stop());

const modelled = Object.entries(meteringSdk)
  .filter(([name, value]) => name.endsWith("Exception") && typeof value === "function")
  .map(([name]) => name)
  .filter((name) => name !== "MarketplaceMeteringServiceException");

/** What any AWS service answers; the SDK has no classes for these. */
const common = [
  "AccessDeniedException",
  "UnrecognizedClientException",
  "InvalidSignatureException",
  "ValidationException",
  "SerializationException",
  "UnknownOperationException",
];

/** How an error may be written down; all mean the same. */
const forms = [null, "namespaced-type", "header-only-type"] as const;

async function answerWith(
  code: string,
  form: (typeof forms)[number],
  call: () => Promise<unknown>,
): Promise<unknown> {
  const faults = [
    { kind: "error", error: code, message: "by order" },
    ...(form === null ? [] : [{ kind: form }]),
  ];
  await simulator.send("POST", "faults", { faults });
  return call();
}

/** Is it our client's error of that name, under another kind than that for names nobody knows? */
function isKnown(code: string) {
  return (result: unknown): boolean => {
    const { error, kind = "unknown-error" } = result as { error?: string; kind?: string };
    return error === code && kind !== "unknown-error";
  };
}

const operation: OperationName = "BatchMeterUsage";

describe.each(forms)("an exception written as %s", (form) => {
  const send = (caller: typeof ours) => () =>
    caller.call(operation, { UsageRecords: [usage(world)] }, { endpoint: simulator.url });

  it.each(modelled)("%s is the SDK's own class, and a kind of ours", async (code) => {
    expect(await answerWith(code, form, send(sdk))).toEqual({ error: code, ownClass: true });
    expect(await answerWith(code, form, send(ours))).toSatisfy(isKnown(code));
  });

  it.each(common)("%s is named to both", async (code) => {
    expect(await answerWith(code, form, send(sdk))).toMatchObject({ error: code });
    expect(await answerWith(code, form, send(ours))).toSatisfy(isKnown(code));
  });
});

it("covers all nineteen exceptions of the model", () => {
  expect(modelled).toHaveLength(19);
});

describe("an exception of the entitlement service", () => {
  it.each(["InternalServiceErrorException", "InvalidParameterException", "ThrottlingException"])(
    "%s is the SDK's own class, and a kind of ours",
    async (code) => {
      const send = (caller: typeof ours) => () =>
        caller.call("GetEntitlements", { ProductCode: modernProduct }, { endpoint: simulator.url });
      expect(await answerWith(code, null, send(sdk))).toEqual({ error: code, ownClass: true });
      expect(await answerWith(code, null, send(ours))).toSatisfy(isKnown(code));
    },
  );
});
