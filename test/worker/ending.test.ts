import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { keepCustomers } from "../simulation/keep-customers.ts";
import { surroundingsOf } from "../../src/customers/surroundings.ts";
import { withTrigger } from "./support/breaking.ts";
import { recordsOf, seal, tick, usage } from "./support/delivering.ts";
import { admin, json, type TestProduct } from "./support/gateway.ts";
import { aws, newCustomer, newListing, notify } from "./support/marketplace.ts";
import { agreementOf, cameAgo, toldOf } from "./support/registering.ts";
import { withShards } from "./support/shards.ts";
import { ago, DAY, HOUR, iso, MINUTE } from "./support/times.ts";

/** An agreement of a listing whose final hour was over at a time. */
async function endedBefore(listing: TestProduct, usageUntil: number): Promise<void> {
  const { id } = await listing.agree();
  await env.DB.prepare("UPDATE agreements SET ended_at = 0, usage_until = ? WHERE id = ?")
    .bind(usageUntil, id)
    .run();
}

/** Posts usage of before an agreement's end when its hour has been sealed already. */
const postLate = (listing: TestProduct, accountId: string) =>
  listing.post({ ...usage(accountId, 5), timestamp: ago(MINUTE) });

describe("an agreement that ends", () => {
  it("has its current hour sealed at once, and delivered within AWS's final hour", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post({ ...usage(accountId, 5), timestamp: new Date().toISOString() });
    await seal(listing.id);
    expect(await recordsOf(listing.id)).toEqual([]);

    const at = ago(MINUTE);
    const { id } = await agreementOf(listing.id);
    const ended = await json<{ usageUntil: string }>(admin("POST", `/v1/agreements/${id}/end`, { at }));
    expect(Date.parse(ended.usageUntil) - Date.parse(at)).toBe(HOUR);
    expect(await recordsOf(listing.id)).toMatchObject([
      { state: "pending", quantity: 5, deadline: ended.usageUntil },
    ]);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 5 }]);
  });

  it("goes before all others, and keeps the earliest end that is known", async () => {
    const [ending, going] = [await newListing(), await newListing()];
    for (const listing of [going, ending]) {
      const { accountId } = await newCustomer(listing);
      await listing.post(usage(accountId, 1));
      await seal(listing.id);
    }
    // The other's deadline is nearer, and the ending one's is the later of the two.
    await env.DB.prepare("UPDATE records SET deadline = ? WHERE product_id = ?")
      .bind(Date.now() + 30 * MINUTE, going.id)
      .run();
    const { id } = await agreementOf(ending.id);
    const at = ago(MINUTE);
    const ended = await json<{ usageUntil: string }>(admin("POST", `/v1/agreements/${id}/end`, { at }));
    expect(await json(admin("POST", `/v1/agreements/${id}/end`, {}))).toEqual(ended);
    const asked = await aws.callsDuring(tick);
    const { results } = await env.DB.prepare(
      "SELECT product_id FROM attempts WHERE product_id IN (?, ?) ORDER BY started_at, id",
    )
      .bind(ending.id, going.id)
      .all<{ product_id: string }>();
    expect(asked).toHaveLength(2);
    expect(results.map(({ product_id }) => product_id)).toEqual([ending.id, going.id]);
  });

  it("has what could not be delivered parked when the final hour is over, and not rolled over", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 5));
    const at = ago(2 * HOUR);
    const { id } = await agreementOf(listing.id);
    await admin("POST", `/v1/agreements/${id}/end`, { at });
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "parked", reason: "expired", attempts: 0 }]);
  });

  it("is one that is there", async () => {
    expect((await admin("POST", "/v1/agreements/agr_none/end", {})).status).toBe(404);
    expect((await admin("POST", "/v1/agreements/agr_none/end", { at: "yesterday" })).status).toBe(400);
    const slip = await admin("POST", "/v1/agreements/agr_none/end", { at: "1990-01-01T00:00:00Z" });
    expect(slip.status).toBe(400);
    expect(await slip.text()).toContain("must not be more than two months ago");
  });

  it.each(["license-deprovisioned", "agreement-ended"])(
    "by the notice %s has its open hour sealed at once",
    async (kind) => {
      const listing = await newListing();
      const bought = await newCustomer(listing);
      await listing.post({ ...usage(bought.accountId, 5), timestamp: new Date().toISOString() });
      await notify(bought.agreementId, kind);
      expect(await recordsOf(listing.id)).toMatchObject([{ state: "pending", quantity: 5 }]);
      await tick();
      expect(await aws.records(listing.id)).toMatchObject([{ quantity: 5 }]);
    },
  );

  it("is caught up with by the next tick when the gateway died before it had done what the notice says", async () => {
    const listing = await newListing();
    const bought = await newCustomer(listing);
    await listing.post({ ...usage(bought.accountId, 5), timestamp: new Date().toISOString() });
    const heard = await withTrigger(
      "BEFORE UPDATE OF usage_until ON agreements BEGIN SELECT RAISE(ABORT, 'died'); END",
      () => notify(bought.agreementId, "license-deprovisioned"),
    );
    // It is kept, so that AWS need not send it again.
    expect(heard.status).toBe(200);
    expect((await agreementOf(listing.id)).usageUntil).toBeNull();
    await tick();
    expect((await agreementOf(listing.id)).usageUntil).not.toBeNull();
    expect(await recordsOf(listing.id)).toMatchObject([{ quantity: 5 }]);
  });

  it("is closed when its final hour is over: what it has left unbilled is counted and told", async () => {
    const listing = await newListing({ dimensions: ["api", { name: "gb", divisor: 10 }] });
    const bought = await newCustomer(listing);
    await listing.post([
      { ...usage(bought.accountId, 5), timestamp: new Date().toISOString() },
      { ...usage(bought.accountId, 7), dimension: "gb" },
    ]);
    await aws.faults({ kind: "internal-error", operation: "BatchMeterUsage", times: null });
    await notify(bought.agreementId, "license-deprovisioned");
    await tick();
    const { id } = await agreementOf(listing.id);
    await env.DB.batch([
      env.DB.prepare("UPDATE agreements SET usage_until = 1 WHERE id = ?").bind(id),
      env.DB.prepare("UPDATE records SET deadline = 1 WHERE agreement_id = ?").bind(id),
    ]);
    await tick();
    await aws.heal();
    const { agreements } = await json<{ agreements: object[] }>(
      admin("GET", `/v1/agreements?product=${listing.id}`),
    );
    const unbilled = [
      { dimension: "api", quantity: "5" },
      { dimension: "gb", quantity: "7" },
    ];
    expect(agreements).toMatchObject([{ state: "ended", unbilled }]);
    const ended = (await toldOf(id)).filter(({ type }) => type === "agreement.ended");
    expect(ended).toMatchObject([{ data: { id, unbilled } }]);
    const { totals } = await json<{ totals: object }>(admin("GET", `/v1/conservation?product=${listing.id}`));
    expect(totals).toMatchObject({ accepted: "12", conserved: true });
    // Once: the next tick has nothing to close.
    await tick();
    expect((await toldOf(id)).filter(({ type }) => type === "agreement.ended")).toHaveLength(1);
  });

  it("holds up no others when its shard fails", async () => {
    const [broken, ending, over] = [await newListing(), await newListing(), await newListing()];
    const shards = withShards((name, shard) => ({
      ...shard,
      endAgreements: (ids) =>
        name.startsWith(broken.id)
          ? Promise.reject(new Error("the shard does not answer"))
          : shard.endAgreements(ids),
    }));
    const bought = await newCustomer(ending);
    await notify(bought.agreementId, "license-deprovisioned");
    await endedBefore(over, 3000);
    for (const until of [0, 1, 2]) await endedBefore(broken, until);
    await broken.agree();
    await env.DB.prepare("UPDATE agreements SET usage_until = ? WHERE product_id = ? AND usage_until IS NULL")
      .bind(Date.now() + MINUTE, broken.id)
      .run();
    await postLate(ending, bought.accountId);
    await expect(keepCustomers(shards)).rejects.toThrow("the shard does not answer");
    expect(await json(admin("GET", `/v1/agreements?product=${over.id}`))).toMatchObject({
      agreements: [{ state: "ended", unbilled: [] }],
    });
    expect(await recordsOf(ending.id)).toMatchObject([{ quantity: 5 }]);
    await keepCustomers(surroundingsOf(env));
    expect(await json(admin("GET", `/v1/agreements?product=${broken.id}&state=ended`))).toMatchObject({
      agreements: [{ unbilled: [] }, { unbilled: [] }, { unbilled: [] }],
    });
  });

  it("is sealed by one call of its shard, together with all others that end there", async () => {
    const listing = await newListing();
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push((await listing.agree()).id);
    await env.DB.prepare("UPDATE agreements SET ended_at = 0, usage_until = ? WHERE product_id = ?")
      .bind(Date.now() + HOUR, listing.id)
      .run();
    const calls: (readonly string[])[] = [];
    await keepCustomers(
      withShards((name, shard) => ({
        ...shard,
        endAgreements: (ending) => {
          if (name.startsWith(listing.id)) calls.push(ending.toSorted());
          return shard.endAgreements(ending);
        },
      })),
    );
    expect(calls).toEqual([ids.toSorted()]);
  });

  it("is billed by no hour of before the customer came back", async () => {
    const listing = await newListing({ concurrentAgreements: false });
    const { accountId } = await newCustomer(listing);
    await cameAgo(listing.id, DAY);
    const { id } = await agreementOf(listing.id);
    const base = Date.now();
    const change = async (what: "end" | "activate", at: string) =>
      expect((await admin("POST", `/v1/agreements/${id}/${what}`, { at })).status).toBe(200);
    const used = (hours: number) => ({ ...usage(accountId, 5), timestamp: iso(base - hours * HOUR) });
    await change("end", iso(base - 6 * HOUR));
    await change("activate", iso(base - 2 * HOUR));
    await listing.post([used(2), used(1), used(0)]);
    await change("end", iso(base + 1));
    const { results } = await json<{ results: object[] }>(listing.post(used(0)));
    expect(results).toMatchObject([{ status: "rejected", error: { code: "agreement_ended" } }]);
  });

  it("is open again when a late notice puts the end of its final hour off", async () => {
    const listing = await newListing();
    const bought = await newCustomer(listing);
    await notify(bought.agreementId, "agreement-ended", { at: ago(70 * MINUTE) });
    await tick();
    const { id } = await agreementOf(listing.id);
    const shown = () => json(admin("GET", `/v1/agreements/${id}`));
    expect(await shown()).toMatchObject({ state: "ended", unbilled: [] });
    await notify(bought.agreementId, "license-deprovisioned", { at: ago(30 * MINUTE) });
    expect(await shown()).toMatchObject({ state: "ending", unbilled: null });
    await listing.post({ ...usage(bought.accountId, 5), timestamp: ago(75 * MINUTE) });
    // One tick seals it, and the same or the next one sends it.
    for (const _tick of [1, 2]) await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 5 }]);
  });

  it("hears of an end that came before AWS's id of it was known, also over a crash", async () => {
    const listing = await newListing();
    const bought = await newCustomer(listing);
    const { id } = await agreementOf(listing.id);
    // As a gateway leaves it that dies once it has written the id down.
    await notify(bought.agreementId, "agreement-ended");
    await env.DB.batch([
      env.DB.prepare(
        "UPDATE notices SET agreement_id = NULL, applied_at = NULL WHERE kind = 'agreement_ended'",
      ),
      env.DB.prepare("UPDATE notices SET applied_at = NULL WHERE agreement_id = ?").bind(id),
      env.DB.prepare("UPDATE agreements SET usage_until = NULL, ended_at = NULL WHERE id = ?").bind(id),
    ]);
    await tick();
    expect((await agreementOf(listing.id)).usageUntil).not.toBeNull();
  });
});
