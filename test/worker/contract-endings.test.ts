import { beforeEach, describe, expect, it } from "vitest";
import {
  calls,
  customerOf,
  gapOf,
  newContract,
  newContractListing,
  readAgain,
  totalsOf,
  usageOf,
} from "./support/contracts.ts";
import { tick } from "./support/delivering.ts";
import { admin, json, type TestProduct } from "./support/gateway.ts";
import { aws, newArrival } from "./support/marketplace.ts";

beforeEach(() => aws.heal());

const alarmsOf = async (listing: TestProduct) =>
  (
    await json<{ alarms: { kind: string; subject: string; detail: string }[] }>(
      admin("GET", "/v1/alarms?open=true"),
    )
  ).alarms.filter(({ subject }) => subject === listing.id);

const end = async (accountId: string) => {
  const { agreement } = await customerOf(accountId);
  await admin("POST", `/v1/agreements/${agreement.id}/end`, {});
  await tick();
};

describe("an agreement that ends before its contract was read", () => {
  /** One that has used five, of which three are included; AWS cannot say so. */
  async function newUnread() {
    const listing = await newContractListing();
    const { accountId } = await newArrival(listing, { entitlements: calls(3) });
    await aws.faults({ kind: "throttle", operation: "GetEntitlements", times: null });
    await listing.post(usageOf(accountId, 5, 1));
    await end(accountId);
    return { listing, accountId };
  }

  it("is an alarm in its final hour, which says what saves its usage, and that does so", async () => {
    const { listing } = await newUnread();
    expect(await totalsOf(listing)).toMatchObject({ open: "5" });
    expect(await alarmsOf(listing)).toMatchObject([
      {
        kind: "contract_unread",
        detail: expect.stringContaining(`PATCH /v1/products/${listing.id} with "included": null`) as unknown,
      },
    ]);
    await admin("PATCH", `/v1/products/${listing.id}`, { dimensions: [{ name: "api", included: null }] });
    await tick();
    await tick();
    expect(await totalsOf(listing)).toMatchObject({ open: "0", delivered: "5", conserved: true });
    expect(await alarmsOf(listing)).toEqual([]);
  });

  it("is still read in its final hour", async () => {
    const { listing } = await newUnread();
    await aws.heal();
    await readAgain(listing);
    await tick();
    await tick();
    expect(await totalsOf(listing)).toMatchObject({ withheld: "3", delivered: "2", conserved: true });
    expect(await alarmsOf(listing)).toEqual([]);
  });
});

describe("an agreement that ends and whose contract was read", () => {
  it.each([
    ["is there", calls(3)],
    ["is missing", []],
  ])("is no alarm when it %s", async (_what, said) => {
    const listing = await newContractListing();
    const { accountId, agreementId } = await newContract(listing, calls(3));
    await aws.change(agreementId, { entitlements: said });
    await readAgain(listing);
    await end(accountId);
    expect(await alarmsOf(listing)).toEqual([]);
  });
});

describe("a contract that a product has no more", () => {
  it("is missing no more, either", async () => {
    const listing = await newContractListing();
    const { agreementId } = await newContract(listing, calls(3));
    await aws.change(agreementId, { entitlements: [] });
    await readAgain(listing);
    expect(await gapOf(listing)).toMatchObject({ kind: "missing" });
    await admin("PATCH", `/v1/products/${listing.id}`, {
      contract: false,
      dimensions: [{ name: "api", included: null }],
    });
    expect(await gapOf(listing)).toEqual({ kind: "awaited", since: 0, emptySince: null, began: null });
  });
});
