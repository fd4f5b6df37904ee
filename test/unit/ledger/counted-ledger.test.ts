import { eq, sql } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { countQueries } from "../../../src/ledger/counted-ledger.ts";
import { inOneTransaction } from "../../../src/ledger/database.ts";
import { products, submitters } from "../../../src/ledger/schema.ts";
import { NO_HAZARDS, Process } from "../../simulation/process.ts";
import { Random } from "../../simulation/random.ts";
import { SqliteD1 } from "../../simulation/sqlite-d1.ts";
import { migrate } from "../../simulation/migrate.ts";

function newLedger() {
  const database = new SqliteD1();
  migrate(database);
  return countQueries(database.as(new Process(new Random(0), NO_HAZARDS, () => undefined)));
}

type Counted = ReturnType<typeof newLedger>;

const region = { region: "r", lastTickAt: 1 };

describe("what an invocation asks of the ledger", () => {
  it.each<[string, number, (counted: Counted) => Promise<unknown>, unknown]>([
    ["a query that is built", 1, ({ ledger }) => ledger.select().from(submitters), []],
    ["one with values", 1, ({ ledger }) => ledger.select().from(products).where(eq(products.id, "p")), []],
    ["one that is written by hand", 1, ({ ledger }) => ledger.all(sql`SELECT ${2} AS two`), [{ two: 2 }]],
    ["a statement without rows", 1, ({ ledger }) => ledger.run(sql`DELETE FROM submitters`), undefined],
    [
      "a batch, each of its statements",
      3,
      ({ ledger }) =>
        ledger.batch([
          ledger.insert(submitters).values(region),
          ledger.select().from(submitters),
          ledger.select({ one: sql`1` }).from(submitters),
        ]),
      [expect.anything(), [region], [{ one: 1 }]],
    ],
    [
      "a transaction, each of its statements",
      2,
      ({ ledger }) => inOneTransaction(ledger, [sql`SELECT ${1} AS a`, sql`SELECT 2 AS b`]),
      [[{ a: 1 }], [{ b: 2 }]],
    ],
  ])("is counted: %s", async (_what, count, ask, answer) => {
    const counted = newLedger();
    const before = counted.queriesLeft();
    const answered = await ask(counted);
    expect(before - counted.queriesLeft()).toBe(count);
    if (answer !== undefined) expect(answered).toEqual(answer);
  });

  it("is a thousand queries when nothing is said of it, and each invocation has its own", async () => {
    const [one, other] = [newLedger(), newLedger()];
    await one.ledger.select().from(submitters);
    expect([one.queriesLeft(), other.queriesLeft()]).toEqual([999, 1000]);
  });
});
