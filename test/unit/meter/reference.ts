import { hourOf } from "../../../src/meter/hours.ts";
import { UNIT } from "../../../src/meter/quantity.ts";

/** An event as the reference keeps it. */
export interface KeptEvent {
  readonly id: string;
  readonly agreement: string;
  readonly dimension: string;
  readonly quantity: bigint;
  readonly time: number;
  readonly tagSet: string;
  readonly arrival: number;
  /** The hour that bills it; null while it is held. */
  readonly hour: number | null;
  voided: boolean;
}

/** The reference: keeps every event and adds up from scratch. */
export class Reference {
  events: KeptEvent[] = [];
  /** Voidings: agreement and id, and what they voided. */
  voids: { readonly key: string; readonly voids: string; readonly arrival: number }[] = [];

  accepted(agreement: string, dimension: string): bigint {
    const counted = this.events.filter(
      (event) => event.agreement === agreement && event.dimension === dimension && !event.voided,
    );
    const hours = Map.groupBy(counted, ({ hour, time }) => hour ?? `held ${hourOf(time)}`);
    return [...hours.values()].reduce((sum, events) => sum + quantityOf(dimension, events), 0n);
  }
}

/** What the events of one hour come to. Dimensions are named for their aggregation. */
function quantityOf(dimension: string, events: readonly KeptEvent[]): bigint {
  const quantities = events.map(({ quantity }) => quantity);
  if (dimension.startsWith("sum")) return quantities.reduce((a, b) => a + b, 0n);
  if (dimension === "unique") return BigInt(new Set(events.map(({ tagSet }) => tagSet)).size) * UNIT;
  const newest = Math.max(...events.map(({ time }) => time));
  const candidates = dimension === "last" ? events.filter(({ time }) => time === newest) : events;
  return candidates.reduce((greatest, { quantity }) => (quantity > greatest ? quantity : greatest), 0n);
}
