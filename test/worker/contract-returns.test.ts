import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import {
  allowanceOf,
  billed,
  calls,
  customerOf,
  gapOf,
  includedPer,
  letLack,
  newContract,
  newContractListing,
  readAgain,
  reading,
  setTerm,
  totalsOf,
  usageOf,
} from "./support/contracts.ts";
import { seal, tick } from "./support/delivering.ts";
import { admin, type TestProduct } from "./support/gateway.ts";
import { arrive, aws, newArrival, notify } from "./support/marketplace.ts";
import { cameAgo } from "./support/registering.ts";
import { ago, DAY, HOUR, iso, MINUTE } from "./support/times.ts";

beforeEach(() => aws.heal());

const NEXT_YEAR = Math.ceil(Date.now() / DAY) * DAY + 300 * DAY;

describe("a customer who comes back to a contract", () => {
  /** A contract that is used up, and has ended. */
  async function newLeaver(listing: TestProduct) {
    const { accountId, agreementId } = await newContract(listing, calls(3, NEXT_YEAR));
    await cameAgo(listing.id, 3 * HOUR);
    await setTerm(listing, Date.now() - DAY, NEXT_YEAR);
    await tick();
    expect(await billed(listing, usageOf(accountId, 3, 3))).toEqual([]);
    const { agreement } = await customerOf(accountId);
    await admin("POST", `/v1/agreements/${agreement.id}/end`, { at: ago(2 * HOUR) });
    await tick();
    return { accountId, agreementId, id: agreement.id };
  }

  /** The same, and the customer comes back now. */
  async function comeBack(listing: TestProduct, entitlements: object[]) {
    const leaver = await newLeaver(listing);
    await aws.change(leaver.agreementId, { entitlements });
    await arrive(await aws.token(leaver.agreementId));
    await tick();
    return leaver;
  }
  const legacy = () => newContractListing(includedPer("term"), { concurrentAgreements: false });

  it("has the whole quantity of another contract", async () => {
    const listing = await legacy();
    const { accountId } = await comeBack(listing, calls(3, NEXT_YEAR + 90 * DAY));
    await listing.post(usageOf(accountId, 5, 0));
    const { agreement } = await customerOf(accountId);
    await admin("POST", `/v1/agreements/${agreement.id}/end`, {});
    await tick();
    expect(await totalsOf(listing)).toMatchObject({ withheld: "6", delivered: "2", conserved: true });
  });

  it("has what is left of the same one", async () => {
    const listing = await legacy();
    await comeBack(listing, calls(3, NEXT_YEAR));
    expect(await allowanceOf(listing)).toMatchObject({ until: NEXT_YEAR });
  });

  it("is asked for soon again while AWS knows nothing of it", async () => {
    const listing = await legacy();
    const { agreementId } = await comeBack(listing, []);
    expect((await reading(listing)).due).toBeLessThan(Date.now() + HOUR);
    await aws.change(agreementId, { entitlements: calls(4, NEXT_YEAR + 90 * DAY) });
    await readAgain(listing);
    expect(await allowanceOf(listing)).toMatchObject({ quantity: "4000000000", until: NEXT_YEAR + 90 * DAY });
  });

  it.each([
    ["AWS knows nothing of it", [], []],
    [
      "it cannot be read",
      calls(4, NEXT_YEAR + 90 * DAY),
      [{ kind: "throttle", operation: "GetEntitlements", times: null }],
    ],
  ])("has its hours wait for it while %s, since what was before is used up", async (_why, said, faults) => {
    const listing = await legacy();
    const { accountId, agreementId, id } = await newLeaver(listing);
    await aws.change(agreementId, { entitlements: said });
    if (faults.length > 0) await aws.faults(...faults);
    await admin("POST", `/v1/agreements/${id}/activate`, { at: ago(1.5 * HOUR) });
    await tick();
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([]);
    await aws.heal();
    await aws.change(agreementId, { entitlements: calls(4, NEXT_YEAR + 90 * DAY) });
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 1 }]);
    expect(await totalsOf(listing)).toMatchObject({ accepted: "8", withheld: "7", conserved: true });
  });
});

describe("a contract whose renewal is told after its end", () => {
  it("has its hours wait for AWS's entitlements, for which one empty answer is no answer", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(10, NEXT_YEAR));
    await notify(agreementId, "license-updated", { at: ago(20 * HOUR) });
    await tick();
    const renewedAt = Date.now() - 8 * HOUR;
    await aws.change(agreementId, { entitlements: [], startsAt: iso(renewedAt) });
    await notify(agreementId, "agreement-ended", { at: iso(renewedAt - MINUTE), status: "EXPIRED" });
    await notify(agreementId, "agreement-created", {
      at: iso(renewedAt),
      intent: "RENEW",
      agreementId: "agmt-next",
      previousAgreementId: agreementId,
    });
    await tick();
    expect(await gapOf(listing)).toMatchObject({ kind: "awaited" });
    expect(await billed(listing, usageOf(accountId, 12, 1))).toEqual([]);
    expect((await reading(listing)).due).toBeLessThan(Date.now() + HOUR);
    await aws.change(agreementId, { entitlements: calls(10, NEXT_YEAR + 365 * DAY) });
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 2 }]);
    expect(await totalsOf(listing)).toMatchObject({ withheld: "10", conserved: true });
  });

  it("is taken to include nothing when AWS has had none for six hours", async () => {
    const listing = await newContractListing(includedPer("term"), { concurrentAgreements: false });
    const { accountId, agreementId } = await newContract(listing, calls(3, NEXT_YEAR));
    await cameAgo(listing.id, 12 * HOUR);
    const { agreement } = await customerOf(accountId);
    await admin("POST", `/v1/agreements/${agreement.id}/end`, { at: ago(10 * HOUR) });
    await tick();
    await aws.change(agreementId, { entitlements: [] });
    // It is heard of eight hours later.
    await admin("POST", `/v1/agreements/${agreement.id}/activate`, { at: ago(8 * HOUR) });
    await tick();
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([]);
    await letLack(listing, 6 * HOUR);
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 5 }]);
  });
});

describe("a contract of which AWS has only a part again", () => {
  it("has the hours of the others wait", async () => {
    const listing = await newContractListing(includedPer("term"), {
      concurrentAgreements: false,
      dimensions: [includedPer("term"), { name: "gb", included: { by: "space", per: "term" } }],
    });
    const both = (end: number) => [...calls(3, end), { dimension: "space", value: 3, expiresAt: iso(end) }];
    const { accountId, agreementId } = await newContract(listing, both(NEXT_YEAR));
    await cameAgo(listing.id, 3 * HOUR);
    const { agreement } = await customerOf(accountId);
    await admin("POST", `/v1/agreements/${agreement.id}/end`, { at: ago(2 * HOUR) });
    await tick();
    const next = both(NEXT_YEAR + 90 * DAY);
    await aws.change(agreementId, { entitlements: next.slice(0, 1) });
    await admin("POST", `/v1/agreements/${agreement.id}/activate`, { at: ago(1.5 * HOUR) });
    await tick();
    const used = [usageOf(accountId, 5, 1), usageOf(accountId, 7, 1, "gb")];
    expect(await billed(listing, used)).toEqual([2]);
    await aws.change(agreementId, { entitlements: next });
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect((await aws.records(listing.id)).map(({ quantity }) => quantity)).toEqual([2, 4]);
  });
});

describe("an agreement that becomes active long after its registration", () => {
  it("has its hours wait for AWS's entitlements, though none were there while it was pending", async () => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newArrival(listing, { status: "pending" });
    await env.DB.prepare("UPDATE agreements SET registered_at = ? WHERE account_id = ?")
      .bind(Date.now() - 30 * HOUR, accountId)
      .run();
    await readAgain(listing);
    await letLack(listing, DAY);
    await readAgain(listing);
    expect(await gapOf(listing)).toMatchObject({ kind: "assumed_nothing" });
    await aws.change(agreementId, { status: "active" });
    await notify(agreementId, "license-updated", { at: ago(3 * HOUR) });
    await tick();
    expect(await billed(listing, usageOf(accountId, 5, 1))).toEqual([]);
    await aws.change(agreementId, { entitlements: calls(3, NEXT_YEAR) });
    await readAgain(listing);
    await seal(listing.id);
    await tick();
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 2 }]);
  });
});
