import type { Surroundings } from "../../src/customers/surroundings.ts";
import { partSequences, parts } from "../../src/customers/tick-parts.ts";

/**
 * What a tick does for the customers, one slice of each part, as their objects would.
 *
 * @throws the first failure, when all have been done
 */
export async function keepCustomers(surroundings: Surroundings): Promise<void> {
  const faults: unknown[] = [];
  for (const name of partSequences.flat()) faults.push(...(await parts[name](surroundings, "")).faults);
  if (faults.length > 0) throw faults[0];
}
