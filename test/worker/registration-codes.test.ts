import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { newCode, registrationKeys } from "../../src/customers/registration/keys.ts";
import { tick } from "./support/delivering.ts";
import { admin, call, json, newProduct, type TestProduct } from "./support/gateway.ts";
import { arrive, aws, newListing, notify } from "./support/marketplace.ts";
import {
  agreementOf,
  agreementsOf,
  callWithSecret,
  codeIn,
  codeOf,
  ledgerText,
  listenToLogs,
  redeem,
  type AgreementView,
} from "./support/registering.ts";
import { MINUTE } from "./support/times.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const random = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);

/** A customer who has just been sent on with a code. */
async function newVisitor(product?: TestProduct) {
  const listing = product ?? (await newListing());
  const { registrationToken, ...names } = await aws.agreement(listing.id);
  const code = codeIn(await arrive(registrationToken));
  const agreements = await agreementsOf(listing.id);
  const id = agreements.find(({ licenseArn }) => licenseArn === names.licenseArn)?.id ?? "";
  return { listing, registrationToken, names, code, id };
}

const redeemed = (token: string, code: string, customer?: string) =>
  json<AgreementView>(redeem(token, code, customer));

/** Asks whose a code is, as the seller's backend does before it asks the customer. */
const preview = (token: string, code: string, also: object = {}) =>
  json(call("POST", "/v1/registrations/redeem", { token, body: { code, preview: true, ...also } }));

const customerOf = async (id: string) =>
  (await json<AgreementView>(admin("GET", `/v1/agreements/${id}`))).customer;

describe("a registration code", () => {
  it("gives the seller's backend the agreement, and sets the seller's own id, once", async () => {
    const { listing, names, code, id } = await newVisitor();
    const agreement = await redeemed(listing.key, code, "acme");
    expect(agreement).toMatchObject({
      id,
      product: listing.id,
      accountId: names.accountId,
      licenseArn: names.licenseArn,
      customer: "acme",
    });
    expect(await json(admin("GET", `/v1/agreements/${id}`))).toEqual(agreement);
    const other = await redeem(listing.key, code, "other");
    expect([other.status, await customerOf(id)]).toEqual([410, "acme"]);
  });

  it("is answered again with the same id, since the answer may have been lost", async () => {
    const { listing, code } = await newVisitor();
    const first = await redeemed(listing.key, code, "acme");
    expect(await redeemed(listing.key, code, "acme")).toEqual(first);
  });

  it("is not answered again once the operator has given the customer another id", async () => {
    const { listing, code, id } = await newVisitor();
    await redeem(listing.key, code, "acme");
    await admin("PATCH", `/v1/agreements/${id}`, { customer: "acme-2" });
    expect((await redeem(listing.key, code, "acme")).status).toBe(410);
    expect(await customerOf(id)).toBe("acme-2");
  });

  it("needs no id of the seller's, and leaves one that is there", async () => {
    const { listing, code, id } = await newVisitor();
    await admin("PATCH", `/v1/agreements/${id}`, { customer: "acme" });
    expect(await redeemed(listing.key, code)).toMatchObject({ id, customer: "acme" });
    expect((await redeem(listing.key, code)).status).toBe(410);
    expect(await customerOf(id)).toBe("acme");
  });

  it("shows whose it is first, as often as wanted, and holds", async () => {
    const { listing, code, names, id } = await newVisitor();
    for (const key of [listing.key, listing.key, env.ADMIN_TOKEN ?? ""])
      expect(await preview(key, code)).toMatchObject({ id, accountId: names.accountId, customer: null });
    const stranger = await newProduct();
    expect(await preview(stranger.key, code)).toMatchObject({ status: 404 });
    expect(await redeemed(listing.key, code, "acme")).toMatchObject({ id, customer: "acme" });
    const advice = '"preview": true';
    const after = await preview(listing.key, code);
    expect(after).toMatchObject({ status: 410, detail: expect.not.stringContaining(advice) as unknown });
    const again = await json(redeem(listing.key, code, "other"));
    expect(again).toMatchObject({ status: 410, detail: expect.stringContaining(advice) as unknown });
  });

  it("sets nothing when it is only shown, whatever id is sent along", async () => {
    const { listing, code, id } = await newVisitor();
    await preview(listing.key, code, { customer: "acme" });
    expect(await customerOf(id)).toBeNull();
  });

  it("is redeemed by the operator for any product", async () => {
    const { code, id } = await newVisitor();
    expect(await redeemed(env.ADMIN_TOKEN ?? "", code, "acme")).toMatchObject({ id, customer: "acme" });
  });

  it("is unknown to another product's key, and still holds", async () => {
    const { listing, code, id } = await newVisitor();
    const stranger = await newProduct();
    expect((await redeem(stranger.key, code, "theirs")).status).toBe(404);
    expect(await redeemed(listing.key, code, "acme")).toMatchObject({ id, customer: "acme" });
  });

  it.each([
    ["without a key", {}],
    ["with a key that does not exist", { token: `mgk_${"x".repeat(43)}` }],
    ["with the code as the key", { token: "the code" }],
  ])("is not redeemed %s", async (_what, sent: { token?: string }) => {
    const { listing, code, id } = await newVisitor();
    const token = sent.token === "the code" ? code : sent.token;
    const response = await call("POST", "/v1/registrations/redeem", {
      ...(token !== undefined && { token }),
      body: { code, customer: "acme" },
    });
    expect(response.status).toBe(401);
    expect((await redeem(listing.key, code)).status).toBe(200);
    expect(await customerOf(id)).toBeNull();
  });

  it("is not redeemed with a key that was taken back", async () => {
    const { listing, code } = await newVisitor();
    const spare = await json<{ id: string; key: string }>(admin("POST", "/v1/keys", { product: listing.id }));
    await admin("DELETE", `/v1/keys/${spare.id}`);
    expect((await redeem(spare.key, code, "acme")).status).toBe(401);
  });

  it("holds for ten minutes", async () => {
    const { listing, id } = await newVisitor();
    const [old, young] = await Promise.all([
      codeOf(id, Date.now() - 10 * MINUTE - 1),
      codeOf(id, Date.now() - 9 * MINUTE),
    ]);
    expect((await redeem(listing.key, old, "acme")).status).toBe(410);
    expect(await customerOf(id)).toBeNull();
    expect(await redeemed(listing.key, young, "acme")).toMatchObject({ id });
  });

  it("is forgotten once it has expired, and not before", async () => {
    const { listing, code, id } = await newVisitor();
    await codeOf(id, Date.now() - 60 * MINUTE);
    const count = () =>
      env.DB.prepare("SELECT count(*) AS n FROM registration_codes WHERE agreement_id = ?")
        .bind(id)
        .first("n");
    expect(await count()).toBe(2);
    await tick();
    expect(await count()).toBe(1);
    expect(await redeemed(listing.key, code, "acme")).toMatchObject({ id });
  });

  it("of another secret is unknown", async () => {
    const { listing, code, id } = await newVisitor();
    const keys = await registrationKeys("another-registration-secret-of-32-chars");
    const forged = await newCode(keys, Date.now() + 5 * MINUTE, random);
    expect((await redeem(listing.key, forged, "acme")).status).toBe(404);
    const request = new Request("https://gateway.test/v1/registrations/redeem", {
      method: "POST",
      headers: { authorization: `Bearer ${listing.key}`, "content-type": "application/json" },
      body: JSON.stringify({ code }),
    });
    expect((await callWithSecret("another-registration-secret-of-32-chars", request)).status).toBe(404);
    expect(await redeemed(listing.key, code)).toMatchObject({ id });
  });

  it("that is signed, and was never issued, is unknown", async () => {
    const { listing } = await newVisitor();
    const keys = await registrationKeys(env.REGISTRATION_SECRET ?? "");
    const signed = await newCode(keys, Date.now() + 5 * MINUTE, random);
    expect((await redeem(listing.key, signed, "acme")).status).toBe(404);
  });

  it("is unknown when any character of it has changed, is missing or is one too many", async () => {
    const { listing, code, id } = await newVisitor();
    const changed = Array.from(code).map((character, at) => {
      const other = character === "a" ? "b" : "a";
      return code.slice(0, at) + other + code.slice(at + 1);
    });
    const wrong = [
      ...changed,
      code.slice(1),
      code.slice(0, -1),
      `${code}a`,
      ` ${code}`,
      `${code}\n`,
      code.toUpperCase(),
    ];
    const statuses = await Promise.all(
      wrong.map(async (each) => (await redeem(listing.key, each, "acme")).status),
    );
    expect([...new Set(statuses)]).toEqual([404]);
    expect(await redeemed(listing.key, code)).toMatchObject({ id, customer: null });
  });

  it("with a later end than it was signed for is unknown", async () => {
    const { listing, id } = await newVisitor();
    const old = await codeOf(id, Date.now() - 20 * MINUTE);
    const [random = "", , signature = ""] = old.split(".");
    const later = `${random}.${(Date.now() + 60 * MINUTE).toString(36)}.${signature}`;
    expect((await redeem(listing.key, later, "acme")).status).toBe(404);
  });
});

describe("two redemptions at once", () => {
  it("of one code with one id are both answered", async () => {
    const { listing, code, id } = await newVisitor();
    const both = await Promise.all([1, 2].map(() => redeem(listing.key, code, "acme")));
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    expect(await customerOf(id)).toBe("acme");
  });

  it("of one code with different ids set one of them", async () => {
    const { listing, code, id } = await newVisitor();
    const ids = ["one", "two", "three"];
    const answers = await Promise.all(ids.map((customer) => redeem(listing.key, code, customer)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 410, 410]);
    const winner = ids[answers.findIndex(({ status }) => status === 200)];
    expect(await customerOf(id)).toBe(winner);
  });

  it("of two codes of one customer with different ids set one, and the other code still holds", async () => {
    const { listing, registrationToken, code, id } = await newVisitor();
    const codes = [code, codeIn(await arrive(registrationToken))];
    const ids = ["one", "two"];
    const answers = await Promise.all(codes.map((each, at) => redeem(listing.key, each, ids[at])));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    const at = answers.findIndex(({ status }) => status === 200);
    expect(await customerOf(id)).toBe(ids[at]);
    expect((await redeem(listing.key, codes[1 - at] ?? "", ids[at])).status).toBe(200);
  });

  it("of two customers' codes with one id give it to one of them", async () => {
    const first = await newVisitor();
    const second = await newVisitor(first.listing);
    const answers = await Promise.all(
      [first.code, second.code].map((code) => redeem(first.listing.key, code, "acme")),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    const customers = [await customerOf(first.id), await customerOf(second.id)];
    expect(customers.filter((customer) => customer === "acme")).toHaveLength(1);
  });
});

describe("what a code could be made to tell", () => {
  it("is nothing of AWS's: not in a header, a page, an address, the log or the ledger", async () => {
    const logged = listenToLogs();
    const listing = await newListing();
    await admin("PATCH", `/v1/products/${listing.id}`, { signUpUrl: null });
    const { registrationToken, agreementId, accountId, licenseArn } = await aws.agreement(listing.id);
    await notify(agreementId, "agreement-created");
    const arrival = await arrive(registrationToken);
    const page = await call("GET", `/registration/${codeIn(arrival)}`);
    const seen = [arrival, page].map((response) => JSON.stringify([...response.headers]));
    seen.push(await arrival.text(), await page.text(), ...logged);
    const { id } = await agreementOf(listing.id);
    for (const secret of [registrationToken, agreementId, accountId, licenseArn, id]) {
      expect(seen.join("\n")).not.toContain(secret);
      expect(seen.join("\n")).not.toContain(encodeURIComponent(secret));
    }
    expect(page.headers.get("set-cookie") ?? arrival.headers.get("set-cookie")).toBeNull();
    const ledger = await ledgerText();
    expect(ledger).toContain(accountId);
    expect(ledger).not.toContain(registrationToken);
    expect(ledger).not.toContain(codeIn(arrival));
  });

  it("is not kept by a browser or told to another site", async () => {
    const { registrationToken } = await newVisitor();
    const { headers } = await arrive(registrationToken);
    expect([headers.get("cache-control"), headers.get("referrer-policy")]).toEqual([
      "no-store",
      "no-referrer",
    ]);
  });
});

describe("without REGISTRATION_SECRET, or with one that can be guessed", () => {
  it.each([undefined, "", "x".repeat(31)])("%j", async (secret) => {
    const logged = listenToLogs();
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    const request = (path: string, body: string, headers: Record<string, string>) =>
      new Request(`https://gateway.test${path}`, { method: "POST", body, headers, redirect: "manual" });
    const form = new URLSearchParams({ "x-amzn-marketplace-token": registrationToken }).toString();
    const arrival = await callWithSecret(
      secret,
      request("/register", form, { "content-type": "application/x-www-form-urlencoded" }),
    );
    expect([arrival.status, arrival.headers.get("retry-after")]).toEqual([503, "60"]);
    expect(await arrival.text()).toContain("Your subscription is safe");
    expect(logged.join("\n")).toContain("npx wrangler secret put REGISTRATION_SECRET");
    expect(await agreementsOf(listing.id)).toHaveLength(1);
    const redemption = await callWithSecret(
      secret,
      request("/v1/registrations/redeem", JSON.stringify({ code: "any" }), {
        authorization: `Bearer ${listing.key}`,
        "content-type": "application/json",
      }),
    );
    expect(redemption.status).toBe(503);
    expect(await json(redemption)).toMatchObject({
      code: "not_configured",
      detail: expect.stringContaining("fewer than 32 characters") as unknown,
    });
  });
});
