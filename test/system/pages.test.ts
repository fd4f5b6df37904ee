import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { arrive, expectOk, type SimulatorAgreement } from "../../scripts/local/clients.ts";
import { isWiderThanPhone, openBrowser, picture, violationsOf, visit } from "./browser.ts";
import { ADMIN, newSeller, type Seller } from "./seller.ts";

const PAGE = {
  seller: "Nimbus Analytics",
  color: "#6b21a8",
  support: "help@nimbus.example",
  next: "We send you a link to your workspace within a minute.",
};

/** A PNG of one pixel. */
const LOGO = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

let seller: Seller;
let browser: Browser;
let sellersSite: Server;
/** What the seller's own sign-up page was asked with. */
const asked: { url: string; headers: IncomingHttpHeaders }[] = [];

beforeAll(async () => {
  [seller, browser] = await Promise.all([newSeller(), openBrowser()]);
  sellersSite = createServer((request, response) => {
    if (request.url?.startsWith("/welcome") === true)
      asked.push({ url: request.url, headers: request.headers });
    if (request.url === "/logo.png") {
      response.writeHead(200, { "content-type": "image/png" }).end(LOGO);
      return;
    }
    response.writeHead(200, { "content-type": "text/html" }).end("<title>Welcome</title><h1>Welcome</h1>");
  });
  await new Promise<void>((resolve) => sellersSite.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  await browser.close();
  sellersSite.close();
  await seller.stop();
});

const gateway = () => seller.gateway.worker.url;
const aws = () => `${seller.simulator.worker.url}/_simulator`;

async function list(productCode: string, settings: object): Promise<void> {
  const product = { productCode, dimensions: ["api"] };
  await expectOk("POST", `${aws()}/products`, { body: product });
  await expectOk("POST", `${gateway()}/v1/products`, { token: ADMIN, body: { ...product, ...settings } });
}

const buy = (productCode: string) =>
  expectOk<SimulatorAgreement>("POST", `${aws()}/agreements`, { body: { productCode } });

/** Presses "Set up your account" on AWS's page, which is of another site than the gateway's. */
async function press(page: Page, { agreementId }: SimulatorAgreement): Promise<void> {
  const to = `${gateway()}/register`.replace("127.0.0.1", "localhost");
  await page.goto(`${aws()}/agreements/${agreementId}/set-up?to=${to}`);
  await page.getByRole("button", { name: "Set up your account" }).click();
  await page.waitForURL((address) => !address.pathname.startsWith("/_simulator/"));
}

async function expectAccessible(page: Page): Promise<void> {
  expect(await violationsOf(page)).toEqual([]);
  expect(await isWiderThanPhone(page)).toBe(false);
}

const heading = (page: Page) => page.getByRole("heading", { level: 1 }).innerText();

describe("a customer whose seller has no sign-up page", () => {
  beforeAll(() => list("hosted", { name: "Nimbus", page: PAGE }));

  it("comes from AWS, is told what is wrong, finishes, and is told to the seller", async () => {
    const bought = await buy("hosted");
    const { page, context, faults } = await visit(browser, { bypassCSP: true });
    await press(page, bought);
    expect(await heading(page)).toBe("Set up your account");
    expect(await page.title()).toBe("Set up your account – Nimbus Analytics");
    await expect(page.getByRole("link", { name: PAGE.support }).getAttribute("href")).resolves.toBe(
      `mailto:${PAGE.support}`,
    );
    await picture(page, "sign-up");
    await expectAccessible(page);

    await page.getByLabel("E-mail address").fill("nobody");
    await page.getByLabel("Your name").fill("Ann <script>alert(1)</script>");
    await page.getByRole("button", { name: "Finish" }).click();
    expect(await heading(page)).toBe("Please check what you entered");
    await expect(page.getByRole("alert").innerText()).resolves.toContain("name@example.com");
    await expect(page.getByLabel("Your name").inputValue()).resolves.toBe("Ann <script>alert(1)</script>");
    await picture(page, "sign-up-wrong");
    await expectAccessible(page);

    await page.getByLabel("E-mail address").fill("ann@customer.example");
    await page.getByRole("button", { name: "Finish" }).click();
    expect(await heading(page)).toBe("Your account is being set up");
    await expect(page.getByText(PAGE.next).isVisible()).resolves.toBe(true);
    await picture(page, "signed-up");
    await expectAccessible(page);
    // Loading it again sends nothing again.
    await page.reload();
    expect(await heading(page)).toBe("Your account is being set up");

    const url = `${gateway()}/v1/customers/${bought.accountId}`;
    const { agreements } = await expectOk<{ agreements: { contact: object }[] }>("GET", url, {
      token: ADMIN,
    });
    expect(agreements).toMatchObject([{ contact: { email: "ann@customer.example" } }]);
    expect(await context.cookies()).toEqual([]);
    expect(faults).toEqual([]);
  });

  it("needs no scripts, and a keyboard is enough", async () => {
    const { page, faults } = await visit(browser, { javaScriptEnabled: false });
    await press(page, await buy("hosted"));
    const focused = () => page.locator(":focus").getAttribute("name");
    const outline = () =>
      page.locator(":focus").evaluate((element) => getComputedStyle(element).outlineStyle);
    const stops: (string | null)[] = [];
    for (let n = 0; n < 3; n++) {
      await page.keyboard.press("Tab");
      stops.push(await focused());
      expect(await outline()).toBe("solid");
    }
    expect(stops).toEqual(["email", "name", "company"]);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Please check what you entered" }).waitFor();
    // The customer goes on where something is to be mended.
    expect(await focused()).toBe("email");
    await page.keyboard.type("ann@customer.example");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").innerText()).toBe("Finish");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Your account is being set up" }).waitFor();
    expect(faults).toEqual([]);
  });

  it("sees the seller's logo, which the page's security policy lets in", async () => {
    await list("hosted-logo", { page: { ...PAGE, logoUrl: `${siteOf(sellersSite)}/logo.png` } });
    const { page, faults } = await visit(browser);
    await press(page, await buy("hosted-logo"));
    await page.waitForLoadState("load");
    const width = await page.locator("header img").evaluate((image: HTMLImageElement) => image.naturalWidth);
    expect(width).toBe(1);
    expect(faults).toEqual([]);
  });

  it("sees the seller's name where it is without a logo when the logo cannot be loaded", async () => {
    await list("hosted-no-logo", { page: { ...PAGE, logoUrl: "http://127.0.0.1:9/none.png" } });
    const placeOn = async (product: string) => {
      const { page } = await visit(browser);
      await press(page, await buy(product));
      await page.waitForLoadState("load");
      if (product === "hosted-no-logo") await picture(page, "no-logo");
      return page.locator("header p").boundingBox();
    };
    expect(await placeOn("hosted-no-logo")).toEqual(await placeOn("hosted"));
  });

  it("comes again, is told that it is done, and changes the address; another tab is told that it is late", async () => {
    const bought = await buy("hosted");
    const { page, context } = await visit(browser, { bypassCSP: true });
    await press(page, bought);
    const other = await context.newPage();
    await other.goto(page.url());
    await page.getByLabel("E-mail address").fill("ann@customer.example");
    await page.getByRole("button", { name: "Finish" }).click();
    await other.getByLabel("E-mail address").fill("bea@customer.example");
    await other.getByRole("button", { name: "Finish" }).click();
    await expect(other.getByRole("alert").innerText()).resolves.toContain("was not taken");
    await expect(other.getByRole("status").innerText()).resolves.toContain("ann@customer.example");
    await picture(other, "signed-up-late");
    await expectAccessible(other);

    await press(page, bought);
    expect(await heading(page)).toBe("You have signed up already");
    await expect(page.getByLabel("E-mail address").inputValue()).resolves.toBe("ann@customer.example");
    await picture(page, "sign-up-again");
    await expectAccessible(page);
    await page.getByLabel("E-mail address").fill("cleo@customer.example");
    await page.getByRole("button", { name: "Change" }).click();
    await expect(page.getByRole("status").innerText()).resolves.toContain("cleo@customer.example");
  });

  it("is told that the subscription has ended", async () => {
    const bought = await buy("hosted");
    const { page } = await visit(browser, { bypassCSP: true });
    await press(page, bought);
    const url = `${gateway()}/v1/customers/${bought.accountId}`;
    const { agreements } = await expectOk<{ agreements: { agreement: { id: string } }[] }>("GET", url, {
      token: ADMIN,
    });
    const { id = "" } = agreements[0]?.agreement ?? {};
    await expectOk("POST", `${gateway()}/v1/agreements/${id}/end`, { token: ADMIN, body: {} });
    await page.reload();
    expect(await heading(page)).toBe("Your subscription has ended");
    await picture(page, "ended");
    await expectAccessible(page);
  });

  it.each(["#ffff00", "#000000", "#ffffff", "#777777"])(
    "can read the page in the colour %s",
    async (color) => {
      const productCode = `hosted-${color.slice(1)}`;
      const long =
        "A seller with a very long name that goes on and on, Gesellschaft mit beschränkter Haftung";
      await list(productCode, { page: { seller: long, color, logoUrl: `${siteOf(sellersSite)}/none.png` } });
      const { page } = await visit(browser, { bypassCSP: true });
      await press(page, await buy(productCode));
      expect(await heading(page)).toBe("Set up your account");
      await expectAccessible(page);
    },
  );
});

const siteOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

describe("a customer whose seller has a sign-up page", () => {
  it("comes there with a code that the seller's backend redeems, and with nothing of AWS's", async () => {
    await list("own", { signUpUrl: `${siteOf(sellersSite)}/welcome?from=aws` });
    const bought = await buy("own");
    const { page, context } = await visit(browser);
    await press(page, bought);
    expect(await heading(page)).toBe("Welcome");
    const [request] = asked.splice(0);
    const address = new URL(request?.url ?? "", siteOf(sellersSite));
    expect([...address.searchParams.keys()]).toEqual(["from", "registration_code"]);
    expect(request?.headers.referer).toBeUndefined();
    expect(request?.headers.cookie).toBeUndefined();
    expect(await context.cookies()).toEqual([]);
    const agreement = await expectOk("POST", `${gateway()}/v1/registrations/redeem`, {
      token: ADMIN,
      body: { code: address.searchParams.get("registration_code"), customer: "acme" },
    });
    expect(agreement).toMatchObject({ accountId: bought.accountId, customer: "acme" });
  });
});

describe("a customer who comes while AWS is down", () => {
  afterEach(() => expectOk("DELETE", `${aws()}/faults`));

  it("waits on a page that goes on by itself", async () => {
    await list("patient", { page: PAGE });
    const bought = await buy("patient");
    await expectOk("POST", `${aws()}/faults`, {
      body: { faults: [{ kind: "internal-error", operation: "ResolveCustomer", times: null }] },
    });
    const { page, faults } = await visit(browser, { bypassCSP: true });
    await press(page, bought);
    expect(await heading(page)).toBe("Setting up your account takes a little longer");
    expect(page.url()).not.toContain(bought.accountId);
    await picture(page, "waiting");
    await expectAccessible(page);
    await page.getByRole("link", { name: "Look again now" }).click();
    expect(await heading(page)).toBe("Setting up your account takes a little longer");
    await page.getByRole("link", { name: "Do not load this page by itself" }).click();
    await page.getByRole("link", { name: "Look again now" }).click();
    expect(new URL(page.url()).search).toBe("?still");
    await picture(page, "waiting-still");
    await expectAccessible(page);
    await page.goBack();
    await page.goBack();
    await expectOk("DELETE", `${aws()}/faults`);
    await page.getByRole("heading", { name: "Set up your account" }).waitFor({ timeout: 30_000 });
    expect(faults).toEqual([]);
  });

  it("is told that it was no fault of theirs when the token has ended meanwhile", async () => {
    await list("late", { page: PAGE });
    const bought = await buy("late");
    await expectOk("POST", `${aws()}/faults`, {
      body: { faults: [{ kind: "internal-error", operation: "ResolveCustomer", times: 1 }] },
    });
    const { page } = await visit(browser, { bypassCSP: true });
    await press(page, bought);
    await expectOk("POST", `${aws()}/switches`, { body: { tokenTtlHours: 0.000_001 } });
    await page.getByText("no fault of yours").waitFor({ timeout: 30_000 });
    await expectOk("POST", `${aws()}/switches`, { body: { tokenTtlHours: 4 } });
    expect(await heading(page)).toBe("Please start again from AWS Marketplace");
    await picture(page, "lapsed");
    await expectAccessible(page);
  });
});

describe("pages for whoever comes without a token that AWS knows", () => {
  it.each([
    ["about", "Set up your account", () => fetch(`${gateway()}/register`)],
    ["again", "Please start again from AWS Marketplace", () => arrive(gateway(), "forged")],
    [
      "expired-code",
      "Please start again from AWS Marketplace",
      () => fetch(`${gateway()}/registration/mgc_x`),
    ],
  ])("say what to do: %s", async (name, title, ask) => {
    const response = await ask();
    const { page } = await visit(browser);
    await page.setContent(await response.text());
    expect(await heading(page)).toBe(title);
    await expect(page.getByText('press "Set up your account" again').isVisible()).resolves.toBe(true);
    await picture(page, name);
    await expectAccessible(page);
  });
});
