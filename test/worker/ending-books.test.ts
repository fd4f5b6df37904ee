import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { keepCustomers } from "../simulation/keep-customers.ts";
import { surroundingsOf } from "../../src/customers/surroundings.ts";
import { calls, newContractListing, totalsOf, usageOf } from "./support/contracts.ts";
import { recordsOf, seal, tick, usage } from "./support/delivering.ts";
import { admin, json } from "./support/gateway.ts";
import { aws, newCustomer, newListing, notify } from "./support/marketplace.ts";
import { agreementOf, cameAgo, toldOf } from "./support/registering.ts";
import { withShards } from "./support/shards.ts";
import { ago, DAY, HOUR, MINUTE } from "./support/times.ts";

/** What the books have of an agreement in its final hour, and when that is over. */

beforeEach(() => aws.heal());

const shown = (id: string) =>
  json<{ state: string; unbilled: object[] | null }>(admin("GET", `/v1/agreements/${id}`));

const endingsTold = async (id: string) => (await toldOf(id)).filter(({ type }) => type === "agreement.ended");

/** The final hour of an agreement is over. */
const letFinalHourPass = (id: string) =>
  env.DB.prepare("UPDATE agreements SET usage_until = 1 WHERE id = ?").bind(id).run();

describe("an agreement that ends before its contract was read", () => {
  it("has the hours that waited for the contract unbilled when it is closed", async () => {
    // Given usage whose hours wait, since AWS cannot tell yet what the contract includes
    const listing = await newContractListing();
    await aws.faults({ kind: "throttle", operation: "GetEntitlements", times: null });
    const bought = await newCustomer(listing, { entitlements: calls(3) });
    await listing.post(usageOf(bought.accountId, 5, 1));
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toEqual([]);

    // When it ends, and its final hour is over
    const { id } = await agreementOf(listing.id);
    await notify(bought.agreementId, "license-deprovisioned");
    await letFinalHourPass(id);
    await tick();

    // Then they are in no record, and the seller is told of them
    const unbilled = [{ dimension: "api", quantity: "5" }];
    expect(await totalsOf(listing)).toMatchObject({ accepted: "5", open: "5", parked: "0" });
    expect(await shown(id)).toMatchObject({ state: "ended", unbilled });
    expect(await endingsTold(id)).toMatchObject([{ data: { unbilled } }]);
  });
});

describe("an agreement whose final hour is over", () => {
  async function newLeaver() {
    const listing = await newListing({ concurrentAgreements: false });
    const bought = await newCustomer(listing);
    await cameAgo(listing.id, DAY);
    const { id } = await agreementOf(listing.id);
    await notify(bought.agreementId, "license-deprovisioned", { at: ago(2 * HOUR) });
    return { listing, bought, id };
  }

  it("is not closed when its customer has come back by the time that what it has left is counted", async () => {
    const { bought, id } = await newLeaver();
    await keepCustomers(
      withShards((_name, shard) => ({
        ...shard,
        conservation: async (ids) => {
          if (ids.includes(id)) await notify(bought.agreementId, "license-updated");
          return shard.conservation(ids);
        },
      })),
    );
    expect(await shown(id)).toMatchObject({ state: "active", unbilled: null });
    expect(await endingsTold(id)).toEqual([]);
    // Its next end is told.
    await notify(bought.agreementId, "license-deprovisioned");
    await letFinalHourPass(id);
    await tick();
    expect(await endingsTold(id)).toHaveLength(1);
  });

  it("is closed, and that told, once, also by two at once", async () => {
    const { id } = await newLeaver();
    await Promise.all([1, 2].map(() => keepCustomers(surroundingsOf(env))));
    expect(await shown(id)).toMatchObject({ state: "ended", unbilled: [] });
    expect(await endingsTold(id)).toHaveLength(1);
  });
});

describe("a record that was on its way when the end of its agreement was heard", () => {
  it("has the final hour's deadline and goes before all others from the next tick on", async () => {
    // Given a record whose hand-over has read the agreement before its end was heard, and writes it after that
    const listing = await newListing();
    const bought = await newCustomer(listing);
    await listing.post(usage(bought.accountId, 5));
    await seal(listing.id);
    const [{ deadline: before } = { deadline: "" }] = await recordsOf(listing.id);
    await notify(bought.agreementId, "license-deprovisioned", { at: ago(MINUTE) });
    await env.DB.prepare("UPDATE records SET deadline = ?, priority = 1 WHERE product_id = ?")
      .bind(Date.parse(before), listing.id)
      .run();
    const { usageUntil } = await agreementOf(listing.id);
    expect(before > (usageUntil ?? "")).toBe(true);

    // When a tick looks after the customers
    await keepCustomers(surroundingsOf(env));

    // Then it is as the others of the agreement
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "pending", deadline: usageUntil }]);
    const priority = await env.DB.prepare("SELECT priority FROM records WHERE product_id = ?")
      .bind(listing.id)
      .first<number>("priority");
    expect(priority).toBe(0);
  });
});
