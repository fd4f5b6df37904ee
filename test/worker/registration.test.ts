import { afterEach, describe, expect, it, vi } from "vitest";
import { withoutTables } from "./support/breaking.ts";
import { recordsOf, seal, tick, usage } from "./support/delivering.ts";
import { admin, call, json } from "./support/gateway.ts";
import { arrive, aws, newArrival, newCustomer, newListing, notify } from "./support/marketplace.ts";
import {
  agreementOf,
  agreementsOf,
  arriveAgo,
  codeIn,
  faultResolving,
  listenToLogs,
  locationOf,
  pass,
  redeem,
  toldOf,
} from "./support/registering.ts";
import { ago, DAY, HOUR } from "./support/times.ts";

afterEach(async () => {
  vi.restoreAllMocks();
  await aws.heal();
  await aws.switches({ tokenSingleUse: false });
});

describe("POST /register", () => {
  it("stores the agreement and sends the customer on to the sign-up address, which tells nothing of AWS's", async () => {
    const listing = await newListing();
    const { registrationToken, accountId, licenseArn } = await aws.agreement(listing.id);
    const arrival = await arrive(registrationToken);
    expect(arrival.status).toBe(303);
    const address = new URL(locationOf(arrival));
    expect(address.origin + address.pathname).toBe("https://seller.test/welcome");
    expect([...address.searchParams.keys()]).toEqual(["registration_code"]);
    for (const secret of [registrationToken, accountId, licenseArn])
      expect(decodeURIComponent(address.href)).not.toContain(secret);
    expect(await agreementsOf(listing.id)).toMatchObject([{ accountId, licenseArn, customer: null }]);
  });

  it("keeps what the sign-up address has already, and has one code", async () => {
    const listing = await newListing();
    const signUpUrl = "https://seller.test/a/b?plan=pro&registration_code=mine#start";
    await admin("PATCH", `/v1/products/${listing.id}`, { signUpUrl });
    const { registrationToken } = await aws.agreement(listing.id);
    const arrival = await arrive(registrationToken);
    const address = new URL(locationOf(arrival));
    expect(address.searchParams.getAll("registration_code")).toEqual([codeIn(arrival)]);
    expect(codeIn(arrival)).toMatch(/^mgc_/);
    expect([address.pathname, address.searchParams.get("plan"), address.hash]).toEqual([
      "/a/b",
      "pro",
      "#start",
    ]);
  });

  it("knows a customer that comes again, even twice at once", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    const arrivals = await Promise.all([1, 2, 3].map(() => arrive(registrationToken)));
    expect(arrivals.map(({ status }) => status)).toEqual([303, 303, 303]);
    const { id } = await agreementOf(listing.id);
    expect((await toldOf(id)).map(({ type }) => type)).toEqual(["agreement.registered"]);
    for (const code of arrivals.map(codeIn)) {
      const redeemed = await redeem(listing.key, code, "acme");
      expect(await redeemed.json()).toMatchObject({ id, customer: "acme" });
    }
  });

  it("knows a customer that comes again with another token", async () => {
    const listing = await newListing();
    const { agreementId } = await newArrival(listing);
    const { id, registeredAt } = await agreementOf(listing.id);
    expect((await arrive(await aws.token(agreementId))).status).toBe(303);
    expect(await agreementOf(listing.id)).toMatchObject({ id, registeredAt });
  });

  it("knows a customer that sends the form twice, though AWS takes the token once", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    await aws.switches({ tokenSingleUse: true });
    expect((await arrive(registrationToken)).status).toBe(303);
    const again = await arrive(registrationToken);
    expect(again.status).toBe(303);
    const { id } = await agreementOf(listing.id);
    expect(await (await redeem(listing.key, codeIn(again), "acme")).json()).toMatchObject({ id });
  });

  it("keeps the seller's own id when the customer comes again", async () => {
    const listing = await newListing();
    const { registrationToken } = await newCustomer(listing);
    const { id } = await agreementOf(listing.id);
    await admin("PATCH", `/v1/agreements/${id}`, { customer: "acme" });
    await arrive(registrationToken);
    expect(await agreementsOf(listing.id)).toMatchObject([{ customer: "acme" }]);
  });

  it("stores a second agreement of the same customer beside the first", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await newCustomer(listing, { accountId });
    expect((await agreementsOf(listing.id)).map((agreement) => agreement.accountId)).toEqual([
      accountId,
      accountId,
    ]);
  });

  it.each([
    ["without a token", {}],
    ["with an empty token", { "x-amzn-marketplace-token": "" }],
    ["with a token that AWS does not know", { "x-amzn-marketplace-token": "forged" }],
  ])("%s tells the customer to start again from AWS Marketplace", async (_what, form) => {
    const response = await call("POST", "/register", {
      body: new URLSearchParams(form).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toContain("text/html");
    expect(await response.text()).toContain("Set up your account");
  });
});

describe("the optional fields of AWS's form", () => {
  it.each([
    ["free-trial", true],
    ["FREE-TRIAL", false],
    ["true", false],
    ["", false],
  ])("of offer type %j mark a free trial: %j, which the seller is told at once", async (offer, freeTrial) => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    await arrive(registrationToken, { fields: { "x-amzn-marketplace-offer-type": offer } });
    const agreement = await agreementOf(listing.id);
    expect(agreement.freeTrial).toBe(freeTrial);
    expect(await toldOf(agreement.id)).toMatchObject([{ type: "agreement.registered", data: { freeTrial } }]);
  });

  it("leave a free trial one when the customer comes again without them", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    await arrive(registrationToken, { fields: { "x-amzn-marketplace-offer-type": "free-trial" } });
    await arrive(registrationToken);
    expect(await agreementOf(listing.id)).toMatchObject({ freeTrial: true });
  });

  it("are taken from whoever sends them, and change neither who it is nor where it goes", async () => {
    const listing = await newListing();
    const { registrationToken, accountId } = await aws.agreement(listing.id);
    const evil = "https://evil.test/";
    const arrival = await arrive(registrationToken, {
      fields: {
        "x-amzn-marketplace-agreement-id": "agmt-somebodyelse",
        "x-amzn-marketplace-product-id": "prod-somebodyelse",
        "x-amzn-marketplace-fulfillment-url": evil,
        ...Object.fromEntries(["next", "return", "redirect_uri", "signUpUrl"].map((name) => [name, evil])),
      },
    });
    expect(locationOf(arrival)).toMatch(/^https:\/\/seller\.test\/welcome\?registration_code=mgc_[\w.-]+$/);
    const agreement = await agreementOf(listing.id);
    expect(agreement).toMatchObject({ accountId, awsAgreementId: null });
    const { notices } = await json<{ notices: object[] }>(
      admin("GET", `/v1/notices?agreement=${agreement.id}`),
    );
    const form = {
      agreementId: "agmt-somebodyelse",
      productId: "prod-somebodyelse",
      fulfillmentUrl: evil,
    };
    expect(notices).toMatchObject([{ source: "gateway", facts: { name: "registration", form } }]);
  });
});

describe("the address of a product", () => {
  it("takes its own customers", async () => {
    const listing = await newListing();
    const { registrationToken, accountId } = await aws.agreement(listing.id);
    const arrival = await arrive(registrationToken, { path: `/register/${listing.id}` });
    expect(locationOf(arrival)).toContain("https://seller.test/welcome");
    expect(await agreementsOf(listing.id)).toMatchObject([{ accountId }]);
  });
});

describe("an address with a slash at its end", () => {
  it("takes customers, too", async () => {
    const listing = await newListing();
    for (const path of ["/register/", `/register/${listing.id}/`]) {
      const { registrationToken } = await aws.agreement(listing.id);
      expect(locationOf(await arrive(registrationToken, { path }))).toContain("https://seller.test/welcome");
      expect((await call("GET", path)).status).toBe(200);
    }
  });
});

describe("an address with more behind it", () => {
  it("takes customers, too, and says what it is for", async () => {
    const listing = await newListing();
    const path = `/register/${listing.id}/x`;
    const { registrationToken } = await aws.agreement(listing.id);
    expect(locationOf(await arrive(registrationToken, { path }))).toContain("https://seller.test/welcome");
    const response = await call("GET", path);
    expect(await response.text()).toContain("where AWS Marketplace brings customers");
  });
});

describe("GET /register", () => {
  it.each(["/register", "/register/no-such-product"])("%s says what it is for", async (path) => {
    const response = await call("GET", path);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("text/html");
    expect(await response.text()).toContain("where AWS Marketplace brings customers");
  });

  it("names the seller that a product's address is of", async () => {
    const listing = await newListing();
    await admin("PATCH", `/v1/products/${listing.id}`, { page: { seller: "Acme & Sons" } });
    expect(await (await call("GET", `/register/${listing.id}`)).text()).toContain("Acme &amp; Sons");
  });
});

/** A customer of a product without concurrent agreements, who came three hours ago. */
async function newLegacyCustomer() {
  const listing = await newListing({ concurrentAgreements: false });
  const bought = await aws.agreement(listing.id);
  await arriveAgo(bought.registrationToken, 3 * HOUR);
  await notify(bought.agreementId, "license-updated", { at: ago(DAY) });
  return { listing, ...bought };
}

describe("a customer who comes back", () => {
  it("is not one who sends the form again, or was let in late: an end that came after the visit holds", async () => {
    const { listing, agreementId, registrationToken } = await newLegacyCustomer();
    await faultResolving({ kind: "throttle" });
    const waiting = await arrive(await aws.token(agreementId));
    await aws.heal();
    await pass(HOUR);
    await notify(agreementId, "license-deprovisioned", { at: ago(HOUR / 2) });
    expect(await agreementOf(listing.id)).toMatchObject({ state: "ending" });
    await arrive(registrationToken);
    await call("GET", locationOf(waiting));
    expect(await agreementOf(listing.id)).toMatchObject({ state: "ending" });
    const { id } = await agreementOf(listing.id);
    expect((await toldOf(id)).map(({ type }) => type)).toEqual([
      "agreement.registered",
      "agreement.activated",
      "agreement.ending",
    ]);
  });

  it("goes on under the new licence when AWS ends the one before an upgrade", async () => {
    const { listing, agreementId, accountId } = await newLegacyCustomer();
    const upgrade = await aws.agreement(listing.id, { accountId });
    await notify(upgrade.agreementId, "license-updated", { at: ago(HOUR) });
    await notify(agreementId, "agreement-ended", { at: ago(HOUR / 2) });
    await notify(agreementId, "license-deprovisioned", { at: ago(HOUR / 2) });
    const { licenseArn } = upgrade;
    expect(await agreementOf(listing.id)).toMatchObject({ state: "active", licenseArn });
  });

  it("goes on though AWS's notice of the end before comes late", async () => {
    const { listing, agreementId } = await newLegacyCustomer();
    expect((await arrive(await aws.token(agreementId))).status).toBe(303);
    await notify(agreementId, "license-deprovisioned", { at: ago(2 * HOUR) });
    expect(await agreementOf(listing.id)).toMatchObject({ state: "pending", usageUntil: null });
  });

  it("to a legacy product goes on under the old agreement, which is active once AWS takes usage again", async () => {
    const { listing, agreementId, accountId } = await newLegacyCustomer();
    const { id } = await agreementOf(listing.id);
    await admin("PATCH", `/v1/agreements/${id}`, { customer: "acme" });
    await notify(agreementId, "license-deprovisioned", { at: ago(2 * HOUR) });
    await tick();
    expect(await agreementOf(listing.id)).toMatchObject({ id, state: "ended" });
    const late = await listing.post(usage("acme", 1));
    expect(await late.json()).toMatchObject({ rejected: 1, accepted: 0 });

    await newArrival(listing, { accountId });
    expect(await agreementOf(listing.id)).toMatchObject({
      id,
      customer: "acme",
      state: "pending",
      activatedAt: null,
      endedAt: null,
      unbilled: null,
    });
    expect(await (await listing.post(usage("acme", 3))).json()).toMatchObject({ accepted: 1 });
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", quantity: 3 }]);
    await tick();
    expect(await agreementOf(listing.id)).toMatchObject({ id, state: "active" });
    const told = (await toldOf(id)).map(({ type }) => type).filter((type) => type.startsWith("agreement."));
    expect(told).toEqual([
      "agreement.registered",
      "agreement.activated",
      "agreement.ending",
      "agreement.ended",
      "agreement.registered",
      "agreement.activated",
    ]);
  });

  it("under concurrent agreements has a new one, which the seller's own id goes over to", async () => {
    const listing = await newListing();
    const first = await newCustomer(listing);
    const old = await agreementOf(listing.id);
    await admin("PATCH", `/v1/agreements/${old.id}`, { customer: "acme" });
    const second = await aws.agreement(listing.id, { accountId: first.accountId });
    const code = codeIn(await arrive(second.registrationToken));
    expect((await redeem(listing.key, code, "acme")).status).toBe(409);

    await notify(first.agreementId, "license-deprovisioned");
    const redeemed = await redeem(listing.key, code, "acme");
    expect(await redeemed.json()).toMatchObject({ licenseArn: second.licenseArn, customer: "acme" });
    const customers = (await agreementsOf(listing.id)).map(({ licenseArn, customer }) => [
      licenseArn,
      customer,
    ]);
    expect(new Map(customers as [string, string | null][])).toEqual(
      new Map([
        [first.licenseArn, null],
        [second.licenseArn, "acme"],
      ]),
    );
  });
});

describe("a customer whose agreement cannot be brought up to its notices", () => {
  it("is let in all the same, and the next tick does the rest", async () => {
    const listing = await newListing();
    const { registrationToken, agreementId } = await aws.agreement(listing.id);
    await notify(agreementId, "license-updated");
    const logged = listenToLogs();
    const arrival = await withoutTables(["records"], () => arrive(registrationToken));
    expect(arrival.status).toBe(303);
    expect(logged.join("\n")).toContain("wait for the next tick");
    await tick();
    expect(await agreementOf(listing.id)).toMatchObject({ state: "active" });
  });
});
