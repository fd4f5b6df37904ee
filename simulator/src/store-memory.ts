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

/** Keeps everything in memory: for simulations that run the rules in-process. */
export class MemoryStore implements Store {
  #documents = new Map<DocumentKind, Map<string, unknown>>();
  #records: MeteringRecord[] = [];
  #byBookKey = new Map<string, MeteringRecord>();
  #calls: Call[] = [];

  get<K extends DocumentKind>(kind: K, key: string): DocumentTypes[K] | undefined {
    return this.#documents.get(kind)?.get(key) as DocumentTypes[K] | undefined;
  }

  put<K extends DocumentKind>(kind: K, key: string, value: DocumentTypes[K]): void {
    const documents = this.#documents.get(kind) ?? new Map<string, unknown>();
    this.#documents.set(kind, documents.set(key, value));
  }

  remove(kind: DocumentKind, key: string): void {
    this.#documents.get(kind)?.delete(key);
  }

  list<K extends DocumentKind>(kind: K, { prefix = "", after = "", limit }: ListOptions) {
    const entries = [...(this.#documents.get(kind) ?? [])] as [string, DocumentTypes[K]][];
    return entries
      .filter(([key]) => key.startsWith(prefix) && key > after)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([key, value]) => ({ key, value }));
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
      products: this.#documents.get("product")?.size ?? 0,
      agreements: this.#documents.get("agreement")?.size ?? 0,
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
}

function paged<T>(values: readonly T[], page: PageOptions, wanted: (value: T) => boolean): Numbered<T>[] {
  const numbered = values.map((value, index) => ({ sequence: index + 1, value }));
  const found = numbered.filter(({ value, sequence }) => sequence > (page.after ?? 0) && wanted(value));
  return page.after === undefined ? found.slice(-page.limit) : found.slice(0, page.limit);
}
