import type { Call, MeteringRecord } from "./model.ts";
import type {
  DocumentKind,
  DocumentTypes,
  ListOptions,
  Numbered,
  PageOptions,
  RecordFilter,
  Store,
} from "./store.ts";

/** The documents of one kind. */
interface Shelf {
  readonly values: Map<string, unknown>;
  /** In order; null while a new key has not been sorted in. */
  keys: readonly string[] | null;
}

/** Keeps everything in memory: for simulations that run the rules in-process. */
export class MemoryStore implements Store {
  #documents = new Map<DocumentKind, Shelf>();
  #records: MeteringRecord[] = [];
  #byBookKey = new Map<string, MeteringRecord>();
  #calls: Call[] = [];

  get<K extends DocumentKind>(kind: K, key: string): DocumentTypes[K] | undefined {
    return this.#shelf(kind).values.get(key) as DocumentTypes[K] | undefined;
  }

  put<K extends DocumentKind>(kind: K, key: string, value: DocumentTypes[K]): void {
    const shelf = this.#shelf(kind);
    if (!shelf.values.has(key)) shelf.keys = null;
    shelf.values.set(key, value);
  }

  remove(kind: DocumentKind, key: string): void {
    const shelf = this.#shelf(kind);
    if (shelf.values.delete(key)) shelf.keys = null;
  }

  list<K extends DocumentKind>(kind: K, { prefix = "", after = "", limit }: ListOptions) {
    const shelf = this.#shelf(kind);
    const keys = (shelf.keys ??= [...shelf.values.keys()].toSorted(byText));
    const found: { key: string; value: DocumentTypes[K] }[] = [];
    for (let i = firstAtLeast(keys, after > prefix ? after : prefix); found.length < limit; i += 1) {
      const key = keys[i];
      if (key === undefined || !key.startsWith(prefix)) break;
      if (key !== after) found.push({ key, value: shelf.values.get(key) as DocumentTypes[K] });
    }
    return found;
  }

  findRecord(bookKey: string): MeteringRecord | undefined {
    return this.#byBookKey.get(bookKey);
  }

  addRecord(bookKey: string, record: MeteringRecord): void {
    this.#byBookKey.set(bookKey, record);
    this.#records.push(record);
  }

  records(filter: RecordFilter, page: PageOptions): Numbered<MeteringRecord>[] {
    const wanted = Object.entries(filter) as [keyof RecordFilter, string][];
    return paged(this.#records, page, (record) => wanted.every(([field, value]) => record[field] === value));
  }

  addCall(call: Call): void {
    this.#calls.push(call);
  }

  calls(page: PageOptions): Numbered<Call>[] {
    return paged(this.#calls, page, () => true);
  }

  counts() {
    return {
      products: this.#shelf("product").values.size,
      agreements: this.#shelf("agreement").values.size,
      records: this.#records.length,
      calls: this.#calls.length,
    };
  }

  clear(): void {
    this.#documents.clear();
    this.#records = [];
    this.#byBookKey.clear();
    this.#calls = [];
  }

  #shelf(kind: DocumentKind): Shelf {
    const shelf = this.#documents.get(kind) ?? { values: new Map<string, unknown>(), keys: [] };
    this.#documents.set(kind, shelf);
    return shelf;
  }
}

const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** Index of the first key that is not before `bound`. */
function firstAtLeast(keys: readonly string[], bound: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? "") < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

function paged<T>(values: readonly T[], page: PageOptions, wanted: (value: T) => boolean): Numbered<T>[] {
  const numbered = values.map((value, index) => ({ sequence: index + 1, value }));
  const found = numbered.filter(({ value, sequence }) => sequence > (page.after ?? 0) && wanted(value));
  return page.after === undefined ? found.slice(-page.limit) : found.slice(0, page.limit);
}
