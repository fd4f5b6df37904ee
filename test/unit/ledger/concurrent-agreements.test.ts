import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  concurrentAgreementsAt,
  hasConcurrentAgreements,
} from "../../../src/ledger/concurrent-agreements.ts";
import { HOUR } from "../../../src/meter/hours.ts";
import { WatchedLedger } from "./watched-ledger.ts";

const FROM = Date.UTC(2027, 0, 20, 12);

const products = {
  always: { concurrentAgreements: true, concurrentAgreementsFrom: null },
  never: { concurrentAgreements: false, concurrentAgreementsFrom: null },
  moves: { concurrentAgreements: false, concurrentAgreementsFrom: FROM },
} as const;

const { database, ledger } = new WatchedLedger();

beforeAll(() => {
  for (const [id, { concurrentAgreements, concurrentAgreementsFrom }] of Object.entries(products))
    database.query(
      `INSERT INTO products (id, name, product_code, region, concurrent_agreements, concurrent_agreements_from,
                             sign_up_url, settle_seconds, late_settle_seconds, shards, created_at)
       VALUES (?1, ?1, ?1, 'us-east-1', ?2, ?3, '', 0, 0, 1, 1)`,
      id,
      concurrentAgreements ? 1 : 0,
      concurrentAgreementsFrom,
    );
});
afterAll(() => {
  database.close();
});

describe("whether a product has concurrent agreements", () => {
  it.each([
    ["always", FROM, true],
    ["never", FROM, false],
    ["moves", FROM - HOUR, false],
    ["moves", FROM - 1, false],
    ["moves", FROM, true],
    ["moves", FROM + 1, true],
    ["moves", FROM + HOUR, true],
  ] as const)("is the same in the gateway and in its ledger: %s, %i", async (id, time, expected) => {
    const at = concurrentAgreementsAt(sql`${time}`);
    const rows = await ledger.all(
      sql`SELECT ${at} AS has, NOT ${at} AS hasNot FROM products WHERE id = ${id}`,
    );
    expect(hasConcurrentAgreements(products[id], time)).toBe(expected);
    expect(rows.map((row) => ({ ...(row as object) }))).toEqual([
      { has: expected ? 1 : 0, hasNot: expected ? 0 : 1 },
    ]);
  });
});
