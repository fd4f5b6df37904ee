import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { applyNotices } from "../../src/customers/apply-notices.ts";
import { endAgreement } from "../../src/customers/operator-notices.ts";
import { recordsOf, seal, usage } from "./support/delivering.ts";
import { admin } from "./support/gateway.ts";
import { newListing } from "./support/marketplace.ts";
import { racingLedger } from "./support/racing.ts";
import { agreementOf, letMove, newUnlicensed } from "./support/registering.ts";

const license = (id: string, licenseArn: string) => admin("PATCH", `/v1/agreements/${id}`, { licenseArn });

it("has the records of an agreement that ends go first, though its licence is told at that moment", async () => {
  const listing = await newListing({ concurrentAgreements: false });
  const { accountId, licenseArn } = await newUnlicensed(listing);
  const { id } = await agreementOf(listing.id);
  await listing.post(usage(accountId, 5));
  await seal(listing.id);
  const now = Date.now();
  const ledger = racingLedger("AS mayBeHeld", () => license(id, licenseArn));
  expect(await endAgreement(ledger, id, { at: now, now })).toMatchObject({ ok: true });
  const { usageUntil } = await agreementOf(listing.id);
  expect(usageUntil).not.toBeNull();
  expect(await recordsOf(listing.id)).toMatchObject([{ deadline: usageUntil }]);
  expect(await agreementOf(listing.id)).toMatchObject({ licenseArn });
});

it("keeps the licence that an agreement is told while its notices, which name another, are read", async () => {
  const listing = await newListing({ concurrentAgreements: false });
  const { licenseArn } = await newUnlicensed(listing);
  const { id } = await agreementOf(listing.id);
  await letMove(listing, Date.now());
  await env.DB.prepare("UPDATE notices SET facts = json_set(facts, '$.licenseArn', ?) WHERE agreement_id = ?")
    .bind(`${licenseArn}-other`, id)
    .run();
  await applyNotices(
    racingLedger('from "notices"', () => license(id, licenseArn)),
    id,
    Date.now(),
  );
  expect(await agreementOf(listing.id)).toMatchObject({ licenseArn });
});
