import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin, call } from "./support/gateway.ts";
import { aws, newListing } from "./support/marketplace.ts";
import { listenToLogs, newWaiter } from "./support/registering.ts";

/** Whose page a waiting page is, while AWS has not said whose customer has come. */

beforeEach(async () => {
  await env.DB.exec("UPDATE products SET page = NULL");
  listenToLogs();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await aws.heal();
});

/** A customer who waits at the address that is of no product, at a seller's with two products. */
async function newWaiting(pageOfOther: object) {
  const page = { seller: "Nimbus Analytics", support: "help@nimbus.test" };
  const other = await newListing();
  const { listing, page: address } = await newWaiter();
  // Others of the ledger are of other tests.
  await env.DB.prepare("UPDATE products SET page = ?").bind(JSON.stringify(page)).run();
  await admin("PATCH", `/v1/products/${other.id}`, { page: { ...page, ...pageOfOther } });
  expect(listing.id).not.toBe(other.id);
  return (await call("GET", address)).text();
}

describe("the waiting page of a seller with several products", () => {
  it("names the seller when all their pages are alike, and helps", async () => {
    const text = await newWaiting({});
    expect(text).toContain("<p>Nimbus Analytics</p>");
    expect(text).toContain("mailto:help@nimbus.test");
  });

  it("names nobody, and has no empty header, when they are not", async () => {
    const text = await newWaiting({ seller: "Cumulus" });
    expect(text).not.toMatch(/Nimbus|Cumulus|<header/);
  });
});
