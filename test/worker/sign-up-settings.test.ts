import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { recordsOf, seal, tick, usage } from "./support/delivering.ts";
import { admin, call, json } from "./support/gateway.ts";
import { newListing } from "./support/marketplace.ts";
import { agreementOf, ledgerText, listenToLogs, toldOf } from "./support/registering.ts";
import { alice, contactOf, newVisitor, submit, textOf } from "./support/signing-up.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("what the seller has configured", () => {
  const attack = `</title></style><script>alert(1)</script>"'>`;
  it("is text on every page, whatever it looks like", async () => {
    const { page, listing } = await newVisitor({
      name: attack,
      page: {
        seller: attack,
        next: attack,
        support: `https://acme.test/"><script>alert(1)</script>`,
        logoUrl: `https://acme.test/"><script>alert(1)</script>`,
      },
    });
    const pages = [await textOf(page), await textOf(`/register/${listing.id}`)];
    await submit(page, alice);
    pages.push(await textOf(page));
    for (const text of pages) {
      expect(text).not.toContain("<script");
      expect(text.match(/<\/style>/g)).toHaveLength(1);
      expect(text).toContain("&lt;/title&gt;&lt;/style&gt;&lt;script&gt;");
    }
  });

  it.each([
    ["color", "red;}body{background:url(//evil.test)}"],
    ["color", "#12345"],
    ["color", "#123456\n"],
    ["logoUrl", "javascript:alert(1)"],
    ["logoUrl", "data:text/html,x"],
    ["support", "javascript://x/%0aalert(1)"],
    ["support", 'a@b.test" onmouseover="alert(1)'],
  ])("is refused where it could be more: %s %j", async (field, value) => {
    const listing = await newListing();
    const changed = await admin("PATCH", `/v1/products/${listing.id}`, { page: { [field]: value } });
    expect(changed.status).toBe(400);
  });
});

describe("a customer's personal data", () => {
  it("is erased without a trace in the books, which stay as they are", async () => {
    const { page, listing, names, id } = await newVisitor();
    const bob = { email: "bob@example.org", name: "Bob Bobsson", company: "Bobsson AB" };
    await submit(page, bob);
    expect(await ledgerText()).toContain(bob.email);
    await listing.post(usage(names.accountId, 7));
    await seal(listing.id);
    await tick();
    const books = async () => ({
      agreement: await agreementOf(listing.id),
      records: await recordsOf(listing.id),
      conservation: await json<{ totals: object }>(admin("GET", `/v1/conservation?product=${listing.id}`)),
    });
    const before = await books();
    expect(before.records).toMatchObject([{ state: "delivered", quantity: 7 }]);
    expect(before.conservation.totals).toMatchObject({ accepted: "7", delivered: "7" });
    expect(JSON.stringify(before)).not.toContain(bob.email);

    const path = `/v1/customers/${names.accountId}/personal-data`;
    expect((await call("DELETE", path, { token: listing.key })).status).toBe(401);
    expect(await json(admin("DELETE", path))).toEqual({ erased: 1 });
    expect(await contactOf(names.accountId)).toBeNull();
    expect(await books()).toEqual(before);
    const ledger = await ledgerText();
    for (const datum of Object.values(bob)) expect(ledger).not.toContain(datum);
    expect((await toldOf(id)).map(({ type }) => type)).toEqual([
      "agreement.registered",
      "agreement.activated",
    ]);
    expect(await json(admin("DELETE", path))).toEqual({ erased: 0 });
  });

  it("reaches no log when the ledger fails, and the customer can send the form again", async () => {
    const { page, names } = await newVisitor();
    const logged = listenToLogs();
    await env.DB.exec("ALTER TABLE contacts RENAME TO contacts_away");
    try {
      const failed = await submit(page, alice);
      expect(failed.status).toBe(503);
      expect(await failed.text()).toContain("We could not finish setting up your account");
      const search = await admin("GET", `/v1/customers?search=${encodeURIComponent(alice.email)}`);
      expect(search.status).toBe(503);
    } finally {
      await env.DB.exec("ALTER TABLE contacts_away RENAME TO contacts");
    }
    expect(logged.join("\n")).toContain("no such table: contacts");
    for (const datum of Object.values(alice)) expect(logged.join("\n")).not.toContain(datum);
    expect((await submit(page, alice)).status).toBe(303);
    expect(await contactOf(names.accountId)).toMatchObject(alice);
  });
});
