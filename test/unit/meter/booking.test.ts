import { describe, expect, it } from "vitest";
import { emptyAccount } from "../../../src/meter/account.ts";
import type { Term } from "../../../src/meter/allowance.ts";
import { Accounts } from "../../../src/meter/accounts.ts";
import { bookDecision, bookIdle, bookSealing, isIdle, replayInto } from "../../../src/meter/booking.ts";
import { emptyBucket } from "../../../src/meter/hour-bucket.ts";
import { HOUR } from "../../../src/meter/hours.ts";
import type { IdleAccount, Sealing } from "../../../src/meter/journal.ts";
import { UNIT } from "../../../src/meter/quantity.ts";

const rule = { aggregation: "sum", divisor: 3, uniqueTag: null } as const;
const hour = Date.UTC(2027, 4, 14, 8);
const at = hour + 2 * HOUR;
const idle: IdleAccount[] = [
  ["agr", "api", rule],
  ["agr", "gb", rule],
];
const beat: Sealing = { at, hours: [], idle: { hour, accounts: idle } };

describe("an hour without usage", () => {
  it("is one without a record and without anything counted", () => {
    const account = emptyAccount("agr", "api", rule);
    expect(isIdle(null, hour)).toBe(true);
    expect(isIdle(account, hour)).toBe(true);
    account.open.set(hour, emptyBucket(hour, hour));
    expect(isIdle(account, hour)).toBe(false);
    account.open.clear();
    account.frozen.add(hour);
    expect(isIdle(account, hour)).toBe(false);
    expect(isIdle(account, hour + HOUR)).toBe(true);
  });

  it("is sealed with a record of zero, and frozen", () => {
    const accounts = new Accounts([]);
    expect(bookIdle(accounts, beat)).toEqual(
      ["api", "gb"].map((dimension) => ({
        agreement: "agr",
        dimension,
        hour,
        timestamp: hour,
        quantity: 0,
        divisor: 3,
        allocations: null,
        late: [],
        deadline: hour + 24 * HOUR,
      })),
    );
    expect([...(accounts.get("agr", "gb")?.frozen ?? [])]).toEqual([hour]);
    expect(bookIdle(accounts, { at, hours: [] })).toEqual([]);
  });

  it("is sealed again from the journal, for the accounts that do not know it", () => {
    const known = emptyAccount("agr", "api", rule);
    const accounts = new Accounts([{ page: 0, upTo: 5, accounts: [known] }]);
    replayInto(accounts, { first: 4, sealing: beat });
    expect(known.frozen.size).toBe(0);
    expect(accounts.get("agr", "gb")?.frozen.has(hour)).toBe(true);
    replayInto(accounts, { first: 5, sealing: beat });
    expect(known.frozen.has(hour)).toBe(true);
  });
});

describe("a frozen hour", () => {
  it("is remembered for 25 hours, while usage for it may come", () => {
    const accounts = new Accounts([]);
    const account = accounts.change("agr", "api", rule);
    account.frozen.add(at - 25 * HOUR).add(at - 25 * HOUR - 1);
    bookSealing(accounts, account, hour, at);
    expect([...account.frozen]).toEqual([at - 25 * HOUR]);
    account.frozen.add(at - 26 * HOUR);
    bookIdle(accounts, beat);
    expect([...account.frozen]).toEqual([at - 25 * HOUR, hour]);
  });
});

describe("what was withheld in a period", () => {
  const DAY = 24 * HOUR;
  const term = (began: number): Term => ({ quantity: UNIT, per: "term", since: began, until: null, began });
  const withPeriods = (periods: readonly string[], terms: readonly Term[] = []) => {
    const accounts = new Accounts([]);
    const account = accounts.change("agr", "api", rule);
    account.terms = terms;
    for (const period of periods) account.periods.set(period, { used: UNIT, withheld: UNIT });
    return { accounts, account };
  };
  const after = ({ accounts, account }: ReturnType<typeof withPeriods>) => {
    bookSealing(accounts, account, hour, at);
    return [...account.periods.keys()];
  };

  it("is remembered while hours are sealed into it: 25 hours of an hour, 62 days of a month", () => {
    const hours = [at - 25 * HOUR - 1, at - 25 * HOUR, at].map((start) => `hour ${start}`);
    expect(after(withPeriods(hours))).toEqual(hours.slice(1));
    const months = [at - 62 * DAY - 1, at - 62 * DAY, at].map((start) => `month ${start}`);
    expect(after(withPeriods(months))).toEqual(months.slice(1));
  });

  it("is remembered of the terms that are known, however long they are, and of two others", () => {
    const [current, earlier] = [at - 300 * DAY, at - 665 * DAY] as const;
    const [former, oldest] = [at - 1030 * DAY, at - 1395 * DAY] as const;
    const periods = [oldest, former, earlier, current].map((start) => `term ${start}`);
    expect(after(withPeriods(periods, [term(oldest), term(current)]))).toEqual(periods);
    expect(after(withPeriods(periods, [term(current)]))).toEqual(periods.slice(1));
    expect(after(withPeriods(periods))).toEqual(periods.slice(2));
    expect(after(withPeriods([]))).toEqual([]);
  });

  it("is remembered while usage of it is held or has come back", () => {
    const old = Date.parse("2026-07-01T00:00:00Z");
    const [held, back] = [old - DAY, old + DAY];
    const periods = [`hour ${held}`, `hour ${back}`, `hour ${old}`, `month ${old}`, `unknown ${back}`];
    const books = withPeriods(periods);
    books.account.held.set(held, emptyBucket(held, held));
    const bucket = emptyBucket(at, at);
    bucket.late.set(back, UNIT);
    books.account.open.set(hour + HOUR, bucket);
    expect(after(books)).toEqual(periods.filter((period) => period !== `hour ${old}`));
  });
});

describe("a decision", () => {
  const rolled = {
    kind: "roll_over",
    id: "r",
    agreement: "agr",
    dimension: "api",
    rule,
    hour,
    quantity: 2,
    allocations: [],
    late: [],
  } as const;
  const release = { kind: "release", id: "d", agreement: "agr", dimension: "api", hour } as const;

  it("about a record makes the account that it needs, and about held usage finds the one that there is", () => {
    const accounts = new Accounts([]);
    expect(bookDecision(accounts, release, at)).toBeNull();
    expect(accounts.get("agr", "api")).toBeNull();
    expect(bookDecision(accounts, rolled, at)).toBe(at);
    const account = accounts.get("agr", "api");
    expect(account).toMatchObject({ rule, rolled: 6n * UNIT });
    account?.held.set(hour, emptyBucket(hour, hour));
    expect(bookDecision(accounts, release, at)).toBe(at);
    expect(account?.held.size).toBe(0);
  });

  it("about an allowance makes the account, so that it is there before usage", () => {
    const accounts = new Accounts([]);
    const term = { quantity: "7", per: "term", since: hour, until: null, began: hour } as const;
    const of = { agreement: "agr", dimension: "api", rule };
    const decision = { kind: "allow", id: "a", ...of, terms: [term] } as const;
    expect(bookDecision(accounts, decision, at)).toBeNull();
    expect(accounts.get("agr", "api")).toMatchObject({ rule, terms: [{ ...term, quantity: 7n }] });
  });

  it("is done again from the journal, for the accounts that do not know it", () => {
    const known = emptyAccount("agr", "api", rule);
    const accounts = new Accounts([{ page: 0, upTo: 5, accounts: [known] }]);
    replayInto(accounts, { first: 4, at, decisions: [rolled] });
    expect(known.rolled).toBe(0n);
    replayInto(accounts, { first: 5, at, decisions: [rolled] });
    expect(known.rolled).toBe(6n * UNIT);
  });
});

describe("a sealing in the journal", () => {
  it("is done again only for hours of accounts that are there and do not know it", () => {
    const known = emptyAccount("agr", "api", rule);
    const bucket = emptyBucket(hour, hour);
    bucket.amounts.set("", 3n * UNIT);
    known.open.set(hour, bucket);
    const accounts = new Accounts([{ page: 0, upTo: 5, accounts: [known] }]);
    const sealing: Sealing = {
      at,
      hours: [
        ["agr", "nobody", hour],
        ["agr", "api", hour],
      ],
    };
    replayInto(accounts, { first: 4, sealing });
    expect(known.sealed).toBe(0n);
    replayInto(accounts, { first: 5, sealing });
    expect(known.sealed).toBe(3n * UNIT);
  });
});
