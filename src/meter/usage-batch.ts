import type { TagSet } from "./allocations.ts";
import type { CountingRule, LatePolicy } from "./dimension.ts";
import type { JsonNano } from "./quantity.ts";

/** A dimension as events of a request refer to it. */
export interface MeteredDimension extends CountingRule {
  readonly name: string;
  readonly late: LatePolicy;
}

/** A usage event. */
export interface UsageEvent {
  /** The producer's id: counts once per agreement. Holds no NUL. */
  readonly id: string;
  readonly dimension: MeteredDimension;
  readonly quantity: JsonNano;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly tagSet: TagSet;
}

/** Takes an earlier event of the agreement back. */
export interface VoidEvent {
  readonly id: string;
  /** The id of the event that is taken back. */
  readonly voids: string;
}

/** Events on their way to a shard: by columns, with what repeats in dictionaries, which crosses to it ten times as fast. */
export interface UsageBatch {
  readonly agreements: readonly string[];
  readonly dimensions: readonly MeteredDimension[];
  readonly tagSets: readonly TagSet[];
  readonly id: readonly string[];
  readonly agreement: readonly number[];
  readonly dimension: readonly number[];
  readonly quantity: readonly JsonNano[];
  readonly time: readonly number[];
  readonly tagSet: readonly number[];
  /** By position: the event that this one voids. Its other columns mean nothing. */
  readonly voids: ReadonlyMap<number, string>;
}

/** Builds a {@link UsageBatch} event by event. */
export class UsageBatchBuilder {
  readonly #agreements = new Map<string, number>();
  readonly #dimensions = new Map<MeteredDimension, number>();
  readonly #tagSets = new Map<TagSet, number>();
  readonly #id: string[] = [];
  readonly #agreement: number[] = [];
  readonly #dimension: number[] = [];
  readonly #quantity: JsonNano[] = [];
  readonly #time: number[] = [];
  readonly #tagSet: number[] = [];
  readonly #voids = new Map<number, string>();

  addUsage(agreement: string, { id, dimension, quantity, time, tagSet }: UsageEvent): void {
    this.#push(
      id,
      agreement,
      indexIn(this.#dimensions, dimension),
      quantity,
      time,
      indexIn(this.#tagSets, tagSet),
    );
  }

  addVoid(agreement: string, { id, voids }: VoidEvent): void {
    this.#voids.set(this.#id.length, voids);
    this.#push(id, agreement, 0, 0, 0, 0);
  }

  #push(id: string, agreement: string, dimension: number, quantity: JsonNano, time: number, tagSet: number) {
    this.#id.push(id);
    this.#agreement.push(indexIn(this.#agreements, agreement));
    this.#dimension.push(dimension);
    this.#quantity.push(quantity);
    this.#time.push(time);
    this.#tagSet.push(tagSet);
  }

  build(): UsageBatch {
    return {
      agreements: [...this.#agreements.keys()],
      dimensions: [...this.#dimensions.keys()],
      tagSets: [...this.#tagSets.keys()],
      id: this.#id,
      agreement: this.#agreement,
      dimension: this.#dimension,
      quantity: this.#quantity,
      time: this.#time,
      tagSet: this.#tagSet,
      voids: this.#voids,
    };
  }
}

function indexIn<Key>(indexes: Map<Key, number>, key: Key): number {
  let index = indexes.get(key);
  if (index === undefined) indexes.set(key, (index = indexes.size));
  return index;
}
