import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { keepCustomers } from "../simulation/keep-customers.ts";
import { surroundingsOf } from "../../src/customers/surroundings.ts";
import { entitlementClient } from "../../src/marketplace-access.ts";
import { withTrigger } from "./support/breaking.ts";
import {
  billed,
  calls,
  changesTold,
  customerOf,
  gapOf,
  includedPer,
  letLack,
  newContract,
  newContractListing,
  readAgain,
  reading,
  usageOf,
} from "./support/contracts.ts";
import { tick } from "./support/delivering.ts";
import { admin, call, json } from "./support/gateway.ts";
import { aws, newArrival, notify } from "./support/marketplace.ts";
import { DAY, HOUR, iso, MINUTE } from "./support/times.ts";

beforeEach(() => aws.heal());

describe("a contract", () => {
  it("is read when the customer registers, and again within a day and no sooner than nine tenths of one", async () => {
    const listing = await newContractListing();
    await newArrival(listing, { entitlements: calls(3) });
    expect(await reading(listing)).toMatchObject({ read: null });
    const before = Date.now();
    await tick();
    const { due, read } = await reading(listing);
    expect(read).toBeGreaterThanOrEqual(before);
    expect((due ?? 0) - (read ?? 0)).toBeGreaterThan(0.9 * DAY - 1000);
    expect((due ?? 0) - (read ?? 0)).toBeLessThanOrEqual(DAY + 1);
    await tick();
    expect(await reading(listing)).toMatchObject({ due, read });
  });

  it.each([
    ["the licence is updated", { kind: "license-updated" }],
    ["an agreement is made in its place", { kind: "agreement-created", intent: "AMEND" }],
  ])("is read at once when %s", async (_what, { kind, ...options }) => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(3));
    await notify(agreementId, "license-updated");
    await tick();
    await aws.change(agreementId, { entitlements: calls(4) });
    await tick();
    expect(await customerOf(accountId)).toMatchObject({ entitlements: [{ value: 3 }] });
    await notify(agreementId, kind, options);
    await tick();
    expect(await customerOf(accountId)).toMatchObject({ entitlements: [{ value: 4 }] });
  });

  it("of a legacy product is read at once when SNS says that it was updated", async () => {
    const listing = await newContractListing(includedPer("term"), { concurrentAgreements: false });
    const topic = `arn:aws:sns:us-east-1:287250355862:aws-mp-entitlement-notification-${listing.id}`;
    await admin("PATCH", `/v1/products/${listing.id}`, { snsTopics: [topic] });
    const { accountId, agreementId } = await newContract(listing, calls(3));
    await aws.change(agreementId, { entitlements: calls(4) });
    await tick();
    expect(await customerOf(accountId)).toMatchObject({ entitlements: [{ value: 3 }] });
    const { notice, headers } = await aws.notice(agreementId, { via: "sns", kind: "entitlement-updated" });
    expect((await call("POST", "/aws/sns", { body: notice, headers })).status).toBe(200);
    await tick();
    expect(await customerOf(accountId)).toMatchObject({ entitlements: [{ value: 4 }] });
  });

  it("of a product without contracts is never read", async () => {
    const listing = await newContractListing("api", { contract: false });
    const { agreementId } = await newContract(listing, calls(3));
    await notify(agreementId, "license-updated");
    await tick();
    expect(await reading(listing)).toMatchObject({ due: null, read: null });
  });

  it.each([
    ["is pending", []],
    ["is active", ["license-updated"]],
  ])(
    "is read once more when a notice comes while it is read, and its agreement %s",
    async (_state, before) => {
      const listing = await newContractListing();
      const { accountId, agreementId } = await newArrival(listing, { entitlements: calls(3) });
      for (const kind of before) await notify(agreementId, kind);
      const surroundings = surroundingsOf(env);
      await keepCustomers({
        ...surroundings,
        entitlements: (region) => {
          const client = surroundings.entitlements(region);
          return {
            getEntitlements: async (request) => {
              if (client === null) throw new Error(`AWS has no entitlement service for ${region}`);
              const answer = await client.getEntitlements(request);
              await aws.change(agreementId, { entitlements: calls(4) });
              await notify(agreementId, "license-updated", { id: `${agreementId}-now` });
              return answer;
            },
          };
        },
      });
      // What AWS has answered may be of before what the notice tells of.
      expect(await customerOf(accountId)).toMatchObject({ entitlements: [] });
      await tick();
      expect(await customerOf(accountId)).toMatchObject({ entitlements: [{ value: 4 }] });
    },
  );

  it("is what a newer answer says, though an older one is stored later", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(3));
    await env.DB.prepare("UPDATE agreements SET entitlements_due_at = 1 WHERE product_id = ?")
      .bind(listing.id)
      .run();
    const surroundings = surroundingsOf(env);
    await keepCustomers({
      ...surroundings,
      entitlements: (region) => ({
        getEntitlements: async (request) => {
          const client = surroundings.entitlements(region);
          if (client === null) throw new Error(`AWS has no entitlement service for ${region}`);
          const slow = await client.getEntitlements(request);
          await aws.change(agreementId, { entitlements: calls(4) });
          await tick();
          return slow;
        },
      }),
    });
    expect(await customerOf(accountId)).toMatchObject({ entitlements: [{ value: 4 }] });
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([1]);
  });

  it("is read at its end", async () => {
    const listing = await newContractListing();
    const end = Date.now() + HOUR;
    await newContract(listing, calls(3, end));
    expect(await reading(listing)).toMatchObject({ due: end });
  });

  it("that has changed is told to the seller once, with all that it includes now", async () => {
    const listing = await newContractListing();
    const end = Math.floor(Date.now() / 1000) * 1000 + 30 * DAY;
    const { agreementId, accountId } = await newContract(listing, calls(3, end));
    await readAgain(listing);
    expect(await changesTold(accountId)).toEqual([[{ dimension: "calls", value: 3, expiresAt: iso(end) }]]);
    const more = [...calls(3, end), { dimension: 'a "name" of 7 €, \u007f\n', value: 'x "y" \\ \u0001' }];
    await aws.change(agreementId, { entitlements: more });
    await readAgain(listing);
    await readAgain(listing);
    expect((await changesTold(accountId)).slice(1)).toMatchObject([more.toReversed()]);
    await aws.change(agreementId, { entitlements: [] });
    await readAgain(listing);
    await letLack(listing, 6 * HOUR);
    await readAgain(listing);
    await readAgain(listing);
    expect((await changesTold(accountId)).slice(2)).toEqual([[]]);
  });

  it.each<[string, object[]]>([
    ["is not in AWS's answer", []],
    ["is less in AWS's answer", [...calls(2), { dimension: "sso", value: false }]],
    ["is a part of AWS's answer", calls(3)],
  ])("that %s is told to be so when that has been so for six hours", async (_what, said) => {
    const listing = await newContractListing();
    const whole = [...calls(3), { dimension: "sso", value: true }];
    const { agreementId, accountId } = await newContract(listing, whole);
    await aws.change(agreementId, { entitlements: said });
    for (const hours of [0, 5.9]) {
      await letLack(listing, hours * HOUR);
      await readAgain(listing);
      expect(await customerOf(accountId)).toMatchObject({ entitlements: whole });
      expect(await changesTold(accountId)).toHaveLength(1);
      // It is asked for again soon, also where no usage is included by it.
      expect((await reading(listing)).due).toBeLessThan(Date.now() + HOUR);
    }
    await letLack(listing, 6 * HOUR);
    await readAgain(listing);
    expect((await customerOf(accountId)).entitlements).toMatchObject(said);
    expect((await changesTold(accountId)).slice(1)).toMatchObject([said]);
    expect((await reading(listing)).due).toBeGreaterThan(Date.now() + HOUR);
    // And at once, when it is there again.
    await aws.change(agreementId, { entitlements: whole });
    await readAgain(listing);
    expect((await changesTold(accountId)).slice(2)).toMatchObject([whole]);
  });

  it("is not counted as lacking while nobody could ask", async () => {
    const listing = await newContractListing();
    const { agreementId, accountId } = await newContract(listing, calls(3));
    await aws.change(agreementId, { entitlements: [] });
    await readAgain(listing);
    await letLack(listing, 7 * HOUR);
    await env.DB.prepare("UPDATE agreements SET entitlements_read_at = ? WHERE product_id = ?")
      .bind(Date.now() - 6.5 * HOUR, listing.id)
      .run();
    await readAgain(listing);
    expect(await gapOf(listing)).toMatchObject({ kind: "missing" });
    expect(await changesTold(accountId)).toHaveLength(1);
  });

  it("of less is told at once when the agreement was renewed", async () => {
    const listing = await newContractListing();
    const { agreementId, accountId } = await newContract(listing, calls(3, Date.now() + 30 * DAY));
    await notify(agreementId, "license-updated", { at: iso(Date.now() - DAY) });
    await tick();
    await env.DB.prepare("UPDATE agreements SET entitlements_read_at = ? WHERE product_id = ?")
      .bind(Date.now() - 2 * HOUR, listing.id)
      .run();
    const renewedAt = iso(Date.now() - HOUR);
    await aws.change(agreementId, {
      entitlements: calls(2, Date.now() + 300 * DAY),
      startsAt: renewedAt,
    });
    await notify(agreementId, "agreement-created", {
      at: renewedAt,
      intent: "RENEW",
      agreementId: "agmt-next",
      previousAgreementId: agreementId,
    });
    await tick();
    expect(await customerOf(accountId)).toMatchObject({ entitlements: [{ value: 2 }] });
    expect(await changesTold(accountId)).toHaveLength(2);
  });

  it("that includes nothing from the beginning is no change to tell", async () => {
    const listing = await newContractListing();
    const { agreementId, accountId } = await newContract(listing, []);
    await notify(agreementId, "license-updated");
    await tick();
    expect(await reading(listing)).toMatchObject({ read: expect.any(Number) as unknown });
    expect(await changesTold(accountId)).toEqual([]);
  });
});

describe("a contract that cannot be read", () => {
  it("is tried again later and later, an hour at most, and leaves what is known as it is", async () => {
    const listing = await newContractListing();
    const { accountId } = await newContract(listing, calls(3));
    await aws.faults({ kind: "internal-error", operation: "GetEntitlements", times: null });
    await readAgain(listing);
    const first = await reading(listing);
    expect((first.due ?? 0) - (first.failing ?? 0)).toBeGreaterThanOrEqual(MINUTE);
    expect((first.due ?? 0) - (first.failing ?? 0)).toBeLessThan(90_000);
    expect(await customerOf(accountId)).toMatchObject({ entitlements: [{ value: 3 }] });
    for (const [since, delay] of [
      [10 * MINUTE, 10 * MINUTE],
      [9 * HOUR, HOUR],
    ] as const) {
      const now = Date.now();
      await env.DB.prepare("UPDATE agreements SET entitlements_failing_since = ? WHERE product_id = ?")
        .bind(now - since, listing.id)
        .run();
      await readAgain(listing);
      const { due } = await reading(listing);
      expect((due ?? 0) - now).toBeGreaterThanOrEqual(delay);
      expect((due ?? 0) - now).toBeLessThan(delay + 30_000);
    }
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([2]);
    await aws.heal();
    await readAgain(listing);
    expect(await reading(listing)).toMatchObject({ failing: null });
  });

  it("keeps no other from being read", async () => {
    const listing = await newContractListing();
    const broken = await newContractListing();
    await newContract(listing, calls(3));
    await newContract(broken, calls(3));
    await aws.faults({ kind: "throttle", operation: "GetEntitlements", productCode: broken.id, times: null });
    await env.DB.prepare(
      "UPDATE agreements SET entitlements_due_at = 1, entitlements_read_at = 1 WHERE product_id IN (?, ?)",
    )
      .bind(listing.id, broken.id)
      .run();
    await tick();
    expect((await reading(listing)).read).toBeGreaterThan(1);
    expect((await reading(broken)).read).toBe(1);
  });

  it("keeps no other from being read, also when the gateway's own ledger fails of it", async () => {
    const [listing, broken] = [await newContractListing(), await newContractListing()];
    await newContract(listing, calls(3));
    for (let n = 0; n < 5; n++) await newContract(broken, calls(3));
    await env.DB.prepare(
      "UPDATE agreements SET entitlements_due_at = iif(product_id = ?1, 2, 1), entitlements_read_at = 1 WHERE product_id IN (?1, ?2)",
    )
      .bind(listing.id, broken.id)
      .run();
    await withTrigger(
      `BEFORE UPDATE OF entitlements_read_at ON agreements WHEN OLD.product_id = '${broken.id}' BEGIN SELECT RAISE(ABORT, 'died'); END`,
      () => expect(tick()).rejects.toThrow("died"),
    );
    expect((await reading(listing)).read).toBeGreaterThan(1);
  });

  it("is an alarm after an hour, until it can be read again", async () => {
    const listing = await newContractListing();
    await newContract(listing, calls(3));
    await aws.faults({ kind: "throttle", operation: "GetEntitlements", times: null });
    await readAgain(listing);
    const alarms = async () =>
      (
        await json<{ alarms: { kind: string; subject: string; detail: string }[] }>(
          admin("GET", "/v1/alarms?open=true"),
        )
      ).alarms.filter(({ subject }) => subject === listing.id);
    const failFor = (minutes: number) =>
      env.DB.prepare("UPDATE agreements SET entitlements_failing_since = ? WHERE product_id = ?")
        .bind(Date.now() - minutes * MINUTE, listing.id)
        .run();
    await failFor(59);
    await tick();
    expect(await alarms()).toEqual([]);
    await failFor(60);
    await tick();
    expect(await alarms()).toMatchObject([
      { kind: "entitlements_failing", detail: expect.stringContaining("ThrottlingException") as unknown },
    ]);
    await aws.heal();
    await readAgain(listing);
    await tick();
    expect(await alarms()).toEqual([]);
  });

  it("says so where AWS has no entitlement service for the product's Region", async () => {
    const listing = await newContractListing();
    await newArrival(listing, { entitlements: calls(3) });
    await env.DB.prepare("UPDATE products SET region = 'us-iso-east-1' WHERE id = ?").bind(listing.id).run();
    expect(entitlementClient(env, "us-iso-east-1")).toBeNull();
    await tick();
    expect(await reading(listing)).toMatchObject({
      error: "AWS has no entitlement service for the Region us-iso-east-1.",
    });
  });
});
