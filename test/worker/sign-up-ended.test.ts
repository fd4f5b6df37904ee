import { describe, expect, it } from "vitest";
import { admin } from "./support/gateway.ts";
import { arrive, aws, newListing, notify } from "./support/marketplace.ts";
import { locationOf, toldOf, agreementOf } from "./support/registering.ts";
import { alice, contactOf, newVisitor, submit, textOf as markupOf } from "./support/signing-up.ts";
import { DAY, HOUR, iso, MINUTE } from "./support/times.ts";

/** Customers of the gateway's own page whose subscription has ended. */

const textOf = async (page: string) => (await markupOf(page)).replaceAll(/\s+/g, " ");

const at = (time: number) => ({ at: iso(time) });

/** The day of a time, as the page writes it. */
const dayOf = (time: number) =>
  new Date(time).toLocaleDateString("en", { dateStyle: "long", timeZone: "UTC" });

describe("a customer whose subscription has ended before the account was set up", () => {
  it.each([
    ["a moment ago, in its final hour", Date.now() - MINUTE],
    ["long ago", Date.now() - 3 * HOUR],
  ])("%s, is told so, and asked for nothing", async (_when, endedAt) => {
    const listing = await newListing();
    await admin("PATCH", `/v1/products/${listing.id}`, { signUpUrl: null, name: "Widget Cloud" });
    const { registrationToken, agreementId } = await aws.agreement(listing.id);
    await notify(agreementId, "license-updated", at(Date.now() - DAY));
    await notify(agreementId, "license-deprovisioned", at(endedAt));
    const page = locationOf(await arrive(registrationToken));
    const text = await textOf(page);
    expect(text).toContain("<h1>Your subscription has ended</h1>");
    expect(text).toContain(
      `AWS Marketplace says that your subscription to Widget Cloud ended on ${dayOf(endedAt)} (UTC).`,
    );
    expect(text).not.toMatch(/<form|Thank you/);
  });
});

describe("a customer whose subscription ends while the form is open", () => {
  it("is told that nothing was taken, and the seller is told nothing", async () => {
    const { page, names, id } = await newVisitor();
    await notify(names.agreementId, "license-deprovisioned", at(Date.now()));
    const late = await submit(page, alice);
    expect([late.status, locationOf(late)]).toEqual([303, `${page}?late`]);
    const text = await textOf(locationOf(late));
    expect(text).toContain("Your subscription has ended");
    expect(text).toContain("What you have just sent was not taken.");
    expect(await contactOf(names.accountId)).toBeNull();
    expect((await toldOf(id)).map(({ type }) => type)).not.toContain("agreement.signed_up");
  });
});

describe("a customer who has signed up", () => {
  it("sees no more that the subscription is confirmed once it has ended", async () => {
    const { page, names } = await newVisitor();
    await submit(page, alice);
    await notify(names.agreementId, "license-deprovisioned", at(Date.now()));
    expect(await textOf(page)).toContain("Your subscription has ended");
  });

  it("and subscribes again goes on as soon as AWS tells of it", async () => {
    const { page, names, listing } = await newVisitor();
    await notify(names.agreementId, "license-deprovisioned", at(Date.now() - MINUTE));
    expect(await textOf(page)).toContain("Have you just done so?");
    await notify(names.agreementId, "license-updated", at(Date.now()));
    expect(await agreementOf(listing.id)).toMatchObject({ state: "active" });
    expect(await textOf(page)).toContain("Thank you for subscribing");
  });
});
