import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { recordsOf, seal, tick, usage } from "./delivering.ts";
import { admin, call, json } from "./gateway.ts";
import { arrive, aws, newListing, notify } from "./marketplace.ts";
import {
  agreementOf,
  codeIn,
  codeOf,
  HOUR,
  ledgerText,
  listenToLogs,
  locationOf,
  redeem,
  toldOf,
} from "./registering.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

interface Contact {
  email: string;
  name: string | null;
  company: string | null;
}

/** A customer who has arrived at the gateway's own page. */
async function newVisitor(settings: object = {}) {
  const listing = await newListing();
  await admin("PATCH", `/v1/products/${listing.id}`, { signUpUrl: null, ...settings });
  const names = await aws.agreement(listing.id);
  await notify(names.agreementId, "license-updated", { at: new Date(Date.now() - 24 * HOUR).toISOString() });
  const arrival = await arrive(names.registrationToken);
  const { id } = await agreementOf(listing.id);
  return { listing, names, id, arrival, page: locationOf(arrival) };
}

const submit = (page: string, fields: Record<string, string>): Promise<Response> =>
  call("POST", page, {
    body: new URLSearchParams(fields).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });

const textOf = async (page: string): Promise<string> => (await call("GET", page)).text();

const contactOf = async (accountId: string): Promise<Contact | null> =>
  (await json<{ agreements: { contact: Contact | null }[] }>(admin("GET", `/v1/customers/${accountId}`)))
    .agreements[0]?.contact ?? null;

const alice = { email: "alice@example.com", name: "Alice Ämmerli", company: "Ämmerli & Söhne" };

describe("the gateway's own page", () => {
  it("is where a customer goes whose product has no sign-up address", async () => {
    const { arrival, page } = await newVisitor({ name: "Widget Cloud" });
    expect(arrival.status).toBe(303);
    expect(page).toMatch(/^\/registration\/mgc_[\w.-]+$/);
    const response = await call("GET", page);
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).toContain("Thank you for subscribing to Widget Cloud on AWS Marketplace");
    expect(text).toContain('<html lang="en">');
    expect(text).toMatch(/<label for="email">E-mail address<\/label>/);
    expect(text).toMatch(/<input\s+id="email"\s+name="email"\s+value=""/);
    expect(text).toContain("What happens next");
    expect(text).toContain("we never ask for payment details");
  });

  it("shows the seller's name, logo, colour, help and what happens next", async () => {
    const { page } = await newVisitor({
      page: {
        seller: "Acme",
        logoUrl: "https://cdn.acme.test/logo.png?a=1",
        color: "#ffee00",
        support: "help@acme.test",
        next: "We call you within a day.",
      },
    });
    const response = await call("GET", page);
    const text = await response.text();
    for (const part of [
      "Acme writes to you here",
      'src="https://cdn.acme.test/logo.png?a=1"',
      "background: #ffee00; color: #000",
      'href="mailto:help@acme.test"',
      "We call you within a day.",
    ])
      expect(text).toContain(part);
    expect(response.headers.get("content-security-policy")).toContain("img-src https://cdn.acme.test;");
  });

  it("keeps nothing in the browser, runs nothing, stands in no frame and tells no other site", async () => {
    const { page } = await newVisitor();
    for (const response of [
      await call("GET", page),
      await submit(page, { email: "no address" }),
      await call("GET", "/registration/unknown"),
      await call("GET", "/register"),
    ]) {
      const { headers } = response;
      expect(headers.get("content-security-policy")).toMatch(
        /^default-src 'none'; style-src 'nonce-[\w-]{36}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
      );
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("set-cookie")).toBeNull();
      const nonce = /'nonce-([\w-]{36})'/.exec(headers.get("content-security-policy") ?? "")?.[1] ?? "none";
      const text = await response.text();
      expect(text).toContain(`<style nonce="${nonce}">`);
      expect(text).not.toMatch(/<script| style=| on\w+=|javascript:/i);
    }
  });

  it("has another nonce each time", async () => {
    const { page } = await newVisitor();
    const [one, two] = [await call("GET", page), await call("GET", page)];
    expect(one.headers.get("content-security-policy")).not.toBe(two.headers.get("content-security-policy"));
  });
});

describe("a customer who signs up", () => {
  it("is told that it is done, and so is the seller", async () => {
    const { page, id, names } = await newVisitor();
    const done = await submit(page, { ...alice, email: ` ${alice.email}\t` });
    expect([done.status, locationOf(done)]).toEqual([303, page]);
    const text = await textOf(page);
    expect(text).toContain("Your account is being set up");
    expect(text).toContain("What happens next");
    expect(text).not.toContain("<form");
    expect(await contactOf(names.accountId)).toMatchObject(alice);
    const told = (await toldOf(id)).filter(({ type }) => type === "agreement.signed_up");
    expect(told).toMatchObject([{ data: { id, contact: alice } }]);
  });

  it("need not say a name or a company", async () => {
    const { page, names } = await newVisitor();
    expect((await submit(page, { email: "a@gmail.com", name: " ", company: "" })).status).toBe(303);
    expect(await contactOf(names.accountId)).toMatchObject({
      email: "a@gmail.com",
      name: null,
      company: null,
    });
  });

  it("does so once: what is sent again changes and tells nothing", async () => {
    const { page, id, names } = await newVisitor();
    await submit(page, alice);
    const again = await submit(page, { email: "mallory@example.com" });
    expect([again.status, locationOf(again)]).toEqual([303, page]);
    expect(await contactOf(names.accountId)).toMatchObject(alice);
    expect((await toldOf(id)).filter(({ type }) => type === "agreement.signed_up")).toHaveLength(1);
  });

  it("does so once, also when several forms are sent at once: the seller is told what is kept", async () => {
    const { page, id, names } = await newVisitor();
    const emails = ["one@example.com", "two@example.com", "three@example.com"];
    const answers = await Promise.all(emails.map((email) => submit(page, { email })));
    expect(answers.map(({ status }) => status)).toEqual([303, 303, 303]);
    const told = (await toldOf(id)).filter(({ type }) => type === "agreement.signed_up");
    expect(told).toHaveLength(1);
    expect(told[0]?.data["contact"]).toMatchObject({ email: (await contactOf(names.accountId))?.email });
  });

  it("may come again from AWS and write something else", async () => {
    const { page, names } = await newVisitor();
    await submit(page, alice);
    const next = locationOf(await arrive(names.registrationToken));
    expect(next).not.toBe(page);
    await submit(next, { email: "new@example.com" });
    expect(await contactOf(names.accountId)).toMatchObject({ email: "new@example.com", name: null });
  });

  it("is not said to have told how to be reached when the code was redeemed elsewhere", async () => {
    const { arrival, page, listing } = await newVisitor();
    expect((await redeem(listing.key, codeIn(arrival), "acme")).status).toBe(200);
    const text = await textOf(page);
    expect(text).toContain("Your account is being set up");
    expect(text).not.toContain("how to reach you");
  });

  it("has used the code up, for the seller's backend too", async () => {
    const { arrival, page, listing } = await newVisitor();
    await submit(page, alice);
    expect((await redeem(listing.key, codeIn(arrival), "acme")).status).toBe(410);
  });

  it.each([
    ["expired", async (id: string) => `/registration/${await codeOf(id, Date.now() - 11 * 60_000)}`],
    ["unknown", () => Promise.resolve("/registration/mgc_unknown")],
    ["markup", () => Promise.resolve("/registration/%3Cscript%3Ealert(1)%3C%2Fscript%3E")],
    ["no text", () => Promise.resolve("/registration/%ff%00")],
  ])("by a code that is %s is told to start again, and nothing is kept", async (_what, pageOf) => {
    const { id, names } = await newVisitor();
    const page = await pageOf(id);
    for (const response of [await call("GET", page), await submit(page, alice)]) {
      expect(response.status).toBe(400);
      const text = await response.text();
      expect(text).toContain("Please start again from AWS Marketplace");
      expect(text).not.toContain("<script");
    }
    expect(await contactOf(names.accountId)).toBeNull();
    expect(await ledgerText()).not.toContain(`${id}_signed_up`);
  });
});

describe("a form that is not right", () => {
  const tooLong = "Use at most 200 characters, in one line.";
  it.each([
    ["no e-mail address", { email: "" }, "email", "Enter your e-mail address."],
    ["a word for one", { email: "alice" }, "email", "Enter an e-mail address like name@example.com."],
    ["two of them", { email: "a@b.test,c@d.test" }, "email", "Enter an e-mail address like"],
    ["a line break in it", { email: "a@b.test\r\nbcc: c@d.test" }, "email", "Enter an e-mail address like"],
    ["255 characters", { email: `${"a".repeat(245)}@b.example` }, "email", "Enter an e-mail address like"],
    ["a long name", { email: "a@b.test", name: "x".repeat(201) }, "name", tooLong],
    ["a long company", { email: "a@b.test", company: "x".repeat(201) }, "company", tooLong],
    ["NUL in a name", { email: "a@b.test", name: "a\u0000b" }, "name", tooLong],
    ["a line break in a name", { email: "a@b.test", name: "Bob\r\nBcc: c@d.test" }, "name", tooLong],
    ["what turns the text around", { email: "a@b.test", company: "a\u202eb" }, "company", tooLong],
  ] as [string, Record<string, string>, string, string][])(
    "with %s says so at the field, keeps what was written, and the code holds",
    async (_what, fields, field, message) => {
      const { page, names, id } = await newVisitor();
      const form = { email: "kept@example.com", name: "Kept Name", company: "Kept Company", ...fields };
      const response = await submit(page, form);
      expect(response.status).toBe(400);
      const text = await response.text();
      expect(text).toContain("Please check what you entered");
      expect(text).toContain(`<p class="error" id="${field}-error" role="alert">${message}`);
      expect(text.match(/ aria-invalid="true"/g)).toHaveLength(1);
      expect(text).toMatch(new RegExp(`aria-describedby="[^"]*${field}-error"`));
      for (const kept of ["Kept Name", "Kept Company"].filter((value) => Object.values(form).includes(value)))
        expect(text).toContain(`value="${kept}"`);
      expect(await contactOf(names.accountId)).toBeNull();
      expect((await toldOf(id)).map(({ type }) => type)).not.toContain("agreement.signed_up");
      expect((await submit(page, alice)).status).toBe(303);
    },
  );

  it.each(["email", "name", "company"])("shows markup in %s as what it is", async (field) => {
    const { page } = await newVisitor();
    const attack = `"><script>alert(1)</script><img src=x onerror='alert(1)'>&amp;`;
    const form = { email: "no address", name: "", company: "", [field]: attack };
    const text = await (await submit(page, form)).text();
    expect(text).not.toMatch(/<script|<img/);
    expect(text).toContain(
      'value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;amp;"',
    );
  });

  it("of another kind, or without end, is not taken", async () => {
    const { page, names } = await newVisitor();
    const headers = { "content-type": "application/json" };
    expect((await call("POST", page, { body: JSON.stringify(alice), headers })).status).toBe(400);
    expect((await submit(page, { ...alice, name: "x".repeat(1_000_000) })).status).toBe(413);
    expect(await contactOf(names.accountId)).toBeNull();
  });
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
