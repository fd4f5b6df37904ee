import type { WireRecord } from "./batch-request.ts";
import type { AwsError } from "./errors.ts";

const TAG_TEXT = /^[a-zA-Z0-9+ -=._:/@]+$/;

/** Checks a record's allocations: they add up to its quantity, and each has a tag set of its own. */
export function checkAllocations({ Quantity = 0, UsageAllocations }: WireRecord): AwsError | null {
  if (UsageAllocations === undefined) return null;
  const seen = new Set<string>();
  let sum = 0;
  for (const { AllocatedUsageQuantity, Tags = [] } of UsageAllocations) {
    sum += AllocatedUsageQuantity;
    if (Tags.length > 5 || Tags.some(({ Key, Value }) => !TAG_TEXT.test(Key) || !TAG_TEXT.test(Value))) {
      return {
        name: "InvalidTagException",
        message: "The tag is invalid, or the number of tags is greater than 5.",
      };
    }
    const set = JSON.stringify(
      Tags.map(({ Key, Value }) => [Key, Value]).toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
    );
    if (seen.has(set))
      return {
        name: "InvalidUsageAllocationsException",
        message: "Each allocation must have a distinct set of tags.",
      };
    seen.add(set);
  }
  if (sum === Quantity) return null;
  return {
    name: "InvalidUsageAllocationsException",
    message: "The sum of the usage allocations must equal the quantity.",
  };
}
