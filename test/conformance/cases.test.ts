import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refusalCases, statusCases, windowCases } from "./batch-cases.ts";
import type { Caller, Result } from "./callers.ts";
import { ours, sdk } from "./callers.ts";
import type { Case } from "./case.ts";
import { containerCases, contractCases, insideCases } from "./customer-cases.ts";
import { registrationCases } from "./registration-cases.ts";
import type { Simulator } from "./simulator.ts";
import { startSimulator } from "./simulator.ts";
import type { World } from "./world.ts";
import { books, newWorld } from "./world.ts";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.stop());

interface Run {
  readonly world: World;
  readonly result: Result;
  readonly booked: readonly number[];
}

async function run(caller: Caller, given: Case): Promise<Run> {
  const world = await newWorld(simulator);
  await given.given?.(world);
  const credentials = await given.as?.(world);
  const setting = { endpoint: simulator.url, ...given.setting, ...(credentials && { credentials }) };
  if (given.first !== undefined) {
    const before = await caller.call(given.operation, given.first(world), {
      ...setting,
      ...given.firstSetting,
    });
    expect(before).toHaveProperty("value");
  }
  const result = await caller.call(given.operation, given.input(world), setting);
  return { world, result, booked: (await books(world)).map(({ quantity }) => quantity) };
}

function expected({ error, value }: Case, caller: Caller, world: World): unknown {
  if (error === undefined) return { value: value?.(world) };
  return { error: error.code, ...(caller === ours && { kind: error.kind }) };
}

const groups: readonly (readonly [string, readonly Case[]])[] = [
  ["a batch's records", statusCases],
  ["usage", windowCases],
  ["a refused batch", refusalCases],
  ["a registration", registrationCases],
  ["usage from inside the customer's account", insideCases],
  ["a container in the customer's account", containerCases],
  ["a contract", contractCases],
];

describe.each([ours, sdk])("the simulated AWS, called by $name", (caller) => {
  describe.each(groups)("%s", (_group, cases) => {
    it.each(cases)("$name", async (given) => {
      const { world, result, booked } = await run(caller, given);

      expect(result).toMatchObject(expected(given, caller, world) as object);
      expect(booked).toEqual(given.booked ?? booked);
    });
  });
});
