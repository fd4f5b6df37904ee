import { beforeEach, describe, expect, it } from "vitest";
import { control, origin, send } from "./client.ts";
import { meter, newAgreement, newCustomer, newProduct, setTime, startOver, usage } from "./world.ts";

beforeEach(startOver);

async function page(): Promise<{ html: string; headers: Headers }> {
  const response = await send(new Request(`${origin}/`));
  expect(response.status).toBe(200);
  return { html: await response.text(), headers: response.headers };
}

/** One section of the page as text. */
async function section(id: string): Promise<string> {
  const { html } = await page();
  const found = new RegExp(`<section id="${id}"[^]*?</section>`).exec(html)?.[0] ?? "";
  return found
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

describe("the page at the simulator's root", () => {
  it("says of an empty simulator what to do", async () => {
    expect(await section("products")).toContain("POST /_simulator/products");
    expect(await section("agreements")).toContain("POST /_simulator/agreements");
    expect(await section("calls")).toContain("No call has come in yet.");
    expect(await section("records")).toContain("Nothing has been metered yet.");
  });

  it("shows products, agreements, records and calls", async () => {
    const customer = await newCustomer();
    await meter([usage(customer, { Quantity: 4711 })]);
    await meter([usage(customer, { Dimension: "unknown" })]);
    expect(await section("products")).toContain(`${customer.productCode} requests, storage LicenseArn`);
    expect(await section("agreements")).toMatch(
      new RegExp(`${customer.agreementId}.*${customer.accountId}.* yes `),
    );
    expect(await section("records")).toMatch(
      /2026-11-23 09:00 \d{12} requests 4711 l-[0-9a-f]{32} us-east-1/,
    );
    expect(await section("calls")).toMatch(
      /Calls 2, newest first .* 1 400 InvalidUsageDimensionException us-east-1 .* 1 200 us-east-1/,
    );
  });

  it("shows the newest hundred calls of many, and how many there were", async () => {
    for (let n = 0; n < 101; n += 1) await send(new Request(`${origin}/`, { method: "POST" }));
    expect(await section("calls")).toContain("Calls 101, 100 shown, newest first");
  });

  it("shows a clock that stands still, the switches that were turned and the faults on order", async () => {
    await setTime("2027-01-02T03:04:05Z");
    await control("PATCH", "/switches", { windowHours: 6 });
    await control("POST", "/faults", {
      faults: [{ kind: "throttle", operation: "BatchMeterUsage", times: 3 }],
    });
    const settings = await section("settings");
    expect(settings).toContain("2027-01-02 03:04:05 standing still");
    expect(settings).toContain("windowHours=6");
    expect(settings).toContain("throttle × 3 (BatchMeterUsage)");
  });

  it("shows that an ended agreement takes no usage any more", async () => {
    const customer = await newCustomer();
    await control("PATCH", `/agreements/${customer.agreementId}`, { status: "suspended" });
    expect(await section("agreements")).toContain(" no , suspended ");
  });

  it("escapes what others have written", async () => {
    const evil = `<img src=x onerror="alert(1)">&'`;
    await newAgreement(await newProduct({ dimensions: [evil] }));
    const { html } = await page();
    expect(html).not.toContain("<img");
    expect(html).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;");
  });

  it("runs no script but its own and loads nothing from elsewhere", async () => {
    const { html, headers } = await page();
    const nonce = /script-src 'nonce-([^']+)'/.exec(headers.get("content-security-policy") ?? "")?.[1];
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(html.match(/<script[^>]*>/g)).toEqual([`<script type="module" nonce="${nonce}">`]);
    expect(html).not.toMatch(/(?:src|href)="(?!data:,)/);
    expect((await page()).html).not.toContain(nonce);
  });
});
