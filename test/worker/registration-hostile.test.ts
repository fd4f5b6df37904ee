import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tick } from "./support/delivering.ts";
import { admin, call, json } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import {
  agreementsOf,
  codeIn,
  ledgerText,
  listenToLogs,
  locationOf,
  misplacedAlarms,
  newWaiter,
  pass,
} from "./support/registering.ts";
import { ago, HOUR, MINUTE, SECOND } from "./support/times.ts";

/** What a stranger, or a customer who means harm, tries at the registration. */

beforeEach(async () => {
  await env.DB.batch(
    ["arrivals", "alarms", "incidents"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
  );
  listenToLogs();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await aws.heal();
});

describe("the address that a customer comes to", () => {
  it("tells an operator nothing in a stranger's words", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    for (const named of [
      "<https://evil.test/reset|URGENT>\n\n@channel",
      "evil.test:reset",
      "x".repeat(5000),
    ]) {
      const arrival = await arrive(registrationToken, { path: `/register/${encodeURIComponent(named)}` });
      expect(locationOf(arrival)).toContain("https://seller.test/welcome");
      await tick();
      const [alarm] = await misplacedAlarms();
      expect(alarm).toMatchObject({ subject: listing.id });
      expect(alarm?.detail).toContain("an address that names no product");
      expect(await ledgerText()).not.toContain("URGENT");
      expect(await ledgerText()).not.toContain("xxxxxxxxxx");
    }
  });

  it("keeps the token from the books, where somebody has put it there", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    await arrive(registrationToken, { path: `/register/${encodeURIComponent(registrationToken)}` });
    await tick();
    expect(await misplacedAlarms()).toHaveLength(1);
    expect(await ledgerText()).not.toContain(registrationToken);
  });
});

describe("the optional fields of AWS's form", () => {
  it("are kept as far as they are what AWS has there, and the token in none of them", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    const kept = async (fields: Record<string, string>) => {
      const agreement = await aws.agreement(listing.id);
      await arrive(agreement.registrationToken, { fields });
      const { notices } = await json<{ notices: { licenseArn: string; facts: { form?: object } }[] }>(
        admin("GET", "/v1/notices?limit=1000"),
      );
      return notices.find(({ facts }) => JSON.stringify(facts).includes(agreement.licenseArn))?.facts.form;
    };
    const names = { "x-amzn-marketplace-offer-type": "x".repeat(100) };
    const tooMuch = {
      "x-amzn-marketplace-agreement-id": "a b",
      "x-amzn-marketplace-product-id": "x".repeat(101),
      "x-amzn-marketplace-fulfillment-url": "a\u0000b",
    };
    expect(await kept({ ...names, ...tooMuch })).toEqual({ offerType: "x".repeat(100) });
    const address = {
      "x-amzn-marketplace-fulfillment-url": `https://a.test/register?t=${registrationToken}#t`,
    };
    expect(await kept(address)).toEqual({ fulfillmentUrl: "https://a.test/register" });
    await arrive(registrationToken, {
      fields: {
        "x-amzn-marketplace-agreement-id": `agmt-${registrationToken}`,
        "x-amzn-marketplace-fulfillment-url": `https://a.test/${encodeURIComponent(registrationToken)}`,
      },
    });
    expect(await ledgerText()).not.toContain(registrationToken);
    expect(await ledgerText()).not.toContain(encodeURIComponent(registrationToken));
  });
});

describe("forms that one visitor posts again and again", () => {
  const post = (visitor: string, token: string) =>
    call("POST", "/register", {
      body: new URLSearchParams({ "x-amzn-marketplace-token": token }).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded", "cf-connecting-ip": visitor },
    });

  it("are one visitor's also from all the addresses of an IPv6 network", async () => {
    await newListing();
    const statuses = new Set<number>();
    for (let n = 0; n < 140; n++)
      statuses.add((await post(`2001:db8:1:2::${n.toString(16)}`, "forged")).status);
    expect(statuses).toEqual(new Set([400, 429]));
  });

  it("are not all asked about at AWS, and others come in meanwhile", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    const statuses = new Set<number>();
    // The limit is of a minute by the clock: where the next one begins meanwhile, it is counted anew.
    for (let n = 0; n < 200 && !statuses.has(429); n++)
      statuses.add((await post("192.0.2.1", "forged")).status);
    expect(statuses).toEqual(new Set([400, 429]));
    const refused = await post("192.0.2.1", registrationToken);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    expect(await refused.text()).toContain("Your subscription is safe");
    expect(await agreementsOf(listing.id)).toEqual([]);
    expect((await post("192.0.2.2", registrationToken)).status).toBe(303);
  });
});

describe("a waiting page's address", () => {
  it("is not used up by whoever only looks whether it is there", async () => {
    const { page } = await newWaiter();
    await aws.heal();
    await pass(HOUR);
    await tick();
    for (const look of [
      () => call("HEAD", page),
      () => call("GET", page, { headers: { "sec-purpose": "prefetch;prerender" } }),
    ]) {
      const response = await look();
      expect([response.status, response.headers.get("location")]).toEqual([204, null]);
    }
    const codes = () => env.DB.prepare("SELECT count(*) AS n FROM registration_codes").first<number>("n");
    const before = await codes();
    await call("HEAD", page);
    expect(await codes()).toBe(before);
    expect(locationOf(await call("GET", page))).toContain("registration_code=");
  });

  it("ends soon after its customer has come in by AWS's button", async () => {
    const { page, registrationToken } = await newWaiter();
    await aws.heal();
    expect(codeIn(await arrive(registrationToken))).toMatch(/^mgc_/);
    expect(locationOf(await call("GET", page))).toContain("registration_code=");
    await env.DB.prepare("UPDATE arrivals SET sent_on_at = sent_on_at - ?")
      .bind(11 * MINUTE)
      .run();
    expect((await call("GET", page)).status).toBe(400);
  });
});

describe("a customer who has kept a token of before the end", () => {
  it("does not undo the end, nor the final hour of what was used", async () => {
    const listing = await newListing({ concurrentAgreements: false });
    const bought = await aws.agreement(listing.id);
    await arrive(bought.registrationToken);
    const kept = await aws.token(bought.agreementId);
    const tell = async (kind: string, at: string) => {
      const { notice } = await aws.notice(bought.agreementId, { kind, via: "eventbridge", at });
      await call("POST", "/aws/events", { body: notice, headers: { "x-api-key": env.EVENTS_SECRET ?? "" } });
    };
    await tell("license-updated", ago(HOUR));
    await tell("license-deprovisioned", ago(6 * SECOND));
    const [ending] = await agreementsOf(listing.id);
    expect(ending).toMatchObject({ state: "ending" });
    expect((await arrive(kept)).status).toBe(303);
    expect(await agreementsOf(listing.id)).toEqual([ending]);
    const after = await listing.post({ id: "x", customer: bought.accountId, dimension: "api", quantity: 1 });
    expect(await after.json()).toMatchObject({
      rejected: 1,
      results: [{ error: { code: "agreement_ended" } }],
    });
  });
});
