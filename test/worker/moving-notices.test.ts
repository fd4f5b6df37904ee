import { describe, expect, it } from "vitest";
import { withTrigger } from "./support/breaking.ts";
import { tick } from "./support/delivering.ts";
import { admin, json, type TestProduct } from "./support/gateway.ts";
import { aws, newCustomer, newListing, notify } from "./support/marketplace.ts";
import { agreementOf, agreementsOf, cameAgo, letMove, newUnlicensed } from "./support/registering.ts";
import { ago, DAY, HOUR } from "./support/times.ts";

/** Whose notices are that name a licence which no agreement has yet: before a product's move to concurrent agreements, and after it. */

const legacy = () => newListing({ concurrentAgreements: false });

/** A customer of a product since a day, who has bought it once more: under another licence, and has not come with that. */
async function newSecondLicence(listing: TestProduct) {
  const first = await newCustomer(listing);
  await cameAgo(listing.id, DAY);
  const second = await aws.agreement(listing.id, { accountId: first.accountId });
  return { first, second };
}

/** What the gateway answers that is told something as EventBridge tells it. */
const heard = (agreementId: string, kind: string, options: object = {}) =>
  json<{ agreement: string | null }>(notify(agreementId, kind, options));

describe("a notice of an account's second licence", () => {
  it.each(["license-updated", "license-deprovisioned"])(
    "is not the first agreement's when it has happened after the move: %s",
    async (kind) => {
      const listing = await legacy();
      const { first, second } = await newSecondLicence(listing);
      const before = await agreementOf(listing.id);
      await letMove(listing, Date.now() - HOUR);
      expect(await heard(second.agreementId, kind, { at: ago(0.1 * HOUR) })).toMatchObject({
        agreement: null,
      });
      await tick();
      expect(await agreementOf(listing.id)).toEqual(before);
      expect(before).toMatchObject({ state: "active", licenseArn: first.licenseArn });
    },
  );

  it("is the agreement's when it has happened before the move, which it is under by then", async () => {
    const listing = await legacy();
    const { second } = await newSecondLicence(listing);
    const { id } = await agreementOf(listing.id);
    await letMove(listing, Date.now() - HOUR);
    expect(await heard(second.agreementId, "license-updated", { at: ago(1.1 * HOUR) })).toMatchObject({
      agreement: id,
    });
    expect(await agreementOf(listing.id)).toMatchObject({ id, licenseArn: second.licenseArn });
  });

  it("is the agreement's while the move is still to come", async () => {
    const listing = await legacy();
    const { second } = await newSecondLicence(listing);
    const { id } = await agreementOf(listing.id);
    await letMove(listing, Date.now() + HOUR);
    expect(await heard(second.agreementId, "license-updated")).toMatchObject({ agreement: id });
  });
});

describe("a licence that a legacy agreement's notice names", () => {
  it("stays another agreement's that has been told it meanwhile", async () => {
    // Given a notice of another licence of A's, which is kept when the gateway dies
    const listing = await legacy();
    const { first, second } = await newSecondLicence(listing);
    const { id: a } = await agreementOf(listing.id);
    await withTrigger(
      "BEFORE UPDATE OF license_arn ON agreements BEGIN SELECT RAISE(ABORT, 'died'); END",
      () => notify(second.agreementId, "license-updated"),
    );

    // When a person tells that licence to B before the gateway goes on
    const { accountId } = await newUnlicensed(listing);
    const b = (await agreementsOf(listing.id)).find((agreement) => agreement.accountId === accountId)?.id;
    const { licenseArn } = second;
    expect((await admin("PATCH", `/v1/agreements/${b}`, { licenseArn })).status).toBe(200);
    await tick();

    // Then each has its own
    const licences = (await agreementsOf(listing.id)).map(({ id, licenseArn: arn }) => [id, arn] as const);
    expect(new Map(licences)).toEqual(
      new Map([
        [a, first.licenseArn],
        [b, licenseArn],
      ]),
    );
    const { notices } = await json<{ notices: { id: string; appliedAt: string | null }[] }>(
      admin("GET", `/v1/notices?agreement=${a}`),
    );
    expect(notices.every(({ appliedAt }) => appliedAt !== null)).toBe(true);
  });
});
