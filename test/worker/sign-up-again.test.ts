import { describe, expect, it } from "vitest";
import { admin, call } from "./support/gateway.ts";
import { arrive, aws } from "./support/marketplace.ts";
import { codeIn, faultResolving, locationOf, pass, redeem } from "./support/registering.ts";
import { alice, contactOf, newVisitor, submit, textOf as markupOf } from "./support/signing-up.ts";
import { SECOND } from "./support/times.ts";

/** Customers who come to the gateway's own page and have signed up before. */

const NOT_TAKEN = "What you have just sent was not taken";

/** A page's text, in one line. */
const textOf = async (page: string) => (await markupOf(page)).replaceAll(/\s+/g, " ");

describe("the page of a customer who has signed up", () => {
  it("says which address was taken, and how to change it", async () => {
    const { page } = await newVisitor({ name: "Widget Cloud" });
    await submit(page, alice);
    const text = await textOf(page);
    expect(text).toContain(`Widget Cloud writes to <strong>${alice.email}</strong>.`);
    expect(text).toContain(
      'press "Set up your account" again. There you can change it.'.replaceAll('"', "&quot;"),
    );
    expect(text).not.toContain(NOT_TAKEN);
  });

  it("says that what a second tab sends later is not taken", async () => {
    const { page, names } = await newVisitor();
    await submit(page, alice);
    const late = await submit(page, { ...alice, email: "corrected@example.com" });
    expect([late.status, locationOf(late)]).toEqual([303, `${page}?late`]);
    const text = await textOf(locationOf(late));
    expect(text).toContain(NOT_TAKEN);
    expect(text).toContain(`writes to <strong>${alice.email}</strong>.`);
    expect(text).not.toContain("corrected@example.com");
    expect(await contactOf(names.accountId)).toMatchObject(alice);
  });

  it("says so when the second differs only in the name, and not when it is the same", async () => {
    const { page } = await newVisitor();
    await submit(page, alice);
    expect(locationOf(await submit(page, { ...alice, name: "Alice" }))).toBe(`${page}?late`);
    expect(locationOf(await submit(page, { ...alice, company: "" }))).toBe(`${page}?late`);
    expect(locationOf(await submit(page, alice))).toBe(page);
  });

  it("says so to all but one of those that are sent at once", async () => {
    const { page } = await newVisitor();
    const emails = ["one@example.com", "two@example.com", "three@example.com"];
    const answers = await Promise.all(emails.map((email) => submit(page, { email })));
    expect(answers.map(locationOf).filter((address) => address === page)).toHaveLength(1);
  });

  it("says so, too, when the code was redeemed elsewhere", async () => {
    const { arrival, page, listing } = await newVisitor();
    await redeem(listing.key, codeIn(arrival), "acme");
    const text = await textOf(locationOf(await submit(page, alice)));
    expect(text).toContain(NOT_TAKEN);
    expect(text).not.toContain("writes to");
  });

  it("tells nothing of what was written once that is erased", async () => {
    const { page, names } = await newVisitor();
    await submit(page, alice);
    expect(await textOf(page)).toContain(alice.email);
    await admin("DELETE", `/v1/customers/${names.accountId}/personal-data`);
    expect(await textOf(page)).not.toContain(alice.email);
  });
});

describe("a customer who has signed up and comes again", () => {
  it("by AWS's button is told that it is done, and may change what was given", async () => {
    const { page, names } = await newVisitor({ name: "Widget Cloud" });
    await submit(page, alice);
    const next = locationOf(await arrive(await aws.token(names.agreementId)));
    const text = await textOf(next);
    expect(text).toContain("<h1>You have signed up already</h1>");
    expect(text).toContain(
      `There is no need to do it again: Widget Cloud writes to <strong>${alice.email}</strong>.`,
    );
    expect(text).not.toContain("Thank you for subscribing");
    expect(text).toContain(`value="${alice.email}"`);
    expect(text).toContain(`value="${alice.name}"`);
    expect(text).toContain('value="Ämmerli &amp; Söhne"');
    await submit(next, { ...alice, email: "new@example.com" });
    expect(await contactOf(names.accountId)).toMatchObject({ ...alice, email: "new@example.com" });
  });

  it("to the waiting page is told so as well", async () => {
    const { names } = await newVisitor();
    await faultResolving({ kind: "throttle" });
    const waits = locationOf(await arrive(await aws.token(names.agreementId)));
    await aws.heal();
    await pass(6 * SECOND);
    await submit(locationOf(await call("GET", waits)), alice);
    expect(await textOf(locationOf(await call("GET", waits)))).toContain("You have signed up already");
  });

  it("and makes a mistake is still told where the seller writes to", async () => {
    const { page, names } = await newVisitor();
    await submit(page, alice);
    const next = locationOf(await arrive(await aws.token(names.agreementId)));
    const wrong = await submit(next, { email: "nobody" });
    expect(wrong.status).toBe(400);
    const text = await wrong.text();
    expect(text).toContain(`<strong>${alice.email}</strong>`);
    expect(text).toContain('value="nobody"');
    expect(text).toContain("Please check what you entered");
  });
});
