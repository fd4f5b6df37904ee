import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { recordsOf, seal, tick, usage } from "./support/delivering.ts";
import { newProduct } from "./support/gateway.ts";
import { aws, newCustomer, newListing } from "./support/marketplace.ts";
import { listenToLogs } from "./support/registering.ts";
import { DAY, iso, MINUTE } from "./support/times.ts";

/** What goes on by alarms. */
const soon = { timeout: 20_000 };

const submitter = () => env.SUBMITTER.getByName("us-east-1");

const alarm = () => runInDurableObject(submitter(), (_submitter, { storage }) => storage.getAlarm());

/** Records of a product that AWS takes no more, and that bill nothing: giving them up is all there is to do. */
async function overdue(count: number): Promise<string> {
  const { id } = await newProduct();
  await env.DB.prepare(
    `INSERT INTO records (id, product_id, agreement_id, dimension, hour, quantity, region, usage_record, sealing, sealed_at,
                          deadline, state, attempts, may_be_held, next_attempt_at)
     WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
     SELECT ?2 || n, ?2, 'agr_' || ?2, 'api', 0, 0, 'us-east-1', '{}', 1, 0, 1, 'pending', 0, 0, 0 FROM n`,
  )
    .bind(count, id)
    .run();
  return id;
}

const openOf = (product: string) =>
  env.DB.prepare("SELECT count(*) AS n FROM records WHERE product_id = ? AND settled_at IS NULL")
    .bind(product)
    .first<number>("n");

/** A record of a listing that waits for AWS. */
async function sealed() {
  const listing = await newListing();
  const { accountId } = await newCustomer(listing);
  await listing.post(usage(accountId, 1));
  await seal(listing.id);
  return listing;
}

let logged: string[] = [];
beforeEach(async () => {
  logged = listenToLogs();
  await runInDurableObject(submitter(), (_submitter, { storage }) => storage.deleteAlarm());
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("a run that has come to the end of its invocation", () => {
  it("is followed by another at once, without a tick, and at last the second clock is set for what is still open", async () => {
    const listing = await newListing({ concurrentAgreements: false });
    const startsAt = iso(Date.now() + DAY);
    const { accountId } = await newCustomer(listing, { startsAt });
    await listing.post(usage(accountId, 4));
    await seal(listing.id);
    const product = await overdue(12_000);
    await tick();
    await expect.poll(() => openOf(product), soon).toBe(0);
    await expect.poll(alarm, soon).toBeGreaterThan(Date.now() + 4 * MINUTE);
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "waiting", attempts: 1 }]);
    await env.DB.prepare("UPDATE records SET settled_at = 1 WHERE product_id = ?").bind(listing.id).run();
  });

  it("is followed so though more records are told of meanwhile", async () => {
    const atOnce = Date.now() + 2000;
    await runInDurableObject(submitter(), (_submitter, { storage }) => storage.setAlarm(atOnce));
    await submitter().expectTick();
    expect(await alarm()).toBe(atOnce);
  });
});

describe("a tick that comes while a run is at work", () => {
  it("waits for its end, and what came with the tick is sent at once after it", async () => {
    const first = await sealed();
    await aws.faults({ kind: "latency", milliseconds: 1500, operation: "BatchMeterUsage" });
    const running = tick();
    const sent = async () => (await recordsOf(first.id)).map(({ state }) => state);
    await expect.poll(sent, soon).toEqual(["sent"]);
    const second = await sealed();
    await Promise.all([running, tick(), tick()]);
    expect(await sent()).toEqual(["delivered"]);
    await expect.poll(async () => (await recordsOf(second.id))[0]?.state, soon).toBe("delivered");
  });
});

describe("a ledger that fails", () => {
  it("fails the tick, and is asked again by the next one or after minutes, not at once", async () => {
    const listing = await sealed();
    await env.DB.exec("ALTER TABLE deliveries RENAME TO away");
    await expect(tick()).rejects.toThrow("deliveries");
    expect(await alarm()).toBeGreaterThan(Date.now() + 4 * MINUTE);
    await expect(runDurableObjectAlarm(submitter())).resolves.toBe(true);
    expect(logged).toContainEqual(expect.stringContaining("delivery failed; it is tried again"));
    expect(await alarm()).toBeGreaterThan(Date.now() + 4 * MINUTE);
    await env.DB.exec("ALTER TABLE away RENAME TO deliveries");
    await expect(runDurableObjectAlarm(submitter())).resolves.toBe(true);
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered" }]);
    // Nothing is open: there is nothing to ring for.
    expect(await alarm()).toBeNull();
  });
});
