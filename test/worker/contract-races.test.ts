import { expect, it } from "vitest";
import { applyNotices } from "../../src/customers/apply-notices.ts";
import {
  calls,
  customerOf,
  gapOf,
  includedPer,
  newContract,
  newContractListing,
} from "./support/contracts.ts";
import { tick } from "./support/delivering.ts";
import { admin } from "./support/gateway.ts";
import { racingLedger } from "./support/racing.ts";
import { cameAgo } from "./support/registering.ts";
import { ago, HOUR } from "./support/times.ts";

it("knows the contract of a customer who is back, though another hears of the return when that was read", async () => {
  const listing = await newContractListing(includedPer("term"), { concurrentAgreements: false });
  const { accountId } = await newContract(listing, calls(3));
  await cameAgo(listing.id, 3 * HOUR);
  const { agreement } = await customerOf(accountId);
  const at = ago(2 * HOUR);
  await admin("POST", `/v1/agreements/${agreement.id}/end`, { at });
  // One has read the agreement; by then the other brings it back, and reads its contract.
  const ledger = racingLedger('from "notices"', async () => {
    await admin("POST", `/v1/agreements/${agreement.id}/activate`, {});
    await tick();
  });
  await applyNotices(ledger, agreement.id, Date.now());
  expect(await customerOf(accountId)).toMatchObject({ agreement: { state: "active" } });
  expect(await gapOf(listing)).toEqual({ kind: "none" });
});
