import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { seal, tick, usage } from "./support/delivering.ts";
import { admin, json, type TestProduct, type UsageAnswer } from "./support/gateway.ts";
import { arrive, aws, newArrival, newCustomer, newListing, notify } from "./support/marketplace.ts";
import { agreementOf, agreementsOf, cameAgo, codeIn, redeem } from "./support/registering.ts";
import { ago, HOUR } from "./support/times.ts";

interface Customer {
  id: string;
  agreements: { id: string; customer: string | null }[];
}

const list = async (query: string) =>
  json<{ customers: Customer[]; next: string | null }>(admin("GET", `/v1/customers?${query}`));
const search = async (text: string) =>
  (await list(`search=${encodeURIComponent(text)}`)).customers.map(({ id }) => id);
const name = (id: string, customer: string | null) => admin("PATCH", `/v1/agreements/${id}`, { customer });
/** Usage of some hours ago. */
const used = (customer: string, quantity: number, hours: number) => ({
  ...usage(customer, quantity),
  timestamp: ago(hours * HOUR),
});

/** What has been counted for each agreement. */
async function acceptedBy(listing: TestProduct): Promise<Record<string, string>> {
  const { accounts } = await json<{ accounts: { agreement: string; accepted: string }[] }>(
    admin("GET", `/v1/conservation?product=${listing.id}`),
  );
  return Object.fromEntries(accounts.map(({ agreement, accepted }) => [agreement, accepted]));
}

describe("GET /v1/customers", () => {
  it("lists each customer once, with all agreements, in pages", async () => {
    const [listing, other] = [await newListing(), await newListing()];
    const bought = await newCustomer(listing);
    await newCustomer(listing, { accountId: bought.accountId });
    await newCustomer(other, { accountId: bought.accountId });
    const more = [await newCustomer(listing), await newCustomer(other)];
    const wanted = [bought, ...more].map(({ accountId }) => accountId);
    const found: Customer[] = [];
    let after = "";
    for (;;) {
      const { customers, next } = await list(`limit=2&after=${after}`);
      expect(customers.length).toBeLessThanOrEqual(2);
      found.push(...customers);
      if (next === null) break;
      after = next;
    }
    const ids = found.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].toSorted());
    expect(ids).toEqual(expect.arrayContaining(wanted));
    expect(found.find(({ id }) => id === bought.accountId)?.agreements).toHaveLength(3);
  });

  it("finds a customer by each name", async () => {
    const listing = await newListing();
    const bought = await newCustomer(listing);
    await newCustomer(listing);
    const { id } = await agreementOfCustomer(listing, bought.accountId);
    await name(id, `acme-${bought.accountId}`);
    const { accountId, licenseArn, agreementId } = bought;
    const names = [id, accountId, licenseArn, licenseArn.split(":").at(-1) ?? "", agreementId];
    for (const text of [...names, `acme-${accountId}`, `acme-${accountId.slice(0, 11)}`])
      expect([text, await search(text)]).toEqual([text, [accountId]]);
    for (const text of [accountId.slice(0, 11), `cme-${accountId}`, `ACME-${accountId}`, "%", "_", "'"])
      expect([text, await search(text)]).toEqual([text, []]);
  });

  it("finds a legacy customer by AWS's identifier", async () => {
    const listing = await newListing({ concurrentAgreements: false });
    const bought = await newCustomer(listing);
    expect(await search(bought.customerIdentifier)).toEqual([bought.accountId]);
  });
});

/** The agreement of one of several customers. */
async function agreementOfCustomer(listing: TestProduct, account: string) {
  const found = (await agreementsOf(listing.id)).find(({ accountId }) => accountId === account);
  if (found === undefined) throw new Error("there is no such customer");
  return found;
}

describe("GET /v1/customers/:id", () => {
  it("shows agreements, what was heard of them, usage and records", async () => {
    const listing = await newListing();
    const bought = await newCustomer(listing);
    await listing.post([usage(bought.accountId, 3), { ...usage(bought.accountId, 4), dimension: "gb" }]);
    await seal(listing.id);
    await tick();
    const shown = await json(admin("GET", `/v1/customers/${bought.accountId}`));
    expect(shown).toMatchObject({
      id: bought.accountId,
      agreements: [
        {
          agreement: { accountId: bought.accountId, state: "active" },
          contact: null,
          entitlements: [],
          usage: [
            { dimension: "api", accepted: "3", delivered: "3", conserved: true },
            { dimension: "gb", accepted: "4", delivered: "4", conserved: true },
          ],
          records: expect.arrayContaining([
            expect.objectContaining({ dimension: "api", quantity: 3, state: "delivered" }),
          ]) as unknown,
          notices: [
            { source: "eventbridge", kind: "activated" },
            { source: "gateway", facts: { name: "registration" } },
          ],
        },
      ],
    });
  });

  it("shows the agreements of one who has many in pages, as the list of customers does", async () => {
    const listing = await newListing();
    const { accountId, licenseArn } = await newCustomer(listing);
    await newCustomer(listing, { accountId });
    await env.DB.prepare(
      `INSERT INTO agreements (id, product_id, account_id, shard, registered_at)
       WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 30)
       SELECT 'agr_${accountId}' || printf('%02d', n), ?, ?, 0, 1 FROM n`,
    )
      .bind(listing.id, accountId)
      .run();
    await listing.post(usage(licenseArn, 3));
    const ids = (await agreementsOf(listing.id)).map(({ id }) => id);
    interface Page {
      agreements: { agreement: { id: string }; usage: object[]; notices: object[] }[];
      next: string | null;
    }
    const shown: Page["agreements"] = [];
    for (let next: string | null = ""; next !== null;) {
      const page: Page = await json<Page>(admin("GET", `/v1/customers/${accountId}?limit=12&after=${next}`));
      expect(page.agreements.length).toBeLessThanOrEqual(12);
      shown.push(...page.agreements);
      next = page.next;
    }
    expect(shown.map(({ agreement }) => agreement.id)).toEqual(ids);
    expect(shown.filter(({ usage }) => usage.length > 0)).toHaveLength(1);
    expect(shown.filter(({ notices }) => notices.length > 0)).toHaveLength(2);
    const { customers } = await json<{ customers: { agreements: object[]; next: string }[] }>(
      admin("GET", `/v1/customers?search=${accountId}`),
    );
    expect(customers[0]?.agreements).toHaveLength(20);
    expect(customers[0]?.next).toBe(ids[19]);
    const behind = await admin("GET", `/v1/customers/${accountId}?after=${ids.at(-1) ?? ""}`);
    expect(await json(behind)).toMatchObject({ agreements: [], next: null });
  });

  it("is 404 for who is not there", async () => {
    expect((await admin("GET", "/v1/customers/nobody")).status).toBe(404);
    expect((await admin("DELETE", "/v1/customers/nobody/personal-data")).status).toBe(404);
  });
});

describe("the seller's own id", () => {
  it("is one agreement's, until that has ended", async () => {
    const listing = await newListing();
    const [first, second] = [await newCustomer(listing), await newCustomer(listing)];
    const one = await agreementOfCustomer(listing, first.accountId);
    const two = await agreementOfCustomer(listing, second.accountId);
    expect((await name(one.id, "acme")).status).toBe(200);
    const taken = await name(two.id, "acme");
    expect(taken.status).toBe(409);
    expect(await json(taken)).toMatchObject({ detail: expect.stringContaining('"acme"') as unknown });
    await notify(first.agreementId, "license-deprovisioned");
    expect((await name(two.id, "acme")).status).toBe(200);
    const names = (await agreementsOf(listing.id)).map(({ id, customer }) => [id, customer] as const);
    expect(new Map(names)).toEqual(
      new Map([
        [one.id, null],
        [two.id, "acme"],
      ]),
    );
  });

  it("is no name that AWS has for another customer, whose usage it would take", async () => {
    const listing = await newListing({ concurrentAgreements: false });
    const [first, second] = [await newCustomer(listing), await newCustomer(listing)];
    const one = await agreementOfCustomer(listing, first.accountId);
    expect((await name(one.id, second.customerIdentifier)).status).toBe(409);
    expect((await name(one.id, first.customerIdentifier)).status).toBe(200);
    const code = codeIn(await arrive(await aws.token(second.agreementId)));
    expect((await redeem(listing.key, code, first.customerIdentifier)).status).toBe(409);
    expect((await redeem(listing.key, code, "acme")).status).toBe(200);
  });

  it("goes over for usage of after the end, and what is posted again meets its id where it was counted", async () => {
    const listing = await newListing();
    const first = await newCustomer(listing);
    const { id } = await agreementOf(listing.id);
    await name(id, "acme");
    const counted = usage("acme", 5);
    await listing.post(counted);
    await notify(first.agreementId, "license-deprovisioned");
    const second = await newCustomer(listing);
    const next = await agreementOfCustomer(listing, second.accountId);
    expect((await name(next.id, "acme")).status).toBe(200);

    const late = usage("acme", 2);
    const present = { ...usage("acme", 3), timestamp: undefined };
    const { results } = await json<UsageAnswer>(listing.post([counted, late, present]));
    expect(results).toMatchObject([{ status: "duplicate" }, { status: "accepted" }, { status: "accepted" }]);
    expect(await acceptedBy(listing)).toEqual({ [id]: "7", [next.id]: "3" });
    expect(await json(admin("GET", `/v1/agreements/${id}`))).toMatchObject({
      customer: null,
      formerCustomer: "acme",
    });
  });

  it("stays with an agreement for usage of before the end at which it left, also when the customer comes back", async () => {
    const listing = await newListing({ concurrentAgreements: false });
    const [first, second] = [await newCustomer(listing), await newCustomer(listing)];
    const one = await agreementOfCustomer(listing, first.accountId);
    const two = await agreementOfCustomer(listing, second.accountId);
    await cameAgo(listing.id, 4 * HOUR);
    const change = (what: string, body = {}) => admin("POST", `/v1/agreements/${one.id}/${what}`, body);
    await name(one.id, "acme");
    await change("end", { at: ago(2 * HOUR) });
    await name(two.id, "acme");
    // The customer comes back, and leaves again.
    for (const what of ["activate", "end"]) {
      expect((await change(what)).status).toBe(200);
      await listing.post([used("acme", 10, 1), used("acme", 1, 3)]);
    }
    expect(await acceptedBy(listing)).toEqual({ [one.id]: "2", [two.id]: "20" });
    // No agreement has the id any more, and the one that had it has not ended.
    await change("activate");
    await name(two.id, null);
    const { results } = await json<UsageAnswer>(listing.post([used("acme", 1, 1), used("acme", 1, 3)]));
    expect(results).toMatchObject([
      { status: "rejected", error: { code: "unknown_customer" } },
      { status: "accepted" },
    ]);
  });

  it.each(["123456789012", "arn:aws:license-manager::123456789012:license:l-1"])(
    "is not %s, which names a customer by itself",
    async (customer) => {
      const listing = await newListing();
      await newCustomer(listing);
      const { id } = await agreementOf(listing.id);
      const refused = await name(id, customer);
      expect(refused.status).toBe(400);
      expect(await refused.text()).toContain("must be an id of your own");
      expect((await agreementOf(listing.id)).customer).toBeNull();
    },
  );

  it("may be the same for two products, and taken away", async () => {
    for (const listing of [await newListing(), await newListing()]) {
      const { accountId } = await newCustomer(listing);
      const { id } = await agreementOfCustomer(listing, accountId);
      expect((await name(id, "shared")).status).toBe(200);
      expect((await name(id, null)).status).toBe(200);
      expect((await agreementOf(listing.id)).customer).toBeNull();
    }
  });
});

describe("a LicenseArn that a person tells", () => {
  it("is an agreement's once, and no other's", async () => {
    const listing = await newListing();
    const bought = await newArrival(listing);
    const { id } = await agreementOf(listing.id);
    const license = (arn: string) => admin("PATCH", `/v1/agreements/${id}`, { licenseArn: arn });
    expect((await license(bought.licenseArn)).status).toBe(200);
    expect((await license(bought.licenseArn.replace(/.$/, "0") + "0")).status).toBe(409);
    expect((await license("arn:aws:s3:::bucket")).status).toBe(400);
    expect(await agreementOf(listing.id)).toMatchObject({ licenseArn: bought.licenseArn });
  });
});

describe("an account with an agreement that has ended and one that has not", () => {
  it("has usage of after the end counted by the one that has not ended, of before by the one that has", async () => {
    const listing = await newListing();
    const old = await newCustomer(listing);
    await notify(old.agreementId, "license-deprovisioned");
    const back = await newCustomer(listing, { accountId: old.accountId });
    const present = { ...usage(old.accountId, 2), timestamp: undefined };
    const { results } = await json<UsageAnswer>(listing.post([present, usage(old.accountId, 5)]));
    expect(results).toMatchObject([{ status: "accepted" }, { status: "accepted" }]);
    const licenses = new Map((await agreementsOf(listing.id)).map(({ id, licenseArn }) => [id, licenseArn]));
    const accepted = Object.entries(await acceptedBy(listing));
    expect(new Map(accepted.map(([id, quantity]) => [licenses.get(id), quantity]))).toEqual(
      new Map([
        [old.licenseArn, "5"],
        [back.licenseArn, "2"],
      ]),
    );
  });

  it("is not clear for a time at which both were there, after one has ended either", async () => {
    const listing = await newListing();
    const old = await newCustomer(listing);
    await newCustomer(listing, { accountId: old.accountId });
    await env.DB.prepare("UPDATE agreements SET registered_at = registered_at - ? WHERE product_id = ?")
      .bind(2 * HOUR, listing.id)
      .run();
    await notify(old.agreementId, "license-deprovisioned");
    const present = { ...usage(old.accountId, 2), timestamp: undefined };
    const { results } = await json<UsageAnswer>(listing.post([usage(old.accountId, 5), present]));
    expect(results).toMatchObject([
      { status: "rejected", error: { code: "ambiguous_customer" } },
      { status: "accepted" },
    ]);
  });

  it("is not clear while two have not", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await newCustomer(listing, { accountId });
    const { results } = await json<UsageAnswer>(listing.post(usage(accountId, 2)));
    expect(results).toMatchObject([{ status: "rejected", error: { code: "ambiguous_customer" } }]);
  });
});
