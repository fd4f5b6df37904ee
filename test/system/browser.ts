import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import axe from "axe-core";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { repository } from "../../scripts/local/worker.ts";

/** Debian's; CHROMIUM names another. */
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

export const openBrowser = (): Promise<Browser> =>
  // No test needs the sandbox's protection from its own pages, and a container's root has none.
  chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });

/** What a customer looks at, and everything in it that went wrong. */
export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of the page, and what its content security policy has kept from it. */
  readonly faults: readonly string[];
}

export async function visit(
  browser: Browser,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    // A page that is answered with 400 is no fault of its own.
    if (message.type() === "error" && !message.text().includes("Failed to load resource"))
      faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  return { page, context, faults };
}

/** What axe finds against WCAG 2.0 to 2.2, levels A and AA: each rule with the elements that break it. */
export async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe: checker } = globalThis as unknown as {
      axe: {
        run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
      };
    };
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await checker.run({ runOnly: tags });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
}

/** What a phone shows of a page: unlike a narrow window, it lays a page out for a desktop that does not say otherwise. */
async function onPhone<T>(page: Page, width: number, look: (phone: Page) => Promise<T>): Promise<T> {
  const viewport = { width, height: 640 };
  const context = await browserOf(page).newContext({ viewport, isMobile: true, hasTouch: true });
  try {
    const phone = await context.newPage();
    await phone.setContent(await page.content());
    return await look(phone);
  } finally {
    await context.close();
  }
}

function browserOf(page: Page): Browser {
  const browser = page.context().browser();
  if (browser === null) throw new Error("the page is of no browser");
  return browser;
}

/** Keeps a picture for a person to look at, as a desktop and as a phone show it. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = join(repository, "reports", "pages");
  await mkdir(folder, { recursive: true });
  const shoot = async (shown: Page, device: string) => {
    await shown.screenshot({ path: join(folder, `${name}-${device}.png`), fullPage: true });
  };
  await shoot(page, "desktop");
  await onPhone(page, 360, (phone) => shoot(phone, "phone"));
}

/** Whether a page has to be scrolled sideways on the narrowest phone that WCAG speaks of (1.4.10, 320 CSS pixels). */
export const isWiderThanPhone = (page: Page): Promise<boolean> =>
  onPhone(page, 320, (phone) => phone.evaluate(() => document.documentElement.scrollWidth > 320));
