import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { shardName } from "../../src/meter/shard-name.ts";
import { countRows } from "./support/counted-rows.ts";
import { recordsOf, seal, tick } from "./support/delivering.ts";
import { newCustomer, newListing } from "./support/marketplace.ts";
import { HOUR, SECOND, startOfHour } from "./support/times.ts";

/** In seconds: the middle of the last hour. */
const anHourAgo = (startOfHour(1) + HOUR / 2) / SECOND;

describe("the rows that Cloudflare bills", () => {
  it("are a few for a request of any size, and six for each of its records until it is delivered", async () => {
    // Given 25 customers, so many that their records fill one call, and a shard that has been used before
    const listing = await newListing();
    const customers: string[] = [];
    for (let n = 0; n < 25; n++) customers.push((await newCustomer(listing)).accountId);
    const event = (customer: string, dimension: string) => {
      const id = crypto.randomUUID();
      return { id, customer, dimension, quantity: dimension === "gb" ? 0.5 : 2, timestamp: anHourAgo };
    };
    await listing.post(event(customers[0] ?? "", "gb"));
    await seal(listing.id);
    const shard = env.METER_SHARD.getByName(shardName(listing.id, 0));
    const rows = await runInDurableObject(shard, (_shard, { storage }) => countRows(storage, env.DB));

    // When a thousand events are counted
    await listing.post(Array.from({ length: 1000 }, (_, n) => event(customers[n % 25] ?? "", "api")));
    // Then they are one row of the journal
    expect(rows).toMatchObject({ shard: 1, ledger: 0 });

    // When they are sealed, handed over and delivered
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toHaveLength(25);
    // Then the shard has written the sealing, the outbox with its number, and that it is handed over
    expect(rows.shard).toBe(1 + 4);
    expect(rows.alarms).toBeLessThanOrEqual(2);
    // And the ledger each record (with an index), that it was sent, that it is settled, and twice the account's counters;
    // the call's begin and end; and the number of the hand-over, the tick, and how the product's delivery goes
    expect(rows.ledger).toBe(25 * 6 + 2 + 3);
  });

  it("are two for a table that is made and none for one that is dropped, whatever it holds", async () => {
    const written = await runInDurableObject(env.METER_SHARD.getByName("tables"), (_shard, { storage }) => {
      const { sql } = storage;
      const { rowsWritten: made } = sql.exec("CREATE TABLE segment (line INTEGER PRIMARY KEY, entries TEXT)");
      for (let line = 0; line < 5; line++) sql.exec("INSERT INTO segment (entries) VALUES ('[]')");
      const { rowsWritten: dropped } = sql.exec("DROP TABLE segment");
      return { made, dropped };
    });
    expect(written).toEqual({ made: 2, dropped: 0 });
  });
});
