import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MAX_RETRIED } from "../../src/customers/registration/arrivals.ts";
import { withTrigger } from "./support/breaking.ts";
import { tick } from "./support/delivering.ts";
import { call } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import {
  agreementsOf,
  faultResolving,
  listenToLogs,
  locationOf,
  newWaiter,
  pass,
  waiting,
} from "./support/registering.ts";
import { MINUTE, SECOND } from "./support/times.ts";

/** How soon customers who wait are tried again. */

beforeEach(async () => {
  await env.DB.prepare("DELETE FROM arrivals").run();
  listenToLogs();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await aws.heal();
});

const resolving = async (work: () => Promise<unknown>) =>
  (await aws.callsDuring(work)).filter(({ operation }) => operation === "ResolveCustomer").length;

describe("a customer who waits", () => {
  it("is tried after 5 seconds, 5, 10, 20, 40, and then once a minute, however often it was in vain", async () => {
    const { page } = await newWaiter();
    const delays = [5, 5, 10, 20, 40, ...Array.from({ length: 15 }, () => 60)];
    for (const [attempt, delay] of delays.entries()) {
      // The gateway's own time of an attempt is less than four seconds.
      await pass((delay - 4) * SECOND);
      expect([attempt, await resolving(() => call("GET", page))]).toEqual([attempt, 0]);
      await pass(4 * SECOND);
      expect([attempt, await resolving(() => call("GET", page))]).toEqual([attempt, 1]);
    }
    await aws.heal();
    await pass(MINUTE);
    expect(locationOf(await call("GET", page))).toContain("registration_code=");
  });

  it("is tried again after a minute when the gateway died while it asked", async () => {
    const { page } = await newWaiter();
    await aws.heal();
    await pass(6 * SECOND);
    await withTrigger("BEFORE UPDATE OF token ON arrivals BEGIN SELECT RAISE(ABORT, 'died'); END", () =>
      call("GET", page),
    );
    expect(await waiting()).toBe(1);
    await pass(MINUTE);
    expect(locationOf(await call("GET", page))).toContain("registration_code=");
  });
});

describe("customers who wait", () => {
  it("are all tried after a tick, also when they are more than one slice tries", async () => {
    const listing = await newListing();
    await faultResolving({ kind: "throttle" });
    const all = MAX_RETRIED + 1;
    for (let n = 0; n < all; n++) await arrive((await aws.agreement(listing.id)).registrationToken);
    expect(await waiting()).toBe(all);
    await aws.heal();
    await pass(6 * SECOND);
    await tick();
    // The alarm that follows at once tries the rest.
    await expect.poll(waiting, { timeout: 10_000 }).toBe(0);
    expect(await agreementsOf(listing.id)).toHaveLength(all);
  });
});
