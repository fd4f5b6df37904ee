import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tick } from "./support/delivering.ts";
import { admin, call } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import {
  agreementOf,
  agreementsOf,
  codeIn,
  listenToLogs,
  locationOf,
  misplacedAlarms,
  newWaiter,
  pass,
  redeem,
  waitingAlarms,
} from "./support/registering.ts";
import { HOUR } from "./support/times.ts";

/** Customers whom a listing's fulfillment URL brings to the address of another product. */

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

/** Two products of one seller, each with its own page, and a customer of the first. */
async function newMixUp() {
  const [listing, other] = [await newListing(), await newListing()];
  await admin("PATCH", `/v1/products/${listing.id}`, { signUpUrl: "https://first.test/" });
  await admin("PATCH", `/v1/products/${other.id}`, { signUpUrl: "https://other.test/" });
  return { listing, other, ...(await aws.agreement(listing.id)) };
}

describe("a customer who comes to another product's address", () => {
  it("is let in to the product that AWS says, and to no other", async () => {
    const { listing, other, registrationToken, accountId } = await newMixUp();
    const arrival = await arrive(registrationToken, { path: `/register/${other.id}` });
    expect(locationOf(arrival)).toContain("https://first.test/?registration_code=");
    expect(await agreementsOf(other.id)).toEqual([]);
    expect(await agreementsOf(listing.id)).toMatchObject([{ accountId }]);
    expect((await redeem(other.key, codeIn(arrival), "acme")).status).toBe(404);
    expect((await redeem(listing.key, codeIn(arrival), "acme")).status).toBe(200);
  });

  it("is an alarm that says which listing to mend, and it is over once customers come right", async () => {
    const { listing, other, registrationToken, agreementId } = await newMixUp();
    await arrive(registrationToken, { path: `/register/${other.id}` });
    await tick();
    const [alarm] = await misplacedAlarms();
    expect(alarm).toMatchObject({ subject: listing.id });
    expect(alarm?.detail).toContain(
      `Customers of product "${listing.id}" have come to the address of product "${other.id}".`,
    );
    expect(alarm?.detail).toContain(
      `Correct the fulfillment URL of the listing with the product code "${listing.id}": at this gateway it is /register/${listing.id}.`,
    );
    expect(await waitingAlarms()).toEqual([]);
    // AWS's button brings another token each time.
    await arrive(await aws.token(agreementId), { path: `/register/${listing.id}` });
    await tick();
    expect(await misplacedAlarms()).toEqual([]);
  });

  it.each(["/register", "/register/:product"])(
    "is no alarm of a customer who comes to %s, nor is the other product's over by that",
    async (path) => {
      const { listing, other, registrationToken } = await newMixUp();
      await arrive(registrationToken, { path: `/register/${other.id}` });
      const theirs = await aws.agreement(other.id);
      await arrive(theirs.registrationToken, { path: path.replace(":product", other.id) });
      await tick();
      expect(await misplacedAlarms()).toMatchObject([{ subject: listing.id }]);
    },
  );

  it("and has waited for AWS is let in likewise", async () => {
    const other = await newListing();
    const { listing, page } = await newWaiter({ kind: "throttle" }, { path: `/register/${other.id}` });
    await aws.heal();
    await pass(HOUR);
    expect(locationOf(await call("GET", page))).toContain("registration_code=");
    await tick();
    expect(await misplacedAlarms()).toMatchObject([{ subject: listing.id }]);
    expect(await agreementOf(listing.id)).toMatchObject({ product: listing.id });
  });

  it("is let in all the same when that cannot be noted", async () => {
    const { other, registrationToken } = await newMixUp();
    await env.DB.exec("ALTER TABLE incidents RENAME TO away");
    const arrival = await arrive(registrationToken, { path: `/register/${other.id}` });
    await env.DB.exec("ALTER TABLE away RENAME TO incidents");
    expect(locationOf(arrival)).toContain("https://first.test/?registration_code=");
    expect(logged.join("\n")).toContain("not noted by which address");
  });
});
