import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { keepCustomers } from "../simulation/keep-customers.ts";
import { surroundingsOf } from "../../src/customers/surroundings.ts";
import {
  billed,
  calls,
  customerOf,
  includedPer,
  letLack,
  newContract,
  newContractListing,
  readAgain,
  reading,
  totalsOf,
  usageOf,
} from "./support/contracts.ts";
import { recordsOf, seal, tick } from "./support/delivering.ts";
import { admin, json } from "./support/gateway.ts";
import { aws, newArrival, notify } from "./support/marketplace.ts";
import { ago, DAY, HOUR } from "./support/times.ts";

beforeEach(() => aws.heal());

describe("usage of a customer with a contract", () => {
  it.each(["hour", "month", "term"] as const)("is billed above what is included in a %s", async (per) => {
    const listing = await newContractListing(includedPer(per));
    const { accountId } = await newContract(listing, calls(10));
    expect(await billed(listing, usageOf(accountId, 25, 1))).toEqual([15]);
    expect(await totalsOf(listing)).toMatchObject({
      accepted: "25",
      withheld: "10",
      delivered: "15",
      conserved: true,
    });
  });

  it("is billed above it over all hours of a term", async () => {
    const listing = await newContractListing();
    const { accountId } = await newContract(listing, calls(10));
    expect(await billed(listing, usageOf(accountId, 7, 3))).toEqual([]);
    expect(await billed(listing, usageOf(accountId, 7, 2))).toEqual([4]);
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([4, 5]);
    expect(await totalsOf(listing)).toMatchObject({ withheld: "10", delivered: "9", conserved: true });
  });

  it("is included in billed units, which are the divisor's multiples of posted ones", async () => {
    const listing = await newContractListing(includedPer("hour", { divisor: 1000 }));
    const { accountId } = await newContract(listing, calls(2));
    expect(await billed(listing, usageOf(accountId, 5500, 1))).toEqual([3]);
    expect(await totalsOf(listing)).toMatchObject({ withheld: "2000", delivered: "3000", carry: "500" });
  });

  it("is billed whole in a dimension that includes nothing", async () => {
    const listing = await newContractListing(includedPer("term"), {
      dimensions: [includedPer("term"), "gb"],
    });
    const { accountId } = await newContract(listing, calls(10));
    expect(await billed(listing, usageOf(accountId, 5, 1, "gb"))).toEqual([5]);
  });

  it.each([
    ["true", true, [5]],
    ["text", "unlimited", [5]],
    ["a fraction, as far as it is whole", 2.9, [3]],
  ])("is included by an entitlement of %s", async (_what, value, expected) => {
    const listing = await newContractListing();
    const { accountId } = await newContract(listing, calls(value));
    expect(await customerOf(accountId)).toMatchObject({ entitlements: [{ dimension: "calls", value }] });
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual(expected);
  });

  it("is each agreement's own, by its licence", async () => {
    const listing = await newContractListing();
    const first = await newContract(listing, calls(1));
    const second = await newContract(listing, calls(3), { accountId: first.accountId });
    expect(
      await billed(listing, [usageOf(first.licenseArn, 5, 1), usageOf(second.licenseArn, 5, 1)]),
    ).toEqual(expect.arrayContaining([4, 2]));
  });

  it("is included by all pages of what AWS says", async () => {
    const listing = await newContractListing();
    const others = Array.from({ length: 60 }, (_, index) => ({ dimension: `a${index}`, value: 1 }));
    const { accountId } = await newContract(listing, [...others, ...calls(4)]);
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([1]);
    expect((await customerOf(accountId)).entitlements).toHaveLength(61);
  });

  it("is included by the sum of what AWS names more than once and is in force", async () => {
    const listing = await newContractListing();
    const { accountId } = await newArrival(listing);
    const [past, coming] = [-1, 1].map((hours) => Date.now() / 1000 + hours * 3600);
    const said = [
      { IntegerValue: 2, ExpirationDate: coming },
      { IntegerValue: 50, ExpirationDate: past },
      { IntegerValue: 3, ExpirationDate: coming },
    ].map(({ ExpirationDate, ...Value }) => ({
      Dimension: "calls",
      Value,
      ExpirationDate: ExpirationDate ?? 0,
    }));
    await keepCustomers({
      ...surroundingsOf(env),
      entitlements: () => ({
        getEntitlements: () => Promise.resolve({ ok: true, value: { Entitlements: said }, requestId: null }),
      }),
    });
    expect(await billed(listing, usageOf(accountId, 9, 1))).toEqual([4]);
  });
});

describe("usage of a legacy customer with a contract", () => {
  const legacy = () => newContractListing(includedPer("term"), { concurrentAgreements: false });

  it("is included by what AWS says of the account", async () => {
    const listing = await legacy();
    await newContract(listing, calls(100));
    const { accountId } = await newArrival(listing, { entitlements: calls(3) });
    await env.DB.prepare("UPDATE agreements SET customer_identifier = NULL WHERE account_id = ?")
      .bind(accountId)
      .run();
    await tick();
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([2]);
  });

  it("is included by what AWS says of its CustomerIdentifier, where no account is known", async () => {
    const listing = await legacy();
    await newContract(listing, calls(100));
    const { accountId, customerIdentifier } = await newArrival(listing, { entitlements: calls(3) });
    await env.DB.prepare("UPDATE agreements SET account_id = NULL WHERE account_id = ?")
      .bind(accountId)
      .run();
    await tick();
    expect(await billed(listing, usageOf(customerIdentifier, 5, 1))).toEqual([2]);
  });
});

describe("usage whose contract is not known yet", () => {
  it("stays open and is billed by nobody, and is billed once the contract is known", async () => {
    const listing = await newContractListing();
    await aws.faults({ kind: "throttle", operation: "GetEntitlements", times: null });
    const { accountId } = await newContract(listing, calls(3));
    expect(await billed(listing, usageOf(accountId, 5, 2))).toEqual([]);
    expect(await recordsOf(listing.id)).toEqual([]);
    expect(await totalsOf(listing)).toMatchObject({ open: "5", withheld: "0", conserved: true });
    await aws.heal();
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 2 }]);
  });

  it("stays open while the agreement is pending and AWS has no entitlements", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, [], { status: "pending" });
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([]);
    expect(await customerOf(accountId)).toMatchObject({ agreement: { state: "pending" } });
    await aws.change(agreementId, { status: "active", entitlements: calls(3) });
    await notify(agreementId, "license-updated");
    await tick();
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 2 }]);
  });

  it("is sent after a day, for AWS to say whether the agreement is active, when no notice has come", async () => {
    const listing = await newContractListing();
    const { accountId } = await newArrival(listing);
    const registered = (ago: number) =>
      env.DB.prepare("UPDATE agreements SET registered_at = ? WHERE account_id = ?")
        .bind(Date.now() - ago, accountId)
        .run();
    await registered(23 * HOUR);
    await readAgain(listing);
    await letLack(listing, 22 * HOUR);
    await readAgain(listing);
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([]);
    await registered(DAY);
    await readAgain(listing);
    expect(await billed(listing, usageOf(accountId, 1, 2))).toEqual(expect.arrayContaining([5, 1]));
    await tick();
    expect(await customerOf(accountId)).toMatchObject({ agreement: { state: "active" } });
  });

  it("is included though it was sent before the contract was known, when AWS has not taken it", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newArrival(listing, { status: "pending" });
    await env.DB.prepare("UPDATE agreements SET registered_at = ? WHERE account_id = ?")
      .bind(Date.now() - 25 * HOUR, accountId)
      .run();
    await readAgain(listing);
    await letLack(listing, 24 * HOUR);
    await readAgain(listing);
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([]);
    await env.DB.prepare("UPDATE records SET deadline = 1 WHERE product_id = ?").bind(listing.id).run();
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "rolled_over", quantity: 5 }]);
    await aws.change(agreementId, { status: "active", entitlements: calls(4) });
    await notify(agreementId, "license-updated");
    await tick();
    // Its open hour is sealed at once.
    const { agreement } = await customerOf(accountId);
    await admin("POST", `/v1/agreements/${agreement.id}/end`, {});
    await tick();
    expect(await totalsOf(listing)).toMatchObject({ withheld: "4", delivered: "1", conserved: true });
  });

  it("is billed when the agreement has been active for a while and its contract includes nothing", async () => {
    const listing = await newContractListing();
    const { agreementId, accountId } = await newArrival(listing);
    await notify(agreementId, "license-updated", { at: ago(6 * HOUR) });
    await tick();
    // The first empty answer says little, however late it comes.
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([]);
    await letLack(listing, 6 * HOUR);
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 5 }]);
  });

  it("waits while a new agreement's contract may not have reached AWS's answers yet", async () => {
    const listing = await newContractListing();
    const { agreementId, accountId } = await newArrival(listing);
    await notify(agreementId, "license-updated");
    await tick();
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([]);
    // It is asked for again soon, and not only on the next day.
    expect((await reading(listing)).due).toBeLessThan(Date.now() + HOUR);
    await aws.change(agreementId, { entitlements: calls(3) });
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect(await totalsOf(listing)).toMatchObject({ withheld: "3", delivered: "2", conserved: true });
  });

  it("makes a pending agreement active when AWS has entitlements of it, since its notice was lost", async () => {
    const listing = await newContractListing();
    const { accountId } = await newContract(listing, calls(3));
    const { agreement } = await customerOf(accountId);
    expect(agreement.state).toBe("active");
    const { notices } = await json<{ notices: object[] }>(
      admin("GET", `/v1/notices?agreement=${agreement.id}`),
    );
    expect(notices).toMatchObject([
      { facts: { name: "registration" } },
      { kind: "seen_active", source: "gateway" },
    ]);
  });
});
