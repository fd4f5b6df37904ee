import { describe, expect, it } from "vitest";
import { emptyAccount, type Account } from "../../../src/meter/account.ts";
import { balanceOf } from "../../../src/meter/balances.ts";
import { decide, type RolledRecord } from "../../../src/meter/decisions.ts";
import { emptyBucket, quantityOf, type HourBucket } from "../../../src/meter/hour-bucket.ts";
import { HOUR } from "../../../src/meter/hours.ts";
import { heldUsageOf } from "../../../src/meter/held.ts";
import { UNIT } from "../../../src/meter/quantity.ts";

const now = 500 * 24 * HOUR + 5;
const thisHour = 500 * 24 * HOUR;
const old = thisHour - 30 * HOUR;
const rule = { aggregation: "sum", divisor: 2, uniqueTag: null } as const;

/** An account that has sealed 20 and holds 3 of an old hour. */
function account(): Account {
  const books = emptyAccount("agr", "api", rule);
  books.accepted = 23n * UNIT;
  books.sealed = 20n * UNIT;
  const held = emptyBucket(old, old + 7);
  held.amounts.set("", 3n * UNIT);
  books.held.set(old, held);
  return books;
}

const record = (overrides: Partial<RolledRecord> = {}) =>
  ({
    kind: "roll_over",
    id: "agr:old:api",
    agreement: "agr",
    dimension: "api",
    rule,
    hour: old,
    quantity: 10,
    allocations: [],
    late: [],
    ...overrides,
  }) as const;

const openOf = (books: Account): HourBucket => {
  const bucket = books.open.get(thisHour);
  if (bucket === undefined) throw new Error("the current hour is not open");
  return bucket;
};

const isWhole = (books: Account): boolean => {
  const { accepted, sealed, carry, open, held, writtenOff, withheld } = balanceOf(books);
  return accepted === sealed + carry + open + held + writtenOff + withheld;
};

describe("a record that rolls over", () => {
  it("leaves what was sealed, and joins the current hour by the posted units that it was", () => {
    const books = account();
    expect(decide(books, record(), now)).toBe(thisHour);
    expect(books).toMatchObject({ sealed: 0n, rolled: 20n * UNIT, accepted: 23n * UNIT });
    expect(quantityOf(openOf(books))).toBe(20n * UNIT);
    expect(openOf(books)).toMatchObject({ latest: now, newestArrival: now });
    expect([...openOf(books).late]).toEqual([[old, 20n * UNIT]]);
    expect(isWhole(books)).toBe(true);
  });

  it("keeps its tags, and what it billed of other hours", () => {
    const books = account();
    const allocations = [
      { quantity: 6, tags: [["team", "red"]] as const },
      { quantity: 3, tags: [] },
    ];
    const late = [{ hour: old - HOUR, quantity: "4.5" }];
    decide(books, record({ allocations, late }), now);
    expect([...openOf(books).amounts]).toEqual([
      ['[["team","red"]]', 12n * UNIT],
      ["", 8n * UNIT],
    ]);
    expect(openOf(books).late).toEqual(
      new Map([
        [old - HOUR, (9n * UNIT) / 2n],
        [old, (31n * UNIT) / 2n],
      ]),
    );
  });

  it("rolls once, and says the same hour again later", () => {
    const books = account();
    decide(books, record(), now);
    expect(decide(books, record(), now + 5 * HOUR)).toBe(thisHour);
    expect(books.rolled).toBe(20n * UNIT);
    expect(books.open.size).toBe(1);
  });

  it("goes to the next hour when the current one is frozen", () => {
    const books = account();
    books.frozen.add(thisHour);
    expect(decide(books, record(), now)).toBe(thisHour + HOUR);
  });

  it("is remembered for a hundred days", () => {
    const books = account();
    decide(books, record(), now);
    decide(books, record({ id: "later", quantity: 0 }), thisHour + 100 * 24 * HOUR);
    expect([...books.decided.keys()]).toEqual(["agr:old:api", "later"]);
    decide(books, record({ id: "last", quantity: 0 }), thisHour + 100 * 24 * HOUR + 1);
    expect([...books.decided.keys()]).toEqual(["later", "last"]);
  });
});

describe("an allowance", () => {
  const about = { kind: "allow", id: "d1", agreement: "agr", dimension: "api", rule } as const;
  const term = { per: "month", since: old, until: null, began: old } as const;
  const allow = (quantity: string) => ({ ...about, terms: [{ ...term, quantity }] });

  it("is the last that was decided, and not one of the decisions that are kept", () => {
    const books = account();
    expect(decide(books, allow("5000000000"), now)).toBeNull();
    expect(books.terms).toEqual([{ ...term, quantity: 5n * UNIT }]);
    expect(decide(books, allow("90071992547409930000"), now)).toBeNull();
    expect(books.terms).toEqual([{ ...term, quantity: 90071992547409930000n }]);
    expect(books.decided.size).toBe(0);
    expect(isWhole(books)).toBe(true);
  });
});

describe("held usage", () => {
  const decision = (kind: "release" | "write_off", id = "d1") =>
    ({ kind, id, agreement: "agr", dimension: "api", hour: old }) as const;

  it("is listed with its hour, its amount and since when", () => {
    expect(heldUsageOf(account())).toEqual([
      { agreement: "agr", dimension: "api", hour: old, since: old + 7, quantity: 3n * UNIT },
    ]);
  });

  it("is released into the current hour, with a trail", () => {
    const books = account();
    expect(decide(books, decision("release"), now)).toBe(thisHour);
    expect(books.held.size).toBe(0);
    expect(quantityOf(openOf(books))).toBe(3n * UNIT);
    expect([...openOf(books).late]).toEqual([[old, 3n * UNIT]]);
    expect(isWhole(books)).toBe(true);
  });

  it("is written off, and adds to what was written off of its hour before", () => {
    const books = account();
    books.writtenOff.set(old, UNIT);
    books.accepted += UNIT;
    expect(decide(books, decision("write_off"), now)).toBeNull();
    expect(books.held.size).toBe(0);
    expect([...books.writtenOff]).toEqual([[old, 4n * UNIT]]);
    expect(books.open.size).toBe(0);
    expect(isWhole(books)).toBe(true);
  });

  it("that came after a decision is not touched when that is repeated", () => {
    const books = account();
    decide(books, decision("release"), now);
    const again = emptyBucket(old, now);
    again.amounts.set("", 9n * UNIT);
    books.held.set(old, again);
    expect(decide(books, decision("release"), now)).toBe(thisHour);
    expect(books.held.size).toBe(1);
    expect(decide(books, decision("write_off", "d2"), now)).toBeNull();
    expect(books.held.size).toBe(0);
  });

  it("that is not there is decided about without effect", () => {
    const books = account();
    books.held.clear();
    expect(decide(books, decision("release"), now)).toBeNull();
    expect(books.open.size).toBe(0);
  });
});
