import { describe, expect, it } from "vitest";
import { admin, json, type TestProduct } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import { agreementsOf, codeIn, redeem, type AgreementView } from "./support/registering.ts";

/** A customer who has just been sent on with a code. */
async function newVisitor(product?: TestProduct) {
  const listing = product ?? (await newListing());
  const { registrationToken, ...names } = await aws.agreement(listing.id);
  const code = codeIn(await arrive(registrationToken));
  const agreements = await agreementsOf(listing.id);
  const id = agreements.find(({ licenseArn }) => licenseArn === names.licenseArn)?.id ?? "";
  return { listing, registrationToken, names, code, id };
}

const redeemed = (token: string, code: string, customer?: string) =>
  json<AgreementView>(redeem(token, code, customer));

const customerOf = async (id: string) =>
  (await json<AgreementView>(admin("GET", `/v1/agreements/${id}`))).customer;

describe("a code whose id does not go with what is there", () => {
  it("still holds when the id is another agreement's", async () => {
    const first = await newVisitor();
    await redeem(first.listing.key, first.code, "acme");
    const second = await newVisitor(first.listing);
    const refused = await redeem(second.listing.key, second.code, "acme");
    expect(refused.status).toBe(409);
    expect(await json(refused)).toMatchObject({
      detail: `"acme" names another agreement of this product already, ${first.id}, and usage by that id is counted there. Redeem the code, which still holds, with an id that is this agreement's alone; an id of yours goes over once the agreement that has it has ended.`,
    });
    expect([await customerOf(first.id), await customerOf(second.id)]).toEqual(["acme", null]);
    expect(await redeemed(second.listing.key, second.code, "acme-2")).toMatchObject({ id: second.id });
  });

  it("still holds when the customer has another id, which stays", async () => {
    const { listing, code, id } = await newVisitor();
    await admin("PATCH", `/v1/agreements/${id}`, { customer: "acme" });
    expect((await redeem(listing.key, code, "other")).status).toBe(409);
    expect(await customerOf(id)).toBe("acme");
    expect(await redeemed(listing.key, code, "acme")).toMatchObject({ id });
  });

  it.each([
    ["an empty id", ""],
    ["half a character", "\ud800"],
    ["a NUL", "a\u0000"],
    ["2049 characters", "x".repeat(2049)],
  ])("still holds when the id is %s", async (_what, customer) => {
    const { listing, code, id } = await newVisitor();
    expect((await redeem(listing.key, code, customer)).status).toBe(400);
    expect(await redeemed(listing.key, code, "acme")).toMatchObject({ id });
  });

  it("still holds when the id is AWS's own of another customer", async () => {
    const listing = await newListing({ concurrentAgreements: false });
    const first = await newVisitor(listing);
    const second = await newVisitor(listing);
    const refused = await redeem(listing.key, second.code, first.names.customerIdentifier);
    expect(refused.status).toBe(409);
    expect(await json(refused)).toMatchObject({ detail: expect.stringContaining(first.id) as unknown });
    expect(await redeemed(listing.key, second.code, "acme")).toMatchObject({ id: second.id });
  });
});
