import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tick, usage } from "./support/delivering.ts";
import { admin, call, json } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import {
  agreementOf,
  agreementsOf,
  listenToLogs,
  locationOf,
  pass,
  waitingAlarms,
} from "./support/registering.ts";
import { HOUR } from "./support/times.ts";

/** Customers of whom ResolveCustomer does not tell every id. */

beforeEach(async () => {
  await env.DB.batch(["arrivals", "alarms"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
});
afterEach(() => {
  vi.restoreAllMocks();
});

type Id = "CustomerAWSAccountId" | "CustomerIdentifier" | "LicenseArn";

/** From now on AWS leaves ids out of what it answers to ResolveCustomer, until `vi.restoreAllMocks`. */
function leaveOut(...ids: readonly Id[]): void {
  const real = globalThis.fetch;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const response = await real(input, init);
    if (!(input instanceof Request) || !input.headers.get("x-amz-target")?.endsWith(".ResolveCustomer"))
      return response;
    const answer = Object.entries(await response.json<object>());
    return Response.json(Object.fromEntries(answer.filter(([name]) => !ids.some((id) => id === name))));
  });
}

const legacy = () => newListing({ concurrentAgreements: false });

interface Customer {
  id: string;
  agreements: { accountId: string | null; customerIdentifier: string | null }[];
}

const customers = async (query: string) =>
  (await json<{ customers: Customer[] }>(admin("GET", `/v1/customers?limit=1000&${query}`))).customers;

describe("a customer of concurrent agreements whose account AWS leaves out", () => {
  it("waits, though the licence is known, until AWS says it; and an operator is told", async () => {
    listenToLogs();
    const listing = await newListing();
    const { registrationToken, accountId, licenseArn } = await aws.agreement(listing.id);
    leaveOut("CustomerAWSAccountId");
    const page = locationOf(await arrive(registrationToken));
    expect(page).toMatch(/^\/registration\/waiting\//);
    expect(await agreementsOf(listing.id)).toEqual([]);
    await tick();
    const detail = expect.stringContaining("need an account and a LicenseArn") as unknown;
    expect(await waitingAlarms()).toMatchObject([{ subject: "CustomerNotIdentified", detail }]);
    vi.restoreAllMocks();
    await pass(HOUR);
    expect(locationOf(await call("GET", page))).toContain("registration_code=");
    expect(await agreementsOf(listing.id)).toMatchObject([{ accountId, licenseArn }]);
  });
});

describe("the second of a legacy customer's two ids", () => {
  it.each([
    ["account", "CustomerAWSAccountId", "accountId"],
    ["CustomerIdentifier", "CustomerIdentifier", "customerIdentifier"],
  ] as const)(
    "is kept when AWS tells the %s later, and when it leaves it out again",
    async (_which, id, name) => {
      const listing = await legacy();
      const bought = await aws.agreement(listing.id);
      const { accountId, customerIdentifier, registrationToken } = bought;
      leaveOut(id);
      await arrive(registrationToken);
      expect(await agreementsOf(listing.id)).toMatchObject([{ accountId, customerIdentifier, [name]: null }]);
      vi.restoreAllMocks();
      await arrive(registrationToken);
      expect(await agreementsOf(listing.id)).toMatchObject([{ accountId, customerIdentifier }]);
      leaveOut(id);
      await arrive(registrationToken);
      expect(await agreementsOf(listing.id)).toMatchObject([{ accountId, customerIdentifier }]);
      expect(await json(listing.post(usage(bought[name], 1)))).toMatchObject({ accepted: 1 });
    },
  );
});

describe("a legacy customer who is known by the CustomerIdentifier alone", () => {
  it("is listed, shown and found by it", async () => {
    const listing = await legacy();
    const { registrationToken, customerIdentifier } = await aws.agreement(listing.id);
    leaveOut("CustomerAWSAccountId", "LicenseArn");
    expect((await arrive(registrationToken)).status).toBe(303);
    const { id } = await agreementOf(listing.id);
    const agreement = { id, accountId: null, licenseArn: null, customerIdentifier };
    const customer = { id: customerIdentifier, agreements: [agreement] };
    expect((await customers("")).filter((one) => one.id === customerIdentifier)).toMatchObject([customer]);
    expect(await customers(`search=${customerIdentifier}`)).toMatchObject([customer]);
    expect(await json(admin("GET", `/v1/customers/${customerIdentifier}`))).toMatchObject({
      id: customerIdentifier,
      agreements: [{ agreement }],
    });
    expect(await json(listing.post(usage(customerIdentifier, 1)))).toMatchObject({ accepted: 1 });
  });

  it("is one customer when AWS tells the account with the next visit", async () => {
    const listing = await legacy();
    const { registrationToken, customerIdentifier, accountId } = await aws.agreement(listing.id);
    leaveOut("CustomerAWSAccountId", "LicenseArn");
    await arrive(registrationToken);
    vi.restoreAllMocks();
    await arrive(registrationToken);
    expect(await agreementsOf(listing.id)).toMatchObject([{ accountId, customerIdentifier }]);
  });
});
