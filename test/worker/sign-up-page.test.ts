import { describe, expect, it } from "vitest";
import { call } from "./support/gateway.ts";
import { arrive } from "./support/marketplace.ts";
import { codeIn, codeOf, ledgerText, locationOf, redeem, toldOf } from "./support/registering.ts";
import { alice, contactOf, newVisitor, submit, textOf } from "./support/signing-up.ts";
import { MINUTE } from "./support/times.ts";

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
    expect(text.replaceAll(/\s+/g, " ")).toContain(
      "AWS bills you for what you use; we never ask for payment details.",
    );
  });

  it("says to a customer who has paid in advance how the contract is paid", async () => {
    const { page } = await newVisitor({ contract: true });
    expect((await textOf(page)).replaceAll(/\s+/g, " ")).toContain(
      "You pay on AWS Marketplace, as your contract says; we never ask for payment details.",
    );
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

  it("is the same with a slash at its end", async () => {
    const { page, names } = await newVisitor();
    expect(await textOf(`${page}/`)).toContain("Thank you for subscribing");
    const done = await submit(`${page}/`, { email: "a@b.test" });
    expect([done.status, locationOf(done)]).toEqual([303, page]);
    expect(await contactOf(names.accountId)).toMatchObject({ email: "a@b.test" });
  });

  it.each(["/registration", "/registration/", "/registration/mgc_x/y", "/registration/waiting/x/y"])(
    "has no neighbour that shows a browser JSON: %s",
    async (path) => {
      for (const response of [await call("GET", path), await submit(path, alice)]) {
        expect(response.status).toBe(400);
        expect(response.headers.get("content-type")).toContain("text/html");
      }
    },
  );

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

  it("may have copied marks along that nobody sees: they are not kept", async () => {
    const { page, names } = await newVisitor();
    const done = await submit(page, {
      email: "\u200falice@\u200bexample.com\u200e",
      name: "דוד\u200f",
      company: "\u202aÄmmerli\u202c &\tSöhne\ufeff",
    });
    expect([done.status, locationOf(done)]).toEqual([303, page]);
    expect(await contactOf(names.accountId)).toMatchObject({
      email: "alice@example.com",
      name: "דוד",
      company: "Ämmerli & Söhne",
    });
  });

  it("cannot turn the text around that a name is shown in", async () => {
    const { page, names } = await newVisitor();
    await submit(page, { email: "a@b.test", company: "a\u202eb\u2066c" });
    expect(await contactOf(names.accountId)).toMatchObject({ company: "abc" });
  });

  it("keeps the marks that a name is written with", async () => {
    const { page, names } = await newVisitor();
    await submit(page, { email: "a@b.test", name: "علی\u200cرضا" });
    expect(await contactOf(names.accountId)).toMatchObject({ name: "علی\u200cرضا" });
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
    expect(again.status).toBe(303);
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
    expect(text).not.toContain("writes to");
  });

  it("has used the code up, for the seller's backend too", async () => {
    const { arrival, page, listing } = await newVisitor();
    await submit(page, alice);
    expect((await redeem(listing.key, codeIn(arrival), "acme")).status).toBe(410);
  });

  it.each([
    ["expired", async (id: string) => `/registration/${await codeOf(id, Date.now() - 11 * MINUTE)}`],
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
    ["a line separator in a name", { email: "a@b.test", name: "Bob\u2028Bcc: c@d.test" }, "name", tooLong],
    [
      "a letter with an accent in the address",
      { email: "zoë@example.com" },
      "email",
      "Enter an e-mail address like name@example.com, of letters without accents: “ë” cannot be used here.",
    ],
    [
      "such a letter in two parts",
      { email: "zoe\u0308@example.com" },
      "email",
      "Enter an e-mail address like name@example.com, of letters without accents: “ë” cannot be used here.",
    ],
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
    const endless = await submit(page, { ...alice, name: "x".repeat(1_000_000) });
    expect([endless.status, endless.headers.get("content-type")]).toEqual([413, "text/html; charset=UTF-8"]);
    expect(await endless.text()).toContain('<a href="?">Fill in the form again</a>');
    expect(await contactOf(names.accountId)).toBeNull();
  });
});
