import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { arrive as arriveAt } from "../../src/customers/registration/arrivals.ts";
import { surroundingsOf, type Surroundings } from "../../src/customers/surroundings.ts";
import { openLedger } from "../../src/ledger/database.ts";
import { keepWatch, watchOptions } from "../../src/watch/keep-watch.ts";
import { withoutTables, withTrigger } from "./support/breaking.ts";
import { tick } from "./support/delivering.ts";
import { admin, call } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import {
  agreementsOf,
  callWithSecret,
  faultResolving,
  listenToLogs,
  locationOf,
  lostAlarms,
  newWaiter,
  pass,
  waiting,
  waitingAlarms,
} from "./support/registering.ts";
import { HOUR, MINUTE, SECOND } from "./support/times.ts";

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
});

describe("the seller's own faults", () => {
  const settings = [
    "AccessDeniedException",
    "InvalidSignatureException",
    "UnrecognizedClientException",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "DisabledApiException",
  ].map((error) => [error, { kind: "error", error }] as const);

  it.each([...settings, ["ExpiredTokenException", { kind: "expired-session" }] as const])(
    "%s keep the customer waiting, alarm at once, and never look like an expired link",
    async (code, faults) => {
      const { page, listing } = await newWaiter(faults);
      expect(page).toMatch(/^\/registration\/waiting\//);
      await tick();
      expect(await waitingAlarms()).toMatchObject([
        { subject: code, detail: expect.stringMatching(/^A customer waits to be registered/) as unknown },
      ]);
      await pass(HOUR);
      const text = await (await call("GET", page)).text();
      expect(text).toContain("We could not set up your account with AWS Marketplace yet");
      expect(text).not.toContain("expired");
      await aws.heal();
      await pass(HOUR);
      await tick();
      expect(await agreementsOf(listing.id)).toHaveLength(1);
      await tick();
      expect(await waitingAlarms()).toEqual([]);
    },
  );

  it("alarm for AWS's own faults only after five minutes", async () => {
    await newWaiter();
    await tick();
    expect(await waitingAlarms()).toEqual([]);
    await pass(5 * MINUTE + SECOND);
    await tick();
    expect(await waitingAlarms()).toMatchObject([{ subject: "InternalServiceErrorException" }]);
  });

  it("keep a customer of a product that is not there waiting until it is", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    const rename = (from: string, to: string) =>
      env.DB.prepare("UPDATE products SET product_code = ? WHERE product_code = ?").bind(to, from).run();
    await rename(listing.id, `${listing.id}-away`);
    const other = await newListing();
    await admin("PATCH", `/v1/products/${other.id}`, { page: { seller: "Not Theirs" } });
    const page = locationOf(await arrive(registrationToken, { path: `/register/${other.id}` }));
    expect(await (await call("GET", page)).text()).not.toContain("Not Theirs");
    await tick();
    expect(await waitingAlarms()).toMatchObject([
      { subject: "ProductUnknown", detail: expect.stringContaining("POST /v1/products adds it") as unknown },
    ]);
    await rename(`${listing.id}-away`, listing.id);
    await pass(HOUR);
    expect(locationOf(await call("GET", page))).toContain("registration_code=");
  });
});

describe("so many customers at once that the ledger would fill", () => {
  it("are told to come again later, and nothing is kept of them", async () => {
    await env.DB.exec(
      `
      INSERT INTO arrivals (id, token, arrived_at, expires_at, next_attempt_at, attempts, needs_person)
      WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
      SELECT 'flood-' || n, 'x', 0, 8e15, 8e15, 1, 0 FROM n`.replaceAll("\n", " "),
    );
    const { arrival } = await newWaiter();
    expect([arrival.status, arrival.headers.get("retry-after")]).toEqual([503, "60"]);
    expect(await waiting()).toBe(20_000);
    expect(logged.join("\n")).toContain("20000 customers wait already");
    await tick();
    expect(await lostAlarms()).toMatchObject([
      { subject: "TooManyWait", detail: expect.stringContaining("20000 customers wait already") as unknown },
    ]);
  });

  it("keep nobody from the page who waits already", async () => {
    const { registrationToken, page } = await newWaiter();
    await env.DB.exec(
      `
      INSERT INTO arrivals (id, token, arrived_at, expires_at, next_attempt_at, attempts, needs_person)
      WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 19999)
      SELECT 'flood-' || n, 'x', 0, 8e15, 8e15, 1, 0 FROM n`.replaceAll("\n", " "),
    );
    expect(locationOf(await arrive(registrationToken))).toBe(page);
  });
});

describe("a token that AWS refuses", () => {
  it("is in the log by AWS's word for it, and is not itself: credentials of another account look like it", async () => {
    expect((await arrive("forged token")).status).toBe(400);
    expect(logged.join("\n")).toMatch(/AWS refuses a customer's token.*InvalidTokenException/);
    expect(logged.join("\n")).not.toContain("forged token");
    expect(await env.DB.prepare("SELECT count(*) AS n FROM arrivals").first("n")).toBe(0);
  });
});

describe("the gateway's own faults", () => {
  it("keep the customer waiting when the agreement cannot be stored", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    const arrival = await withTrigger(
      "BEFORE INSERT ON agreements BEGIN SELECT RAISE(ABORT, 'died'); END",
      () => arrive(registrationToken),
    );
    expect(locationOf(arrival)).toMatch(/^\/registration\/waiting\//);
    await pass(6 * SECOND);
    expect(locationOf(await call("GET", locationOf(arrival)))).toContain("registration_code=");
    expect(await agreementsOf(listing.id)).toHaveLength(1);
  });

  it("send a customer on all the same when it cannot be noted whose token it was", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    const arrival = await withTrigger(
      "BEFORE INSERT ON arrivals BEGIN SELECT RAISE(ABORT, 'died'); END",
      () => arrive(registrationToken),
    );
    expect(logged.join("\n")).toContain("it was not noted whose token it was");
    expect(locationOf(arrival)).toContain("registration_code=");
  });

  it("are shown on a page that tries again by itself where it can be loaded again", async () => {
    const { page } = await newWaiter();
    const response = await withoutTables(["arrivals"], () => call("GET", page));
    expect([response.status, response.headers.get("refresh")]).toEqual([503, "10"]);
    expect(await response.text()).toContain("This page tries again by itself");
  });
});

describe("a customer", () => {
  it("is asked for where AWS has the products of the seller's partition", async () => {
    await newListing();
    const regions: string[] = [];
    const surroundings: Surroundings = {
      ...surroundingsOf(env),
      resolveCustomer: (token, region) => {
        regions.push(region);
        return surroundingsOf(env).resolveCustomer(token, region);
      },
    };
    await env.DB.exec("UPDATE products SET region = 'cn-northwest-1'");
    await arriveAt(surroundings, { token: "forged", productId: null, fields: {} });
    await env.DB.exec("UPDATE products SET region = 'us-east-1'");
    expect(regions).toEqual(["cn-northwest-1"]);
  });
});

describe("a customer who is known", () => {
  it("goes on while AWS cannot answer when the form comes again", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    await arrive(registrationToken);
    await faultResolving({ kind: "throttle" });
    expect(locationOf(await arrive(registrationToken))).toContain("registration_code=");
    expect(await waiting()).toBe(0);
  });
});

describe("customers who come while REGISTRATION_SECRET is not set", () => {
  const post = (body: string) =>
    new Request("https://gateway.test/register", {
      method: "POST",
      body,
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });

  it.each([
    ["AWS answers", () => Promise.resolve()],
    ["AWS does not answer", () => faultResolving({ kind: "throttle" })],
  ])("are an alarm until it is, while %s", async (_when, prepare) => {
    const listing = await newListing();
    for (const _customer of [1, 2]) {
      const { registrationToken } = await aws.agreement(listing.id);
      await prepare();
      const form = new URLSearchParams({ "x-amzn-marketplace-token": registrationToken });
      const response = await callWithSecret(undefined, post(form.toString()));
      await aws.heal();
      expect(response.status).toBe(503);
    }
    await keepWatch(watchOptions(env, openLedger(env.DB)));
    const [alarm] = await lostAlarms();
    expect(alarm).toMatchObject({ subject: "RegistrationSecretMissing" });
    expect(alarm?.detail).toContain("npx wrangler secret put REGISTRATION_SECRET");
    await tick();
    await tick();
    expect(await lostAlarms()).toEqual([]);
  });
});
