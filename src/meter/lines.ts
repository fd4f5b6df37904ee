import type { TagSet } from "./allocations.ts";
import type { CountingRule } from "./dimension.ts";
import { HOUR, hourOf } from "./hours.ts";
import type { JsonNano } from "./quantity.ts";

/** One accepted usage event, or the voiding of one. */
export interface Line {
  readonly agreement: string;
  readonly id: string;
  /** Epoch milliseconds. */
  readonly arrival: number;
  /** The event's own time, epoch milliseconds. */
  readonly time: number;
  readonly dimension: string;
  readonly rule: CountingRule;
  /** Billionths of a posted unit. */
  readonly quantity: JsonNano;
  readonly tagSet: TagSet;
  /** The hour bucket that took it, epoch milliseconds; null while it is held for a person. */
  readonly hour: number | null;
  /** Set when this line voids another. */
  readonly voiding: Voiding | null;
}

/** What voiding an event takes away. Written down, not found again: a replay cannot see what there was to find. */
export interface Voiding {
  /** The id of the voided event. */
  readonly target: string;
  /** Whether the hour that had counted it was still open; otherwise the carry of the coming hours gets a credit. */
  readonly open: boolean;
  /** Billionths per tag set. */
  readonly minus: readonly (readonly [TagSet, JsonNano])[];
  /** For `unique`: a value that no other event of the hour has. */
  readonly value?: string;
  /** For `max` and `last`: whose quantity is now the hour's, or null. */
  readonly peak?: readonly [quantity: JsonNano, time: number, tagSet: TagSet] | null;
}

/** A dimension with the rule that it is counted by. */
export type RuledDimension = readonly [
  name: string,
  aggregation: CountingRule["aggregation"],
  divisor: number,
  uniqueTag: string | null,
];

const HELD = "held";

/**
 * Lines as they are kept: by columns, with what repeats in dictionaries, as JSON. Times are relative to `base`. This
 * is the shape of stored data (docs/storage.md): what is on disk must stay readable.
 */
export interface Lines {
  /** Epoch milliseconds. */
  readonly base: number;
  readonly agreements: readonly string[];
  readonly dimensions: readonly RuledDimension[];
  readonly tagSets: readonly TagSet[];
  readonly agreement: readonly number[];
  readonly dimension: readonly number[];
  readonly tagSet: readonly number[];
  readonly id: readonly string[];
  readonly quantity: readonly JsonNano[];
  /** Milliseconds after base. */
  readonly arrival: readonly number[];
  /** Milliseconds after base. */
  readonly time: readonly number[];
  /** Hours after the hour that base lies in, or `held`. */
  readonly hour: readonly (number | typeof HELD)[];
  /** By line. */
  readonly voiding?: Readonly<Record<number, Voiding>>;
}

/** How many lines there are. */
export const lineCount = (lines: Lines): number => lines.id.length;

/** Reads one line. */
export function lineAt(lines: Lines, index: number): Line {
  const { base, agreements, dimensions, tagSets } = lines;
  const [dimension, aggregation, divisor, uniqueTag] = at(dimensions, at(lines.dimension, index));
  const hour = at(lines.hour, index);
  return {
    agreement: at(agreements, at(lines.agreement, index)),
    id: at(lines.id, index),
    arrival: base + at(lines.arrival, index),
    time: base + at(lines.time, index),
    dimension,
    rule: { aggregation, divisor, uniqueTag },
    quantity: at(lines.quantity, index),
    tagSet: at(tagSets, at(lines.tagSet, index)),
    hour: hour === HELD ? null : hourOf(base) + hour * HOUR,
    voiding: lines.voiding?.[index] ?? null,
  };
}

/** The agreement and id of a line, and when it arrived: what a lookup compares. */
export function identityAt(
  lines: Lines,
  index: number,
): readonly [agreement: string, id: string, arrival: number] {
  return [
    at(lines.agreements, at(lines.agreement, index)),
    at(lines.id, index),
    lines.base + at(lines.arrival, index),
  ];
}

function at<T>(column: readonly T[], index: number): T {
  const value = column[index];
  if (value === undefined) throw new Error("stored lines are cut off");
  return value;
}

/** Builds {@link Lines} line by line. */
export class LinesBuilder {
  readonly agreements = new Dictionary<string>((agreement) => agreement);
  readonly dimensions = new Dictionary<RuledDimension>(([name]) => name);
  readonly tagSets = new Dictionary<TagSet>((tagSet) => tagSet);
  readonly #agreement: number[] = [];
  readonly #dimension: number[] = [];
  readonly #tagSet: number[] = [];
  readonly #id: string[] = [];
  readonly #quantity: JsonNano[] = [];
  readonly #arrival: number[] = [];
  readonly #time: number[] = [];
  readonly #hour: (number | typeof HELD)[] = [];
  readonly #voiding: Record<number, Voiding> = {};
  readonly #base: number;
  readonly #baseHour: number;
  #voids = false;

  /** @param base epoch milliseconds that times are kept relative to */
  constructor(base: number) {
    this.#base = base;
    this.#baseHour = hourOf(base);
  }

  get count(): number {
    return this.#id.length;
  }

  add(line: Line): void {
    const { agreement, dimension, rule, tagSet, voiding } = line;
    if (voiding !== null) {
      this.#voiding[this.count] = voiding;
      this.#voids = true;
    }
    this.addIndexed(
      this.agreements.indexOf(agreement),
      this.dimensions.indexOf([dimension, rule.aggregation, rule.divisor, rule.uniqueTag]),
      this.tagSets.indexOf(tagSet),
      line,
    );
  }

  /** Adds a line that voids nothing, and whose places in the dictionaries are known: a thousand of them in a request. */
  addIndexed(
    agreement: number,
    dimension: number,
    tagSet: number,
    { id, quantity, arrival, time, hour }: Pick<Line, "id" | "quantity" | "arrival" | "time" | "hour">,
  ): void {
    this.#agreement.push(agreement);
    this.#dimension.push(dimension);
    this.#tagSet.push(tagSet);
    this.#id.push(id);
    this.#quantity.push(quantity);
    this.#arrival.push(arrival - this.#base);
    this.#time.push(time - this.#base);
    this.#hour.push(hour === null ? HELD : (hour - this.#baseHour) / HOUR);
  }

  build(): Lines {
    return {
      base: this.#base,
      agreements: this.agreements.values,
      dimensions: this.dimensions.values,
      tagSets: this.tagSets.values,
      agreement: this.#agreement,
      dimension: this.#dimension,
      tagSet: this.#tagSet,
      id: this.#id,
      quantity: this.#quantity,
      arrival: this.#arrival,
      time: this.#time,
      hour: this.#hour,
      ...(this.#voids && { voiding: this.#voiding }),
    };
  }
}

/** Values by their place in order of first use. */
class Dictionary<T> {
  readonly values: T[] = [];
  readonly #indexes = new Map<string, number>();
  readonly #keyOf: (value: T) => string;

  constructor(keyOf: (value: T) => string) {
    this.#keyOf = keyOf;
  }

  indexOf(value: T): number {
    const key = this.#keyOf(value);
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    this.#indexes.set(key, this.values.length);
    return this.values.push(value) - 1;
  }
}
