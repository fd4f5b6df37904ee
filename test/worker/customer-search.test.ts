import { expect, it } from "vitest";
import { admin, call, json } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import { locationOf } from "./support/registering.ts";

const search = async (text: string) => {
  const path = `/v1/customers?search=${encodeURIComponent(text)}`;
  return (await json<{ customers: { id: string }[] }>(admin("GET", path))).customers.map(({ id }) => id);
};

it("finds a customer by the beginning of the e-mail address, in any case of letters", async () => {
  const listing = await newListing();
  await admin("PATCH", `/v1/products/${listing.id}`, { signUpUrl: null });
  const accounts: Record<string, string> = {};
  for (const email of ["Ann.Lee@Customer.example", "ann.lea@customer.example"]) {
    const { registrationToken, accountId } = await aws.agreement(listing.id);
    const page = locationOf(await arrive(registrationToken));
    const signedUp = await call("POST", page, {
      body: new URLSearchParams({ email }).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    expect(signedUp.status).toBe(303);
    accounts[email.slice(0, 7)] = accountId;
  }
  const { "Ann.Lee": lee, "ann.lea": lea } = accounts;
  for (const text of ["Ann.Lee@Customer.example", "ann.lee@customer.example", "ANN.LEE", "ann.lee@C"])
    expect([text, await search(text)]).toEqual([text, [lee]]);
  for (const text of ["ANN.LEA@CUSTOMER.EXAMPLE", "ann.lea"])
    expect([text, await search(text)]).toEqual([text, [lea]]);
  for (const text of ["a", "ANN.", "ann.le"])
    expect([text, new Set(await search(text))]).toEqual([text, new Set([lee, lea])]);
  for (const text of ["lee@customer", "customer.example", "ann_lee", "ann%", "ann.lee@customer.example.org"])
    expect([text, await search(text)]).toEqual([text, []]);
});
