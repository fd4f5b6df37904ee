import { describe, expect, it } from "vitest";
import { admin, call, json } from "./gateway.ts";
import { arrive, aws, newCustomer, newListing } from "./marketplace.ts";

interface Agreement {
  id: string;
  customer: string | null;
  accountId: string;
  licenseArn: string | null;
}

const agreementsOf = async (product: string) =>
  (await json<{ agreements: Agreement[] }>(admin("GET", `/v1/agreements?product=${product}`))).agreements;

describe("POST /register", () => {
  it("stores the agreement and sends the customer on to the sign-up address, which tells nothing of AWS's", async () => {
    const listing = await newListing();
    const { registrationToken, accountId, licenseArn } = await aws.agreement(listing.id);
    const arrival = await arrive(registrationToken);
    expect(arrival.status).toBe(303);
    const address = new URL(arrival.headers.get("location") ?? "");
    expect(address.origin + address.pathname).toBe("https://seller.test/welcome");
    expect([...address.searchParams.keys()]).toEqual(["registration_code"]);
    for (const secret of [registrationToken, accountId, licenseArn])
      expect(decodeURIComponent(address.href)).not.toContain(secret);
    expect(await agreementsOf(listing.id)).toMatchObject([{ accountId, licenseArn, customer: null }]);
  });

  it("knows a customer that comes again, even twice at once", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    const arrivals = await Promise.all([1, 2, 3].map(() => arrive(registrationToken)));
    expect(arrivals.map(({ status }) => status)).toEqual([303, 303, 303]);
    expect(await agreementsOf(listing.id)).toHaveLength(1);
  });

  it("keeps the seller's own id when the customer comes again", async () => {
    const listing = await newListing();
    const { registrationToken } = await newCustomer(listing);
    const [agreement] = await agreementsOf(listing.id);
    await admin("PATCH", `/v1/agreements/${agreement?.id}`, { customer: "acme" });
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

  it("with a form that cannot be read tells the customer to start again", async () => {
    const headers = { "content-type": "multipart/form-data" };
    expect((await call("POST", "/register", { body: "x", headers })).status).toBe(400);
  });

  it("does not blame the customer's link when AWS is down", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    await aws.faults({ kind: "internal-error", operation: "ResolveCustomer" });
    const waiting = await arrive(registrationToken);
    expect(waiting.headers.get("location")).toMatch(/^\/registration\/waiting\/[\w-]{43}$/);
    expect(await agreementsOf(listing.id)).toEqual([]);
    expect((await arrive(registrationToken)).status).toBe(303);
  });
});
