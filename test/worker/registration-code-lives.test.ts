import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { issueCode } from "../../src/customers/registration/codes.ts";
import { openLedger } from "../../src/ledger/database.ts";
import { sha256Hex } from "../../src/sha256.ts";
import { admin, call, type TestProduct } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import { agreementOf, codeIn, locationOf, redeem, toldOf } from "./support/registering.ts";
import { DAY, MINUTE } from "./support/times.ts";

/** How long a code holds, and where: the seller's page passes it on at once, and a form may take its time. */

const SELLERS_PAGE = "https://seller.test/welcome";

const letSignUpAt = async (listing: TestProduct, signUpUrl: string | null) =>
  expect((await admin("PATCH", `/v1/products/${listing.id}`, { signUpUrl })).status).toBe(200);

/** A customer who was sent to the seller's page, or, where there is none, to the gateway's. */
async function newVisitor(signUpUrl: string | null) {
  const listing = await newListing();
  await letSignUpAt(listing, signUpUrl);
  const { registrationToken } = await aws.agreement(listing.id);
  const arrival = await arrive(registrationToken);
  expect(locationOf(arrival)).toContain(signUpUrl ?? "/registration/mgc_");
  const { id } = await agreementOf(listing.id);
  return { listing, id, code: codeIn(arrival) };
}

const openPage = (code: string) => call("GET", `/registration/${code}`);
const submit = (code: string) =>
  call("POST", `/registration/${code}`, {
    body: "email=alice%40example.com",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });

/** A code for the gateway's own page as it was issued some time ago. */
const issuedAgo = (agreementId: string, milliseconds: number) =>
  issueCode(openLedger(env.DB), env.REGISTRATION_SECRET ?? "", {
    agreementId,
    use: "form",
    now: Date.now() - milliseconds,
  });

describe("a code that a customer is sent on with", () => {
  it.each([
    ["ten minutes for the seller's page, which passes it on at once", SELLERS_PAGE, 10 * MINUTE],
    ["a day for the gateway's own, where a form may take its time", null, DAY],
  ])("lives %s", async (_what, signUpUrl, life) => {
    const before = Date.now();
    const { code } = await newVisitor(signUpUrl);
    const expiresAt = await env.DB.prepare("SELECT expires_at FROM registration_codes WHERE id = ?")
      .bind(await sha256Hex(code))
      .first<number>("expires_at");
    expect(expiresAt).toBeGreaterThanOrEqual(before + life);
    expect(expiresAt).toBeLessThanOrEqual(Date.now() + life);
  });

  it("opens the gateway's own page until its day is over", async () => {
    const { id } = await newVisitor(null);
    expect((await openPage(await issuedAgo(id, DAY - MINUTE))).status).toBe(200);
    const over = await issuedAgo(id, DAY + 1);
    for (const response of [await openPage(over), await submit(over)]) expect(response.status).toBe(400);
  });
});

describe("a code for one page", () => {
  it.each([
    ["the gateway's, once the seller has a page", null],
    ["the seller's", SELLERS_PAGE],
  ])(
    "is not taken by the gateway's page while the seller has one, and still holds: %s",
    async (_of, first) => {
      const { listing, id, code } = await newVisitor(first);
      await letSignUpAt(listing, SELLERS_PAGE);
      for (const response of [await openPage(code), await submit(code)]) {
        expect(response.status).toBe(400);
        expect(await response.text()).toContain("Please start again from AWS Marketplace");
      }
      expect((await toldOf(id)).map(({ type }) => type)).toEqual(["agreement.registered"]);
      expect(await (await redeem(listing.key, code, "acme")).json()).toMatchObject({ id, customer: "acme" });
    },
  );
});
