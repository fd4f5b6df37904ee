import type { Term } from "../../../src/meter/allowance.ts";
import { HOUR, hourOf, monthStart } from "../../../src/meter/hours.ts";
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

  /**
   * What a contract includes of the usage of a dimension whose quantities add up: of each period the usage in it, by the
   * hours in which it was used, as far as the allowance goes.
   */
  included(agreement: string, dimension: string, terms: readonly Term[]): bigint {
    const used = new Map<string, { quantity: bigint; amount: bigint }>();
    for (const event of this.events) {
      if (event.agreement !== agreement || event.dimension !== dimension || event.voided) continue;
      const hour = hourOf(event.time);
      const [first, ...later] = terms;
      const term = later.findLast(({ since }) => since <= hour + HOUR - 1) ?? first;
      if (term === undefined) continue;
      const period = { hour, month: monthStart(hour), term: term.since }[term.per];
      const key = `${term.per} ${period}`;
      const before = used.get(key)?.amount ?? 0n;
      used.set(key, { quantity: term.quantity, amount: before + event.quantity });
    }
    return [...used.values()].reduce(
      (sum, { quantity, amount }) => sum + (amount < quantity ? amount : quantity),
      0n,
    );
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
