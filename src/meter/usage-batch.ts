import type { TagSet } from "./allocations.ts";
import type { CountingRule, LatePolicy } from "./dimension.ts";
import type { JsonNano } from "./quantity.ts";

/** A dimension as events of a request refer to it. */
export interface MeteredDimension extends CountingRule {
  readonly name: string;
  readonly late: LatePolicy;
}

/** The end of an agreement, and what it ended. */
export interface AgreementEnd {
  /** Epoch milliseconds: usage from then on is refused. */
  readonly at: number;
  /** Epoch milliseconds: of before that AWS takes none of its usage, as far as is known. */
  readonly since: number;
  /** Whether AWS takes none of its usage any more, of whatever time. */
  readonly isOver: boolean;
}

/** An agreement as events of a request refer to it. */
export interface AgreementInBatch {
  readonly id: string;
  /** Null while no end is known. */
  readonly end: AgreementEnd | null;
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
  /** By agreement: its end, null while none is known. */
  readonly ends: readonly (AgreementEnd | null)[];
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
  readonly #ends: (AgreementEnd | null)[] = [];
  readonly #dimensions = new Map<MeteredDimension, number>();
  readonly #tagSets = new Map<TagSet, number>();
  readonly #id: string[] = [];
  readonly #agreement: number[] = [];
  readonly #dimension: number[] = [];
  readonly #quantity: JsonNano[] = [];
  readonly #time: number[] = [];
  readonly #tagSet: number[] = [];
  readonly #voids = new Map<number, string>();

  addUsage(agreement: AgreementInBatch, { id, dimension, quantity, time, tagSet }: UsageEvent): void {
    this.#push(
      id,
      agreement,
      indexIn(this.#dimensions, dimension),
      quantity,
      time,
      indexIn(this.#tagSets, tagSet),
    );
  }

  addVoid(agreement: AgreementInBatch, { id, voids }: VoidEvent): void {
    this.#voids.set(this.#id.length, voids);
    this.#push(id, agreement, 0, 0, 0, 0);
  }

  #push(
    id: string,
    agreement: AgreementInBatch,
    dimension: number,
    quantity: JsonNano,
    time: number,
    tagSet: number,
  ) {
    this.#id.push(id);
    const index = indexIn(this.#agreements, agreement.id);
    this.#ends[index] = agreement.end;
    this.#agreement.push(index);
    this.#dimension.push(dimension);
    this.#quantity.push(quantity);
    this.#time.push(time);
    this.#tagSet.push(tagSet);
  }

  build(): UsageBatch {
    return {
      agreements: [...this.#agreements.keys()],
      ends: this.#ends,
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
