import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tick } from "./delivering.ts";
import { call } from "./gateway.ts";
import { arrive, aws, newListing } from "./marketplace.ts";
import {
  agreementsOf,
  faultResolving,
  HOUR,
  listenToLogs,
  locationOf,
  MINUTE,
  newWaiter,
  pass,
  SECOND,
  waiting,
  waitingAlarms,
} from "./registering.ts";

beforeEach(async () => {
  await env.DB.batch(["arrivals", "alarms"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
  listenToLogs();
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
      expect(text).toContain("has not confirmed it to us yet");
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

  it("keep a customer of another product's address waiting until it comes by the right one", async () => {
    const other = await newListing();
    const { listing, registrationToken, page } = await newWaiter(
      { kind: "extra-fields" },
      { path: `/register/${other.id}` },
    );
    expect(page).toMatch(/^\/registration\/waiting\//);
    await tick();
    const alarms = await waitingAlarms();
    expect(alarms).toMatchObject([{ subject: "ProductUnknown" }]);
    expect(alarms[0]?.detail).toContain(
      `"${listing.id}" has come to the address of product "${other.id}": mend the fulfillment URL`,
    );
    expect([...(await agreementsOf(listing.id)), ...(await agreementsOf(other.id))]).toEqual([]);
    // Now the listing's address is right, and AWS is slow.
    await faultResolving({ kind: "throttle" });
    await arrive(registrationToken, { path: `/register/${listing.id}` });
    await aws.heal();
    await pass(HOUR);
    await tick();
    expect(locationOf(await call("GET", page))).toContain("registration_code=");
    await tick();
    expect(await waitingAlarms()).toEqual([]);
  });

  it("keep a customer of a product that is not there waiting until it is", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    const rename = (from: string, to: string) =>
      env.DB.prepare("UPDATE products SET product_code = ? WHERE product_code = ?").bind(to, from).run();
    await rename(listing.id, `${listing.id}-away`);
    const page = locationOf(await arrive(registrationToken));
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
      INSERT INTO arrivals (id, token, arrived_at, free_trial, expires_at, next_attempt_at, attempts, needs_person)
      WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
      SELECT 'flood-' || n, 'x', 0, 0, 9e15, 9e15, 1, 0 FROM n`.replaceAll("\n", " "),
    );
    const { arrival } = await newWaiter();
    expect([arrival.status, arrival.headers.get("retry-after")]).toEqual([503, "60"]);
    expect(await waiting()).toBe(10_000);
  });
});
