import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";

const folder = join(import.meta.dirname, "../../../migrations");
const files = readdirSync(folder).filter((name) => name.endsWith(".sql"));

/** A ledger as it was before the migration of a name, and what brings it to today. */
function ledgerBefore(name: string): { database: DatabaseSync; migrate: () => void } {
  const database = new DatabaseSync(":memory:");
  const apply = (names: readonly string[]) => {
    for (const file of names.toSorted()) database.exec(readFileSync(join(folder, file), "utf8"));
  };
  apply(files.filter((file) => file < name));
  return { database, migrate: () => apply(files.filter((file) => file >= name)) };
}

describe("a ledger of before agreements had a life", () => {
  it("keeps its agreements active, and the end of one that a person has told", () => {
    const { database, migrate } = ledgerBefore("0006");
    database.exec(`
      INSERT INTO products (id, name, product_code, region, concurrent_agreements, sign_up_url, settle_seconds,
                            late_settle_seconds, shards, created_at)
      VALUES ('p', 'P', 'code', 'us-east-1', 1, 'https://seller.example', 0, 0, 1, 1);
      INSERT INTO agreements (id, product_id, account_id, license_arn, shard, registered_at, usage_until)
      VALUES ('going', 'p', '111111111111', 'arn:aws:license-manager::222222222222:license:l-1', 0, 1000, NULL),
             ('gone', 'p', '222222222222', 'arn:aws:license-manager::222222222222:license:l-2', 0, 1000, 3700000),
             ('legacy', 'p', '333333333333', NULL, 0, 1000, NULL);`);
    migrate();
    const rows = database
      .prepare("SELECT id, license_id, activated_at, ended_at, usage_until FROM agreements ORDER BY id")
      .all();
    const active = { activated_at: 1000, ended_at: null, usage_until: null };
    expect(rows.map((row) => ({ ...row }))).toEqual([
      { ...active, id: "going", license_id: "l-1" },
      { ...active, id: "gone", license_id: "l-2", ended_at: 100_000, usage_until: 3_700_000 },
      { ...active, id: "legacy", license_id: null },
    ]);
    const notices = database.prepare("SELECT agreement_id, kind FROM notices ORDER BY id").all();
    expect(notices.map((row) => `${String(row["agreement_id"])} ${String(row["kind"])}`)).toEqual([
      "going seen_active",
      "gone seen_active",
      "legacy seen_active",
      "gone agreement_ended",
    ]);
    database.close();
  });
});

describe("a ledger of before contracts had terms", () => {
  it("keeps the term of each allowance, and tells all of them anew", () => {
    const { database, migrate } = ledgerBefore("0010");
    database.exec(`
      INSERT INTO allowances (agreement_id, dimension, quantity, per, since, until, awaited, told_at)
      VALUES ('agr', 'bought', '3000000000', 'term', 1000, 2000, 0, 5),
             ('agr', 'back', '3000000000', 'month', 1000, NULL, 1, 5),
             ('agr', 'new', '0', 'term', 1000, NULL, 1, 5),
             ('agr', 'nothing', '0', 'term', 1000, NULL, 0, 5);`);
    migrate();
    const rows = database.prepare("SELECT * FROM allowances ORDER BY dimension").all();
    const row = { agreement_id: "agr", accounted_until: 1000, version: 0, told_at: null };
    const term = { since: 1000, until: null, quantity: "3000000000", per: "month", began: 1000 };
    const json = (value: unknown) => JSON.parse(String(value)) as object;
    const awaited = { kind: "awaited", since: 0, emptySince: null, began: null };
    expect(rows.map(({ terms, gap, ...row }) => ({ ...row, terms: json(terms), gap: json(gap) }))).toEqual([
      { ...row, dimension: "back", terms: [term], gap: awaited },
      { ...row, dimension: "bought", terms: [{ ...term, until: 2000, per: "term" }], gap: { kind: "none" } },
      { ...row, dimension: "new", terms: [], gap: awaited },
      { ...row, dimension: "nothing", terms: [], gap: { kind: "assumed_nothing", since: 1000, began: 1000 } },
    ]);
  });
});
