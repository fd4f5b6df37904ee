import { exports } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import { tick } from "./support/delivering.ts";
import { call } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import { agreementsOf, ledgerText, waitingAlarms } from "./support/registering.ts";

afterEach(() => aws.heal());

const TOKEN = "x-amzn-marketplace-token";
const FORM = "application/x-www-form-urlencoded";

const post = (body: string, contentType: string = FORM): Promise<Response> =>
  call("POST", "/register", { body, headers: { "content-type": contentType } });

/** A customer that AWS knows and the gateway does not yet. */
async function newSubscriber() {
  const listing = await newListing();
  const { registrationToken } = await aws.agreement(listing.id);
  const isRegistered = async () => (await agreementsOf(listing.id)).length === 1;
  return { listing, token: registrationToken, isRegistered };
}

const boundary = "----boundary";
const multipart = (parts: readonly (readonly [disposition: string, value: string])[]): string =>
  `${parts.map(([disposition, value]) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`).join("")}--${boundary}--\r\n`;

describe("AWS's form", () => {
  it.each<[what: string, contentType: string, body: (token: string) => string]>([
    ["as AWS posts it", FORM, (token) => new URLSearchParams({ [TOKEN]: token }).toString()],
    [
      "with a charset and other letter case",
      "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
      (token) => new URLSearchParams({ [TOKEN]: token }).toString(),
    ],
    [
      "with each character encoded",
      FORM,
      (token) =>
        `${TOKEN}=${Array.from(token)
          .map((character) => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`)
          .join("")}`,
    ],
    [
      "with spaces around the token",
      FORM,
      (token) => new URLSearchParams({ [TOKEN]: ` ${token}\r\n` }).toString(),
    ],
    [
      "with fields that nobody knows",
      FORM,
      (token) => new URLSearchParams({ a: "b", [TOKEN]: token, __proto__x: "c" }).toString(),
    ],
    [
      "in several parts",
      `multipart/form-data; boundary=${boundary}`,
      (token) => multipart([[`name="${TOKEN}"`, token]]),
    ],
    [
      "with two tokens, of which the first counts",
      FORM,
      (token) => `${new URLSearchParams({ [TOKEN]: token }).toString()}&${TOKEN}=forged`,
    ],
  ])("is read %s", async (_what, contentType, body) => {
    const { token, isRegistered } = await newSubscriber();
    expect((await post(body(token), contentType)).status).toBe(303);
    expect(await isRegistered()).toBe(true);
  });

  it.each<[what: string, contentType: string, body: (token: string) => string]>([
    ["decoded twice", FORM, (token) => `${TOKEN}=${encodeURIComponent(encodeURIComponent(token))}`],
    ["with plus for plus, which is a space", FORM, (token) => `${TOKEN}=${token}`],
    [
      "under a name in other letter case",
      FORM,
      (token) => `${TOKEN.toUpperCase()}=${encodeURIComponent(token)}`,
    ],
    [
      "with a forged token before the right one",
      FORM,
      (token) => `${TOKEN}=forged&${TOKEN}=${encodeURIComponent(token)}`,
    ],
    ["as plain text", "text/plain", (token) => `${TOKEN}=${encodeURIComponent(token)}`],
    ["as JSON", "application/json", (token) => JSON.stringify({ [TOKEN]: token })],
    ["as XML", "application/xml", (token) => `<token>${token}</token>`],
    ["of no type that there is", "x", (token) => `${TOKEN}=${encodeURIComponent(token)}`],
    [
      "in parts that no boundary parts",
      "multipart/form-data",
      (token) => multipart([[`name="${TOKEN}"`, token]]),
    ],
    [
      "as a file",
      `multipart/form-data; boundary=${boundary}`,
      (token) => multipart([[`name="${TOKEN}"; filename="token.txt"`, token]]),
    ],
    ["cut off", FORM, (token) => `${TOKEN}=${encodeURIComponent(token.slice(0, -1))}`],
    ["longer than any token", FORM, (token) => `${TOKEN}=${encodeURIComponent(token)}${"x".repeat(9000)}`],
    ["of NUL", FORM, () => `${TOKEN}=%00`],
    ["of bytes that are no UTF-8", FORM, () => `${TOKEN}=%ff%fe`],
    ["with broken percent signs", FORM, () => `${TOKEN}=%zz%`],
    ["of markup", FORM, () => `${TOKEN}=${encodeURIComponent('"><script>alert(1)</script>')}`],
  ])(
    "is refused %s, with a page that says to start again, and nothing is kept",
    async (_what, type, body) => {
      const { token, isRegistered } = await newSubscriber();
      const before = await ledgerText();
      const response = await post(body(token), type);
      expect(response.status).toBe(400);
      const text = await response.text();
      expect(text).toContain("press &quot;Set up your account&quot; again");
      expect(text).not.toContain("<script");
      expect(await isRegistered()).toBe(false);
      expect(await ledgerText()).toBe(before);
    },
  );

  it("that AWS refuses as malformed is the customer's to mend, and alarms nobody", async () => {
    const { token } = await newSubscriber();
    await aws.faults({ kind: "error", error: "ValidationException", operation: "ResolveCustomer" });
    expect((await arrive(token)).status).toBe(400);
    await tick();
    expect(await waitingAlarms()).toEqual([]);
  });

  it("of a megabyte is refused before it is read", async () => {
    const response = await post(`${TOKEN}=${"x".repeat(1_000_000)}`);
    expect(response.status).toBe(413);
    expect(response.headers.get("content-type")).toContain("text/html");
    expect(await response.text()).toContain("press &quot;Set up your account&quot; again");
  });

  it.each(["PUT", "PATCH", "DELETE"])("is not taken by %s", async (method) => {
    const { token, isRegistered } = await newSubscriber();
    const body = new URLSearchParams({ [TOKEN]: token }).toString();
    expect((await call(method, "/register", { body, headers: { "content-type": FORM } })).status).toBe(404);
    expect(await isRegistered()).toBe(false);
  });

  it("is not taken from an address, which others see", async () => {
    const { token, isRegistered } = await newSubscriber();
    const query = new URLSearchParams({ [TOKEN]: token }).toString();
    expect((await call("GET", `/register?${query}`)).status).toBe(200);
    const posted = await call("POST", `/register?${query}`, { body: "", headers: { "content-type": FORM } });
    expect(posted.status).toBe(400);
    expect(await isRegistered()).toBe(false);
  });

  it("goes nowhere that a header says", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    const response = await exports.default.fetch(
      new Request("https://evil.test/register", {
        method: "POST",
        redirect: "manual",
        headers: {
          "content-type": FORM,
          origin: "https://evil.test",
          referer: "https://evil.test/",
          "x-forwarded-host": "evil.test",
          forwarded: "host=evil.test",
        },
        body: new URLSearchParams({ [TOKEN]: registrationToken }).toString(),
      }),
    );
    expect(response.status).toBe(303);
    expect(JSON.stringify([...response.headers])).not.toContain("evil");
    expect(response.headers.get("set-cookie")).toBeNull();
  });
});
