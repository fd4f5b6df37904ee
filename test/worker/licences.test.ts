import { describe, expect, it } from "vitest";
import { recordsOf, usage } from "./support/delivering.ts";
import { admin } from "./support/gateway.ts";
import { arrive, aws, newArrival, newCustomer, newListing, notify } from "./support/marketplace.ts";
import { agreementOf, agreementsOf, codeIn, redeem } from "./support/registering.ts";
import { ago, HOUR } from "./support/times.ts";

/** Agreements of a product with concurrent agreements: each licence is one of its own. */

/** A customer who has upgraded: AWS has another licence for it, and ends the first. */
async function newUpgrade(order: "created first" | "one agreement id") {
  const listing = await newListing();
  const first = await newCustomer(listing);
  const { id } = await agreementOf(listing.id);
  await admin("PATCH", `/v1/agreements/${id}`, { customer: "acme" });
  const second = await aws.agreement(listing.id, { accountId: first.accountId });
  if (order === "created first") {
    const renewal = { intent: "RENEW", previousAgreementId: first.agreementId, at: ago(0.2 * HOUR) };
    await notify(second.agreementId, "agreement-created", renewal);
    await notify(second.agreementId, "license-updated", { at: ago(0.19 * HOUR) });
    await notify(first.agreementId, "agreement-ended", { status: "REPLACED", at: ago(0.18 * HOUR) });
  } else {
    await notify(second.agreementId, "license-updated", {
      agreementId: first.agreementId,
      at: ago(0.19 * HOUR),
    });
  }
  return { listing, first, second };
}

describe("a customer who upgrades to another licence", () => {
  it.each(["created first", "one agreement id"] as const)(
    "has the first agreement sealed and ended, and the other one active when it registers: %s",
    async (order) => {
      const { listing, first, second } = await newUpgrade(order);
      await listing.post(usage("acme", 5));
      expect(await agreementOf(listing.id)).toMatchObject({ state: "active", licenseArn: first.licenseArn });
      await notify(first.agreementId, "license-deprovisioned", { at: ago(0.1 * HOUR) });
      expect(await agreementOf(listing.id)).toMatchObject({ state: "ending", licenseArn: first.licenseArn });
      expect(await recordsOf(listing.id)).toMatchObject([{ quantity: 5 }]);

      const code = codeIn(await arrive(second.registrationToken));
      expect((await redeem(listing.key, code, "acme")).status).toBe(200);
      const states = (await agreementsOf(listing.id)).map(
        ({ licenseArn, state, customer }) => [licenseArn, [state, customer]] as const,
      );
      expect(new Map(states)).toEqual(
        new Map([
          [first.licenseArn, ["ending", null]],
          [second.licenseArn, ["active", "acme"]],
        ]),
      );
    },
  );

  it("goes on under the first when AWS takes the other licence back", async () => {
    const { listing, first, second } = await newUpgrade("one agreement id");
    const agreementId = first.agreementId;
    await notify(second.agreementId, "license-deprovisioned", { agreementId, at: ago(0.1 * HOUR) });
    expect(await agreementOf(listing.id)).toMatchObject({ state: "active", licenseArn: first.licenseArn });
  });
});

describe("a notice of an agreement by an id that it had before", () => {
  it("is of the agreement, in whatever order it comes", async () => {
    const listing = await newListing();
    const lives: object[] = [];
    for (const order of [
      ["over", "renewed"],
      ["renewed", "over"],
    ]) {
      const bought = await newArrival(listing);
      await notify(bought.agreementId, "license-updated", { at: ago(5 * HOUR) });
      for (const what of order) {
        if (what === "over")
          await notify(bought.agreementId, "agreement-ended", { status: "EXPIRED", at: ago(2 * HOUR) });
        else
          await notify(bought.agreementId, "license-updated", {
            agreementId: `${bought.agreementId}-next`,
            at: ago(1.9 * HOUR),
          });
      }
      const agreement = (await agreementsOf(listing.id)).find(
        ({ licenseArn }) => licenseArn === bought.licenseArn,
      );
      const { state, usageUntil } = agreement ?? { state: "", usageUntil: "" };
      lives.push({ state, usageUntil });
    }
    expect(lives).toEqual([
      { state: "active", usageUntil: null },
      { state: "active", usageUntil: null },
    ]);
  });
});
