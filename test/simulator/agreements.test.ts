import { beforeEach, describe, expect, it } from "vitest";
import { aws, control, origin, send } from "./client.ts";
import { newCustomer, newProduct, startOver } from "./world.ts";

beforeEach(startOver);

describe("an agreement of the control plane", () => {
  const period = { startsAt: "2026-11-02T00:00:00Z", endsAt: "2026-11-01T00:00:00Z" };
  const refusal = { status: 400, body: { error: "endsAt: must be after startsAt.", field: "endsAt" } };

  it("that would end before it begins is refused, and nothing is kept of it", async () => {
    const productCode = await newProduct();
    expect(await control("POST", "/agreements", { productCode, ...period })).toMatchObject(refusal);
    expect((await control("GET", "/agreements")).body).toEqual({ agreements: [], next: null });
  });

  it("cannot be changed to end before it begins", async () => {
    const { agreementId } = await newCustomer();
    const path = `/agreements/${agreementId}`;
    const before = await control("GET", path);
    expect(await control("PATCH", path, period)).toMatchObject(refusal);
    expect((await control("GET", path)).body).toEqual(before.body);
  });

  it("of more than a megabyte is refused", async () => {
    const entitlements = [{ dimension: "d", value: "x".repeat(1_000_000) }];
    const answer = await control("POST", "/agreements", { productCode: await newProduct(), entitlements });
    expect(answer).toMatchObject({ status: 413, body: { error: "The body is over 1 MB." } });
  });

  it("has a page for a browser, whose form brings a token of its own to the seller's address", async () => {
    const { agreementId, accountId } = await newCustomer();
    const to = "https://seller.example/register?a=1&b=2";
    const path = `/_simulator/agreements/${agreementId}/set-up?to=${encodeURIComponent(to)}`;
    const page = await send(new Request(origin + path));
    const html = await page.text();
    expect(html).toContain('<form method="post" action="https://seller.example/register?a=1&amp;b=2">');
    const [, token = ""] = /name="x-amzn-marketplace-token" value="([^"]+)"/.exec(html) ?? [];
    const resolved = await aws("ResolveCustomer", { RegistrationToken: token });
    expect(resolved).toMatchObject({ status: 200, body: { CustomerAWSAccountId: accountId } });
    expect((await send(new Request(origin + path.replace("https%3A", "javascript%3A")))).status).toBe(400);
  });
});
