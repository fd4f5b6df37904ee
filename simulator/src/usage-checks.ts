import type { Switches } from "./switches.ts";
import { awsError, type AwsError } from "./wire/errors.ts";
import type { AllocationInput } from "./wire/inputs.ts";

/** The class is AWS's, taken literally: `+ -=` is the range from space to `=`. */
const tagText = /^[a-zA-Z0-9+ -=._:/@]+$/;

const maxTags = 5;
/** AWS API reference, UsageRecord: 2500 since 2022, 500 before. */
const maxAllocations = 2500;

type Allocations = readonly AllocationInput[];

/** The tags of one record (AWS API reference, Tag and InvalidTagException). */
export function checkTags(allocations: Allocations, { tagLimit }: Switches): AwsError | null {
  const keys = new Set<string>();
  for (const { Tags } of allocations) {
    for (const { Key, Value } of Tags ?? []) {
      if (Key.length > 100 || !tagText.test(Key)) return invalidTag("a tag's key is invalid");
      if (Value.length > 256 || !tagText.test(Value)) return invalidTag("a tag's value is invalid");
      keys.add(Key);
    }
    if (Tags?.length === 0) return invalidTag("Tags must be left out rather than empty");
    if ((Tags?.length ?? 0) > maxTags) return invalidTag(`an allocation has more than ${maxTags} tags`);
    if (new Set(Tags?.map(({ Key }) => Key)).size !== (Tags?.length ?? 0))
      return invalidTag("a key is there twice");
  }
  if (tagLimit === "perRecord" && keys.size > maxTags) {
    return invalidTag(`the record's allocations have more than ${maxTags} tag keys together`);
  }
  return null;
}

const invalidTag = (what: string): AwsError =>
  awsError("InvalidTagException", `The tag is invalid: ${what}.`);

/** The allocations of one record (AWS API reference, UsageAllocation and InvalidUsageAllocationsException). */
export function checkAllocations(
  allocations: Allocations | null | undefined,
  quantity: number,
): AwsError | null {
  if (allocations === null || allocations === undefined) return null;
  if (allocations.length === 0 || allocations.length > maxAllocations) {
    return invalidAllocations(`a record has 1 to ${maxAllocations} allocations`);
  }
  const sum = allocations.reduce((total, { AllocatedUsageQuantity }) => total + AllocatedUsageQuantity, 0);
  if (sum !== quantity) {
    return invalidAllocations("the sum of allocated usage quantities is not equal to the usage quantity");
  }
  if (new Set(allocations.map(tagSet)).size !== allocations.length) {
    return invalidAllocations("each allocation must have its own set of tags");
  }
  return null;
}

const invalidAllocations = (what: string): AwsError =>
  awsError("InvalidUsageAllocationsException", `The usage allocations are invalid: ${what}.`);

const tagSet = ({ Tags }: AllocationInput): string =>
  (Tags ?? [])
    .map(({ Key, Value }) => JSON.stringify([Key, Value]))
    .toSorted((a, b) => (a < b ? -1 : Number(a > b)))
    .join();
