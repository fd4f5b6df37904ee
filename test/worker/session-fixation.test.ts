import { describe, expect, it } from "vitest";
import { admin, call, json, type TestProduct } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import { agreementsOf, codeIn, redeem, type AgreementView } from "./support/registering.ts";

/** An attacker has the browser of somebody else open the seller's page with the attacker's code. */

/** A customer who has just been sent on with a code. */
async function newVisitor(listing: TestProduct) {
  const { registrationToken, accountId, licenseArn } = await aws.agreement(listing.id);
  const code = codeIn(await arrive(registrationToken));
  const agreement = (await agreementsOf(listing.id)).find((one) => one.licenseArn === licenseArn);
  return { code, accountId, id: agreement?.id ?? "" };
}

const customerOf = async (id: string) =>
  (await json<AgreementView>(admin("GET", `/v1/agreements/${id}`))).customer;

describe("the code of an attacker in the session of somebody else", () => {
  it("is refused with the id of a customer who has an agreement, and neither agreement changes", async () => {
    const listing = await newListing();
    const [attacker, victim] = [await newVisitor(listing), await newVisitor(listing)];
    await redeem(listing.key, victim.code, "victim");
    expect((await redeem(listing.key, attacker.code, "victim")).status).toBe(409);
    expect([await customerOf(attacker.id), await customerOf(victim.id)]).toEqual([null, "victim"]);
  });

  it("of one who is new shows the attacker's account when the seller looks first, to ask, and nothing is set", async () => {
    const listing = await newListing();
    const attacker = await newVisitor(listing);
    const body = { code: attacker.code, customer: "victim", preview: true };
    const seen = await call("POST", "/v1/registrations/redeem", { token: listing.key, body });
    expect([seen.status, await seen.json()]).toMatchObject([
      200,
      { id: attacker.id, accountId: attacker.accountId, customer: null },
    ]);
    expect(await customerOf(attacker.id)).toBeNull();
    // Nobody has said yes: the victim's own code is what the victim's id is for, and the attacker's still is the attacker's.
    const victim = await newVisitor(listing);
    expect((await redeem(listing.key, victim.code, "victim")).status).toBe(200);
    expect(await (await redeem(listing.key, attacker.code, "attacker")).json()).toMatchObject({
      accountId: attacker.accountId,
      customer: "attacker",
    });
  });
});
