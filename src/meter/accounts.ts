import { emptyAccount, type Account } from "./account.ts";
import type { CountingRule } from "./dimension.ts";

/** Accounts of one page: one row, written when one of them has changed. */
const PAGE_SIZE = 512;

/** A page as it was saved. */
export interface SavedPage {
  readonly page: number;
  /** The number of the first line that its accounts do not know yet. */
  readonly upTo: number;
  readonly accounts: readonly Account[];
}

interface Entry {
  readonly account: Account;
  readonly page: number;
  /** Lines before this one are in it already when the journal is replayed. */
  readonly upTo: number;
}

/** The accounts of a shard, in pages that are saved one by one. */
export class Accounts {
  /** By agreement, then by dimension. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  readonly #pages: Account[][] = [];
  readonly #changed = new Set<number>();

  constructor(saved: readonly SavedPage[]) {
    for (const { page, upTo, accounts } of saved) {
      while (this.#pages.length <= page) this.#pages.push([]);
      this.#pages[page]?.push(...accounts);
      for (const account of accounts) this.#put({ account, page, upTo });
    }
  }

  get(agreement: string, dimension: string): Account | null {
    return this.#entry(agreement, dimension)?.account ?? null;
  }

  /** The account, opened when there is none. It is about to change, so its page will be saved. */
  change(agreement: string, dimension: string, rule: CountingRule): Account {
    let entry = this.#entry(agreement, dimension);
    if (entry === undefined) {
      const account = emptyAccount(agreement, dimension, rule);
      entry = { account, page: this.#pageFor(account), upTo: 0 };
      this.#put(entry);
    }
    this.#changed.add(entry.page);
    return entry.account;
  }

  /** Whether a line of the journal is in the account as it was saved. */
  knows(agreement: string, dimension: string, line: number): boolean {
    const entry = this.#entry(agreement, dimension);
    return entry !== undefined && line < entry.upTo;
  }

  get agreements(): string[] {
    return [...this.#entries.keys()];
  }

  *values(): Generator<Account> {
    for (const entries of this.#entries.values()) {
      for (const { account } of entries.values()) yield account;
    }
  }

  /** The accounts of an agreement. */
  *of(agreement: string): Generator<Account> {
    for (const { account } of this.#entries.get(agreement)?.values() ?? []) yield account;
  }

  page(page: number): readonly Account[] {
    return this.#pages[page] ?? [];
  }

  /** The pages that have changed since they were last asked for. */
  takeChanged(): number[] {
    const pages = [...this.#changed];
    this.#changed.clear();
    return pages;
  }

  #entry(agreement: string, dimension: string): Entry | undefined {
    return this.#entries.get(agreement)?.get(dimension);
  }

  #put(entry: Entry): void {
    const { agreement, dimension } = entry.account;
    let entries = this.#entries.get(agreement);
    if (entries === undefined) this.#entries.set(agreement, (entries = new Map<string, Entry>()));
    entries.set(dimension, entry);
  }

  #pageFor(account: Account): number {
    const last = this.#pages.at(-1);
    if (last === undefined || last.length >= PAGE_SIZE) return this.#pages.push([account]) - 1;
    last.push(account);
    return this.#pages.length - 1;
  }
}
