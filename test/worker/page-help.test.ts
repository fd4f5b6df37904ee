import { describe, expect, it } from "vitest";
import { admin, call } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import { locationOf } from "./support/registering.ts";

/** Where a customer who needs help is sent, on whatever page. */

const TO_AWS = "Need help? The product's page on AWS Marketplace says how to reach its seller.";

/** The last line of a page, without its markup's blanks. */
async function helpOn(path: string): Promise<string> {
  const text = (await (await call("GET", path)).text()).replaceAll(/\s+/g, " ");
  return /<footer> <p>(.*)<\/p> <\/footer>/.exec(text)?.[1] ?? "";
}

async function pagesOf(page: object | null): Promise<string[]> {
  const listing = await newListing();
  const changed = await admin("PATCH", `/v1/products/${listing.id}`, { signUpUrl: null, page });
  expect(changed.status).toBe(200);
  const { registrationToken } = await aws.agreement(listing.id);
  return [`/register/${listing.id}`, locationOf(await arrive(registrationToken))];
}

describe("the line that says where help is", () => {
  it.each([
    ["no page settings", null, TO_AWS],
    ["no support contact", { seller: "Acme" }, TO_AWS],
    [
      "an e-mail address",
      { support: "help@acme.test" },
      'Need help? <a href="mailto:help@acme.test">help@acme.test</a>',
    ],
    [
      "a web address",
      { support: "https://acme.test/help" },
      'Need help? <a href="https://acme.test/help">https://acme.test/help</a>',
    ],
  ])("of a product with %s", async (_what, page, help) => {
    for (const path of await pagesOf(page)) expect([path, await helpOn(path)]).toEqual([path, help]);
  });

  it("sends to AWS's page where it is not known whose customer has come", async () => {
    await pagesOf({ support: "help@acme.test" });
    await newListing();
    expect(await helpOn("/register")).toBe(TO_AWS);
  });
});
