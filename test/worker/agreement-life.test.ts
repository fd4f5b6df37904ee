import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { tellRefused } from "../../src/customers/refused-usage.ts";
import { openLedger } from "../../src/ledger/database.ts";
import { recordsOf, retryNow, seal, tick, usage } from "./support/delivering.ts";
import { admin, json, newProduct, type UsageAnswer } from "./support/gateway.ts";
import { arrive, aws, newArrival, newCustomer, newListing, notify } from "./support/marketplace.ts";
import { agreementOf, agreementsOf, toldOf } from "./support/registering.ts";
import { DAY, HOUR, steadyAgo } from "./support/times.ts";

const ago = steadyAgo();

describe("an agreement that AWS has not activated", () => {
  it("has its usage kept, tried, and delivered once AWS has", async () => {
    const listing = await newListing();
    const bought = await newArrival(listing, { status: "pending" });
    await listing.post(usage(bought.accountId, 5));
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([
      { state: "waiting", lastAnswer: "CustomerNotSubscribed" },
    ]);
    expect((await agreementOf(listing.id)).state).toBe("pending");
    await aws.change(bought.agreementId, { status: "active" });
    await notify(bought.agreementId, "license-updated");
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", quantity: 5 }]);
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 5 }]);
  });

  it("has what AWS refuses just after the activation tried again, since not all of AWS knows of it yet", async () => {
    const listing = await newListing();
    const bought = await newArrival(listing);
    await notify(bought.agreementId, "license-updated");
    const refuse = {
      kind: "error",
      operation: "BatchMeterUsage",
      error: "InvalidLicenseException",
      times: 1,
    };
    const use = async () => {
      await listing.post(usage(bought.accountId, 5));
      await seal(listing.id);
      await aws.faults(refuse);
      await tick();
      await aws.heal();
    };
    await use();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "waiting" }]);
    await retryNow(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered" }]);
  });

  it("rolls what AWS has not taken in time on to another hour, since it surely has none of it", async () => {
    const listing = await newListing();
    const bought = await newArrival(listing, { status: "pending" });
    await listing.post(usage(bought.accountId, 5));
    await seal(listing.id);
    await tick();
    await env.DB.prepare("UPDATE records SET deadline = 1 WHERE product_id = ?").bind(listing.id).run();
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "rolled_over" }]);
    const { totals } = await json<{ totals: object }>(admin("GET", `/v1/conservation?product=${listing.id}`));
    expect(totals).toMatchObject({ accepted: "5", open: "5", conserved: true });
  });

  it("is active by the first usage that AWS takes, if the notice is lost", async () => {
    const listing = await newListing();
    const bought = await newArrival(listing);
    await listing.post(usage(bought.accountId, 5));
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered" }]);
    await tick();
    const agreement = await agreementOf(listing.id);
    expect(agreement.state).toBe("active");
    expect((await toldOf(agreement.id)).map(({ type }) => type)).toEqual([
      "agreement.registered",
      "agreement.activated",
    ]);
  });

  it("has usage of a time before its start billed in the open hour, which AWS would refuse", async () => {
    const listing = await newListing();
    const bought = await newArrival(listing, { startsAt: ago(0.01 * HOUR) });
    await listing.post({ ...usage(bought.accountId, 5), timestamp: ago(3 * HOUR) });
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "waiting" }]);
    await notify(bought.agreementId, "agreement-created");
    await notify(bought.agreementId, "license-updated");
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "rolled_over" }]);
    const { totals } = await json<{ totals: object }>(admin("GET", `/v1/conservation?product=${listing.id}`));
    expect(totals).toMatchObject({ open: "5", conserved: true });
  });
});

describe("an agreement of many notices that say nothing of its life", () => {
  it("is what the others say, also those that only the registration has said", async () => {
    const listing = await newListing();
    const { registrationToken, agreementId, licenseArn } = await aws.agreement(listing.id);
    await arrive(registrationToken, { fields: { "x-amzn-marketplace-offer-type": "free-trial" } });
    const { id } = await agreementOf(listing.id);
    await env.DB.prepare(
      `INSERT INTO notices (id, source, kind, occurred_at, received_at, facts, agreement_id, applied_at)
       WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000)
       SELECT ?1 || n, 'eventbridge', 'other', ?2 + n, ?2 + n, '{}', ?1, ?2 FROM n`,
    )
      .bind(id, Date.now())
      .run();
    await notify(agreementId, "license-updated");
    expect(await agreementOf(listing.id)).toMatchObject({ state: "active", freeTrial: true, licenseArn });
    expect((await admin("POST", `/v1/agreements/${id}/end`, {})).status).toBe(200);
    expect(await agreementOf(listing.id)).toMatchObject({ state: "ending", freeTrial: true });
  });
});

describe("an agreement's states", () => {
  it("are what the list is asked for by", async () => {
    const listing = await newListing();
    const [pending, active, ending, ended] = [
      await newArrival(listing),
      await newCustomer(listing),
      await newCustomer(listing),
      await newCustomer(listing),
    ];
    await notify(ending.agreementId, "license-deprovisioned", { at: ago(0.5 * HOUR) });
    await notify(ended.agreementId, "license-deprovisioned", { at: ago(2 * HOUR) });
    for (const [state, { accountId }] of Object.entries({ pending, active, ending, ended })) {
      const { agreements } = await json<{ agreements: object[] }>(
        admin("GET", `/v1/agreements?product=${listing.id}&state=${state}`),
      );
      expect(agreements).toMatchObject([{ accountId, state }]);
    }
    expect(await agreementsOf(listing.id)).toHaveLength(4);
  });
});

describe("usage of an agreement that has ended", () => {
  const post = async (listing: Awaited<ReturnType<typeof newListing>>, event: object) =>
    (await json<UsageAnswer>(listing.post(event))).results;

  it("is taken for before the end and refused for after it, and a duplicate stays one", async () => {
    const listing = await newListing();
    const bought = await newCustomer(listing);
    const before = { ...usage(bought.accountId, 1), timestamp: ago(0.6 * HOUR) };
    const counted = { ...usage(bought.accountId, 2), timestamp: ago(0.2 * HOUR) };
    await listing.post(counted);
    await notify(bought.agreementId, "license-deprovisioned", { at: ago(0.5 * HOUR) });
    expect(await post(listing, before)).toMatchObject([{ status: "accepted" }]);
    expect(await post(listing, counted)).toMatchObject([{ status: "duplicate" }]);
    const refused = await listing.post({ ...usage(bought.accountId, 3), timestamp: ago(0.4 * HOUR) });
    expect(refused.status).toBe(422);
    expect((await json<UsageAnswer>(refused)).results).toMatchObject([
      {
        status: "rejected",
        error: {
          code: "agreement_ended",
          field: "customer",
          detail: expect.stringContaining(ago(0.5 * HOUR)) as unknown,
        },
      },
    ]);
  });

  it("is refused whatever its time once the final hour is over, and told to the seller once a day", async () => {
    const listing = await newListing();
    const bought = await newCustomer(listing);
    await notify(bought.agreementId, "license-deprovisioned", { at: ago(2 * HOUR) });
    const { id } = await agreementOf(listing.id);
    const told = async () => (await toldOf(id)).filter(({ type }) => type === "usage.refused").length;
    // It was told yesterday, too.
    for (const _request of [1, 2]) await tellRefused(openLedger(env.DB), [id], Date.now() - DAY);
    expect(await told()).toBe(1);
    for (const age of [3, 1]) {
      expect(
        await post(listing, { ...usage(bought.accountId, 1), timestamp: ago(age * HOUR) }),
      ).toMatchObject([{ status: "rejected", error: { code: "agreement_ended" } }]);
      expect(await told()).toBe(2);
    }
  });

  it("is taken again when the end is taken back", async () => {
    const listing = await newListing();
    const bought = await newCustomer(listing);
    const { id } = await agreementOf(listing.id);
    await notify(bought.agreementId, "license-deprovisioned", { at: ago(2 * HOUR) });
    expect((await admin("POST", `/v1/agreements/${id}/activate`, { at: ago(3 * HOUR) })).status).toBe(409);
    expect((await agreementOf(listing.id)).state).toBe("ended");
    expect((await admin("POST", `/v1/agreements/${id}/activate`, {})).status).toBe(200);
    expect(await agreementOf(listing.id)).toMatchObject({ state: "active", endedAt: null, usageUntil: null });
    expect(await post(listing, usage(bought.accountId, 1))).toMatchObject([{ status: "accepted" }]);
  });

  it("is taken again at once, though another isolate of the Worker has heard of the return", async () => {
    const product = await newProduct();
    const { id, accountId } = await product.agree();
    const set = (until: number | null) =>
      env.DB.prepare("UPDATE agreements SET ended_at = ?1, usage_until = ?1 WHERE id = ?2")
        .bind(until, id)
        .run();
    await set(1);
    expect(await json(product.post(usage(accountId ?? "", 1)))).toMatchObject({ rejected: 1 });
    await set(null);
    expect(await json(product.post(usage(accountId ?? "", 1)))).toMatchObject({ accepted: 1 });
  });
});
