import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { encryptToken, registrationKeys, ticketFor } from "../../src/customers/registration/keys.ts";
import { sha256Hex } from "../../src/sha256.ts";
import { withTrigger } from "./support/breaking.ts";
import { tick } from "./support/delivering.ts";
import { admin, call } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import {
  agreementOf,
  agreementsOf,
  callWithSecret,
  codeIn,
  faultResolving,
  ledgerText,
  listenToLogs,
  locationOf,
  lostAlarms,
  newWaiter,
  pass,
  redeem,
  waiting,
  waitingAlarms,
} from "./support/registering.ts";
import { DAY, HOUR, MINUTE, SECOND } from "./support/times.ts";

let logged: string[] = [];
beforeEach(async () => {
  await env.DB.batch(
    ["arrivals", "alarms", "incidents"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
  );
  logged = listenToLogs();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await aws.heal();
  await aws.switches({ tokenTtlHours: 4 });
});

describe("a customer who comes while AWS cannot answer", () => {
  it.each([
    ["throttles", { kind: "throttle" }],
    ["has an internal error", { kind: "internal-error" }],
    ["answers with a page", { kind: "html-503" }],
    ["breaks the connection", { kind: "drop-connection" }],
  ])("is sent to a page that waits when it %s", async (_what, faults) => {
    const { arrival, page, listing } = await newWaiter(faults);
    expect(arrival.status).toBe(303);
    expect(page).toMatch(/^\/registration\/waiting\/[\w-]{43}$/);
    expect(await agreementsOf(listing.id)).toEqual([]);
    expect(await waiting()).toBe(1);
  });

  it("is sent there when AWS takes longer than a customer waits", async () => {
    const { page } = await newWaiter({ kind: "latency", milliseconds: 6000 });
    expect(page).toMatch(/^\/registration\/waiting\//);
  });

  it("sees an honest page that loads itself again, keeps nothing, and runs nothing", async () => {
    const { page } = await newWaiter();
    const response = await call("GET", page);
    expect(response.status).toBe(200);
    const { headers } = response;
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'nonce-/);
    expect(headers.get("set-cookie")).toBeNull();
    const text = await response.text();
    expect(text).toContain("We could not set up your account with AWS Marketplace yet");
    expect(headers.get("refresh")).toBe("10");
    expect(text).not.toContain("<script");
    expect(text).not.toContain("expired");
  });

  it("sees whose page it is where the address says the product", async () => {
    const { listing, page } = await newWaiter({ kind: "throttle" }, { path: "/register/:product" });
    await admin("PATCH", `/v1/products/${listing.id}`, {
      page: { seller: "Acme", support: "help@acme.test" },
    });
    const text = await (await call("GET", page)).text();
    expect(text).toContain("Acme");
    expect(text).toContain("mailto:help@acme.test");
  });

  it("has the token kept encrypted, and nowhere else", async () => {
    const { registrationToken, page } = await newWaiter({
      kind: "error",
      error: "InternalServiceErrorException",
    });
    await faultResolving({
      kind: "error",
      error: "InternalServiceErrorException",
      message: `cannot look up ${registrationToken}`,
    });
    await pass(10 * MINUTE);
    await call("GET", page);
    await tick();
    const alarms = JSON.stringify(await waitingAlarms());
    const ticket = page.split("/").at(-1) ?? "";
    for (const text of [await ledgerText(), alarms, logged.join("\n"), page]) {
      expect(text).not.toContain(registrationToken);
      expect(text).not.toContain(encodeURIComponent(registrationToken));
      expect(text).not.toContain(registrationToken.slice(0, 32));
    }
    expect(await ledgerText()).not.toContain(ticket);
    expect(alarms).toContain("cannot look up [hidden]");
  });

  it("is one customer however often it comes", async () => {
    const { registrationToken, page } = await newWaiter();
    const again = await Promise.all([1, 2].map(() => arrive(registrationToken)));
    expect(again.map(locationOf)).toEqual([page, page]);
    expect(await waiting()).toBe(1);
  });

  it("is not asked for more often than it is time to, however often the page is loaded", async () => {
    const { page } = await newWaiter();
    await pass(6 * SECOND);
    const asked = await aws.callsDuring(async () => {
      await Promise.all([1, 2, 3].map(() => call("GET", page)));
      await tick();
    });
    expect(asked.filter(({ operation }) => operation === "ResolveCustomer")).toHaveLength(1);
  });
});

async function expectLapsed(page: string): Promise<void> {
  const response = await call("GET", page);
  expect(response.status).toBe(410);
  const text = (await response.text()).replaceAll(/\s+/g, " ");
  expect(text).toContain("no fault of yours");
  expect(text).toContain("press &quot;Set up your account&quot; again");
  expect(text).not.toContain("expired");
}

describe("a customer who waits", () => {
  it("goes on from the page as soon as AWS answers, with a code that redeems", async () => {
    const { page, listing, names, registrationToken } = await newWaiter();
    await aws.heal();
    await pass(6 * SECOND);
    const onward = await call("GET", page);
    expect(onward.status).toBe(303);
    expect(locationOf(onward)).toMatch(/^https:\/\/seller\.test\/welcome\?registration_code=mgc_/);
    expect(locationOf(onward)).not.toContain(encodeURIComponent(registrationToken));
    const redeemed = await redeem(listing.key, codeIn(onward), "acme");
    expect(await redeemed.json()).toMatchObject({ licenseArn: names.licenseArn, customer: "acme" });
    expect(await waiting()).toBe(0);
  });

  it("is registered by the tick without the page, and goes on when it is opened again", async () => {
    const { page, listing, names } = await newWaiter();
    await aws.heal();
    await pass(6 * SECOND);
    await tick();
    expect(await agreementOf(listing.id)).toMatchObject({ accountId: names.accountId });
    expect(await waiting()).toBe(0);
    for (const _time of [1, 2]) expect(locationOf(await call("GET", page))).toContain("registration_code=");
  });

  it("goes on when the form comes again, and waits no more", async () => {
    const { registrationToken } = await newWaiter();
    await aws.heal();
    expect(locationOf(await arrive(registrationToken))).toContain("registration_code=");
    expect(await waiting()).toBe(0);
  });

  it("keeps the free trial that AWS's form spoke of", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    await faultResolving({ kind: "throttle" });
    await arrive(registrationToken, { fields: { "x-amzn-marketplace-offer-type": "free-trial" } });
    await aws.heal();
    await pass(6 * SECOND);
    await tick();
    expect(await agreementOf(listing.id)).toMatchObject({ freeTrial: true });
  });

  it("is tried until the token's life ends; then nothing of it is kept but that it was lost, for a day", async () => {
    const { page } = await newWaiter({ kind: "error", error: "AccessDeniedException" });
    await pass(4 * HOUR - MINUTE);
    await tick();
    expect(await waiting()).toBe(1);
    expect((await call("GET", page)).status).toBe(200);
    await pass(2 * MINUTE);
    await expectLapsed(page);
    await tick();
    expect(await waiting()).toBe(0);
    await expectLapsed(page);
    await tick();
    expect(await waitingAlarms()).toEqual([]);
    expect(await lostAlarms()).toMatchObject([
      { subject: "AccessDeniedException", detail: expect.stringContaining("They have to press") as unknown },
    ]);
    expect(logged.join("\n")).toContain("could not be let in before AWS's token ended");
    await pass(DAY + MINUTE);
    await tick();
    await tick();
    expect(await lostAlarms()).toEqual([]);
    expect(await env.DB.prepare("SELECT count(*) AS n FROM arrivals").first("n")).toBe(0);
    expect((await call("GET", page)).status).toBe(400);
  });

  it("is told that it was no fault of theirs when AWS says that the token has expired meanwhile", async () => {
    const { page } = await newWaiter();
    await aws.heal();
    await aws.switches({ tokenTtlHours: 0.000001 });
    await pass(6 * SECOND);
    await expectLapsed(page);
    expect(await waiting()).toBe(0);
    await tick();
    expect(await lostAlarms()).toHaveLength(1);
  });

  it("is forgotten when AWS does not know the token, once it can say so", async () => {
    await faultResolving({ kind: "throttle" });
    const page = locationOf(await arrive("forged"));
    await aws.heal();
    await pass(6 * SECOND);
    expect((await call("GET", page)).status).toBe(400);
    expect(await env.DB.prepare("SELECT count(*) AS n FROM arrivals").first("n")).toBe(0);
  });

  it("waits on while the secret is another, which the operator is told", async () => {
    const { page, listing } = await newWaiter();
    await aws.heal();
    await pass(6 * SECOND);
    const changed = "another-registration-secret-of-32-chars";
    const response = await callWithSecret(changed, new Request(`https://gateway.test${page}`));
    expect(await response.text()).toContain("We could not set up your account with AWS Marketplace yet");
    await tick();
    expect(await waitingAlarms()).toMatchObject([{ subject: "RegistrationSecretChanged" }]);
    expect(await agreementsOf(listing.id)).toEqual([]);
    await pass(HOUR);
    expect(locationOf(await call("GET", page))).toContain("registration_code=");
  });

  it("is sent on for ten minutes, however long the token would live", async () => {
    const { page } = await newWaiter();
    await aws.heal();
    await pass(6 * SECOND);
    expect((await call("GET", page)).status).toBe(303);
    await env.DB.prepare("UPDATE arrivals SET sent_on_at = sent_on_at - ?")
      .bind(10 * MINUTE - SECOND)
      .run();
    expect((await call("GET", page)).status).toBe(303);
    await env.DB.prepare("UPDATE arrivals SET sent_on_at = sent_on_at - ?").bind(SECOND).run();
    expect((await call("GET", page)).status).toBe(400);
  });

  it("may open the page hours after a tick has let it in, at the last moment", async () => {
    const { page } = await newWaiter();
    await aws.heal();
    await pass(4 * HOUR - MINUTE);
    await tick();
    await pass(3 * HOUR);
    await tick();
    expect(locationOf(await call("GET", page))).toContain("registration_code=");
  });

  it("goes on to be looked after when the ledger fails once", async () => {
    const { page } = await newWaiter();
    await aws.heal();
    await pass(6 * SECOND);
    const response = await withTrigger(
      "BEFORE UPDATE ON arrivals BEGIN SELECT RAISE(ABORT, 'died'); END",
      () => call("GET", page),
    );
    expect([response.status, response.headers.get("refresh")]).toEqual([200, "10"]);
    expect(logged.join("\n")).toContain("died");
    expect(locationOf(await call("GET", page))).toContain("registration_code=");
  });

  it("may write a slash behind the page's address", async () => {
    const { page } = await newWaiter();
    const response = await call("GET", `${page}/`);
    expect([response.status, response.headers.get("refresh")]).toEqual([200, "10"]);
  });

  it("need not see the page change by itself", async () => {
    const { page } = await newWaiter();
    const moving = await call("GET", page);
    expect(await moving.text()).toContain('<a href="?still">');
    const still = await call("GET", `${page}?still`);
    expect(still.headers.get("refresh")).toBeNull();
    const text = await still.text();
    expect(text).toContain('<a href="?still">Look again now</a>');
    expect(text).not.toContain("by itself");
  });

  it("is not lost while the secret is not set", async () => {
    const { page, listing } = await newWaiter();
    await aws.heal();
    await pass(6 * SECOND);
    const response = await callWithSecret(undefined, new Request(`https://gateway.test${page}`));
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("We could not set up your account with AWS Marketplace yet");
    await tick();
    expect(await agreementsOf(listing.id)).toHaveLength(1);
  });

  it.each([
    ["spoilt", "no cipher text"],
    ["another customer's", null],
  ])("whose kept token is %s waits, and holds up nobody else", async (_what, token) => {
    const spoilt = await newWaiter();
    const stranger = await encryptToken(
      await registrationKeys(env.REGISTRATION_SECRET ?? ""),
      spoilt.registrationToken,
      "another",
      (bytes) => crypto.getRandomValues(bytes),
    );
    await env.DB.prepare("UPDATE arrivals SET token = ?, next_attempt_at = 0")
      .bind(token ?? stranger)
      .run();
    const next = await newWaiter();
    await aws.heal();
    await pass(6 * SECOND);
    await tick();
    expect((await call("GET", spoilt.page)).status).toBe(200);
    expect(locationOf(await call("GET", next.page))).toContain("registration_code=");
  });

  it.each(["x", "%ff", "..%2f..", "x".repeat(43), "x".repeat(5000)])(
    "is not anybody with the ticket %.50j",
    async (ticket) => {
      await newWaiter();
      expect((await call("GET", `/registration/waiting/${ticket}`)).status).toBe(400);
      expect(await waiting()).toBe(1);
    },
  );

  it("cannot be found by the id that the ledger has", async () => {
    const { registrationToken } = await newWaiter();
    const keys = await registrationKeys(env.REGISTRATION_SECRET ?? "");
    const id = await sha256Hex(await ticketFor(keys, registrationToken));
    expect(await env.DB.prepare("SELECT id FROM arrivals").first("id")).toBe(id);
    expect((await call("GET", `/registration/waiting/${id}`)).status).toBe(400);
  });
});
