import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { resolveNames } from "../../src/customers/resolve-names.ts";
import { openLedger } from "../../src/ledger/database.ts";
import { usage } from "./delivering.ts";
import { json, newProduct, type UsageAnswer } from "./gateway.ts";

const AGREEMENTS = 5000;

describe("a product with many customers", () => {
  it("has names looked up by their indexes, and not by reading all its agreements", async () => {
    const { id } = await newProduct();
    await env.DB.prepare(
      `INSERT INTO agreements (id, product_id, account_id, license_arn, customer_identifier, customer, shard, registered_at)
       WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?2)
       SELECT ?1 || n, ?1, 100000000000 + n, 'arn:' || ?1 || n, 'ci' || n, 'customer' || n, 0, 0 FROM n`,
    )
      .bind(id, AGREEMENTS)
      .run();
    const read: number[] = [];
    const database: Pick<D1Database, "prepare"> = {
      prepare(sql) {
        const statement = env.DB.prepare(sql);
        const bind = statement.bind.bind(statement);
        statement.bind = (...values) => {
          const bound = bind(...values);
          const raw = bound.raw.bind(bound) as () => Promise<unknown[]>;
          bound.all = async <T>() => {
            const result = await bind(...values).all<T>();
            read.push(result.meta.rows_read);
            return result;
          };
          bound.raw = raw as typeof bound.raw;
          return bound;
        };
        return statement;
      },
    };
    const names = Array.from({ length: 100 }, (_, n) => `customer${n + 1}`);
    const found = await resolveNames(openLedger(database as D1Database), id, new Set(names));
    expect(found.size).toBe(100);
    expect(read).toHaveLength(1);
    expect(read[0]).toBeLessThan(AGREEMENTS);
  });
});

describe("a name whose agreement has ended", () => {
  it("is looked up anew: whoever has come back is not refused for what was so a moment ago", async () => {
    const product = await newProduct();
    const agreement = await product.agree();
    const name = agreement.accountId ?? "";
    const set = (until: number | null) =>
      env.DB.prepare("UPDATE agreements SET ended_at = ?1, usage_until = ?1 WHERE id = ?2")
        .bind(until, agreement.id)
        .run();
    await set(1);
    expect(await json<UsageAnswer>(product.post(usage(name, 1)))).toMatchObject({ rejected: 1 });
    // As another isolate of the Worker does it.
    await set(null);
    expect(await json<UsageAnswer>(product.post(usage(name, 1)))).toMatchObject({ accepted: 1 });
  });
});
