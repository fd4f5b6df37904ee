import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { shardName } from "../../src/meter/shard-name.ts";
import { recordsOf, seal, tick, usage } from "./support/delivering.ts";
import { admin, json, type TestProduct, type UsageAnswer } from "./support/gateway.ts";
import { aws, newArrival, newCustomer, newListing, notify } from "./support/marketplace.ts";
import { HOUR, iso, startOfHour } from "./support/times.ts";

const lastHour = () => startOfHour(1);

/** A listing with one dimension and one customer who has been there for days. */
async function beating(zeroHeartbeat = true) {
  const listing = await newListing({ dimensions: ["api"] });
  await admin("PATCH", `/v1/products/${listing.id}`, { zeroHeartbeat });
  const { accountId } = await newCustomer(listing);
  await env.DB.prepare("UPDATE agreements SET activated_at = 0 WHERE product_id = ?").bind(listing.id).run();
  return { listing, accountId };
}

const wake = (listing: TestProduct) => env.METER_SHARD.getByName(shardName(listing.id, 0)).wake();

describe("the zero heartbeat", () => {
  it("tells AWS once of an hour without usage that is over and settled", async () => {
    const { listing } = await beating();
    await wake(listing);
    await wake(listing);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([
      { state: "delivered", quantity: 0, hour: iso(lastHour()) },
    ]);
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 0 }]);
    const { results } = await env.DB.prepare(
      "SELECT * FROM balances WHERE agreement_id IN (SELECT id FROM agreements WHERE product_id = ?)",
    )
      .bind(listing.id)
      .all();
    expect(results).toEqual([]);
  });

  it("is silent for an hour with usage, whose record says more", async () => {
    const { listing, accountId } = await beating();
    await listing.post(usage(accountId, 2));
    await seal(listing.id);
    await wake(listing);
    expect(await recordsOf(listing.id)).toMatchObject([{ quantity: 2 }]);
  });

  it("leaves usage that comes later to the open hour, since AWS keeps the zero", async () => {
    const { listing, accountId } = await beating();
    await wake(listing);
    const answer = await json<UsageAnswer>(
      listing.post({ ...usage(accountId, 3), timestamp: iso(lastHour() + 1000) }),
    );
    expect(answer.results).toMatchObject([{ status: "accepted", billedHour: iso(lastHour() + HOUR) }]);
    const { totals } = await json<{ totals: object }>(admin("GET", `/v1/conservation?product=${listing.id}`));
    expect(totals).toMatchObject({ accepted: "3", open: "3", conserved: true });
  });

  it("is off unless a product asks for it, and not for a customer who came within the hour or has left", async () => {
    const off = await beating(false);
    const fresh = await newListing({ dimensions: ["api"] });
    await admin("PATCH", `/v1/products/${fresh.id}`, { zeroHeartbeat: true });
    await notify((await newArrival(fresh)).agreementId, "license-updated");
    const gone = await beating();
    await env.DB.prepare("UPDATE agreements SET usage_until = 1 WHERE product_id = ?")
      .bind(gone.listing.id)
      .run();
    for (const listing of [off.listing, fresh, gone.listing]) {
      await wake(listing);
      expect(await recordsOf(listing.id)).toEqual([]);
    }
  });

  it("makes up for hours that nobody woke it in", async () => {
    const { listing } = await beating();
    await wake(listing);
    await env.DB.prepare("DELETE FROM records WHERE product_id = ?").bind(listing.id).run();
    const stub = env.METER_SHARD.getByName(shardName(listing.id, 0));
    await runInDurableObject(stub, (_shard, { storage }) => {
      storage.sql.exec("UPDATE meta SET value = ? WHERE key = 'beat'", String(lastHour() - 3 * HOUR));
    });
    await wake(listing);
    const hours = (await recordsOf(listing.id)).map(({ hour }) => Date.parse(hour));
    expect(hours).toEqual([lastHour() - 2 * HOUR, lastHour() - HOUR]);
  });
});
