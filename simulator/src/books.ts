import { hourOf, iso } from "./clock.ts";
import type { Allocation, MeteringRecord } from "./model.ts";
import type { AllocationInput } from "./wire/inputs.ts";
import type { World } from "./world.ts";

/** Usage that has passed every rule and asks for its place in the books. */
export interface Entry {
  readonly operation: MeteringRecord["operation"];
  readonly region: string;
  readonly productCode: string;
  /** Null when metered by ProductCode. */
  readonly licenseArn: string | null;
  readonly accountId: string;
  readonly customerIdentifier: string;
  readonly dimension: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly quantity: number;
  readonly allocations: readonly AllocationInput[];
}

/** `booked` now; `repeated` when the books hold this very usage, `taken` when they hold other usage for its hour. */
export interface Booking {
  readonly result: "booked" | "repeated" | "taken";
  readonly record: MeteringRecord;
}

/**
 * By what AWS de-duplicates: the hour, in one Region, of a customer's dimension. Usage metered by LicenseArn and by
 * ProductCode is kept apart, which is how an hour comes to be billed twice (AWS API reference, BatchMeterUsage).
 */
export function bookKey(entry: Omit<Entry, "quantity" | "allocations" | "customerIdentifier">): string {
  const { operation, region, productCode, licenseArn, accountId, dimension, timestamp } = entry;
  const scheme = licenseArn === null ? productCode : `${productCode} ${licenseArn}`;
  return [operation, region, scheme, accountId, hourOf(timestamp), dimension].join("|");
}

/** First write wins: what is in the books never changes. */
export function book(world: World, entry: Entry): Booking {
  const key = bookKey(entry);
  const held = world.store.findRecord(key);
  if (held !== undefined) {
    return { result: isSame(held, entry, world) ? "repeated" : "taken", record: held };
  }
  const { timestamp, allocations, ...rest } = entry;
  const record: MeteringRecord = {
    ...rest,
    timestamp: iso(timestamp),
    hour: iso(hourOf(timestamp)),
    allocations: allocations.map(shown),
    meteringRecordId: world.newId(),
    receivedAt: iso(world.now),
  };
  world.store.addRecord(key, record);
  return { result: "booked", record };
}

const shown = ({ AllocatedUsageQuantity, Tags }: AllocationInput): Allocation => ({
  quantity: AllocatedUsageQuantity,
  tags: Object.fromEntries((Tags ?? []).map(({ Key, Value }) => [Key, Value])),
});

function isSame(held: MeteringRecord, entry: Entry, { switches }: World): boolean {
  if (held.quantity !== entry.quantity) return false;
  if (switches.identicalMeans === "quantity") return true;
  return canonical(held.allocations) === canonical(entry.allocations.map(shown));
}

const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** Neither the order of allocations nor that of tags means anything. */
const canonical = (allocations: readonly Allocation[]): string =>
  allocations
    .map(({ quantity, tags }) => {
      const pairs = Object.entries(tags).map((pair) => JSON.stringify(pair));
      return `${pairs.toSorted(byText).join(",")} ${quantity}`;
    })
    .toSorted(byText)
    .join(";");
