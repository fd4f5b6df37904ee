import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { withoutTables } from "./support/breaking.ts";
import { describedEndpoints, nameOf, type Endpoint } from "./support/endpoints.ts";
import { call, json } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import { newWorld, type World } from "./support/refusals.ts";

const endpoints = (await describedEndpoints()).map((endpoint) => [nameOf(endpoint), endpoint] as const);

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const methods = ["debug", "error", "info", "log", "trace", "warn"] as const;
let logged: string[] = [];
beforeEach(() => {
  logged = [];
  for (const method of methods) {
    vi.spyOn(console, method).mockImplementation((...said: unknown[]) => {
      logged.push(said.map((each) => (typeof each === "string" ? each : JSON.stringify(each))).join(" "));
    });
  }
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** What nobody may read in a log or an answer. */
const secrets = () => [
  env.ADMIN_TOKEN ?? "",
  env.AWS_SECRET_ACCESS_KEY ?? "",
  world.product.key,
  // An eye that sees most of a key sees the key.
  world.product.key.slice(4, 30),
];

function secretsIn(text: string): string[] {
  const all = secrets();
  expect(Math.min(...all.map(({ length }) => length))).toBeGreaterThan(8);
  return all.filter((secret) => text.includes(secret));
}

/** Sends a secret wherever an address has a place for it, and wherever it has none. */
async function sendMisplaced(endpoint: Endpoint, secret: string): Promise<string[]> {
  const token = world.tokenOf(endpoint);
  const text = encodeURIComponent(secret);
  const right = world.pathOf(endpoint);
  const query = (name: string) => `${right}?${name}=${text}`;
  const paths = [
    ...endpoint.pathParameters.map((name) => endpoint.path.replace(`{${name}}`, text)),
    ...[...endpoint.queryParameters, "token", "key", text].map(query),
    `${right}/${text}`,
    `/${text}`,
    `/v1/${text}?${text}`,
  ];
  const answers: string[] = [];
  for (const path of paths) {
    // No JSON, so that nothing is changed where the address is right.
    const response = await call(endpoint.method, path, {
      ...(token !== null && { token }),
      ...(endpoint.body !== null && { body: secret, headers: { "content-type": endpoint.body.mediaType } }),
    });
    answers.push(JSON.stringify([...response.headers]), await response.text());
  }
  return answers;
}

describe.each(endpoints)("%s", (_name, endpoint) => {
  it("repeats no key or token that came where it does not belong", async () => {
    for (const secret of [world.product.key, env.ADMIN_TOKEN ?? "", env.AWS_SECRET_ACCESS_KEY ?? ""]) {
      const answers = await sendMisplaced(endpoint, secret);
      expect(secretsIn(answers.join("\n"))).toEqual([]);
    }
    expect(secretsIn(logged.join("\n"))).toEqual([]);
  });
});

describe("a failure of the ledger", () => {
  const tables = ["agreements", "keys", "products", "records"];

  it.each(endpoints)("is logged without a secret at %s", async (_name, endpoint) => {
    await withoutTables(tables, async () => {
      for (const secret of [world.product.key, env.ADMIN_TOKEN ?? "", env.AWS_SECRET_ACCESS_KEY ?? ""]) {
        const answers = await sendMisplaced(endpoint, secret);
        expect(secretsIn(answers.join("\n"))).toEqual([]);
      }
    });
    expect(secretsIn(logged.join("\n"))).toEqual([]);
  });

  it("is logged with the statement and its cause, and says what to do when the tables are missing", async () => {
    await withoutTables(tables, async () => {
      const path = `/v1/keys/${world.product.key}`;
      const response = await call("DELETE", path, { token: env.ADMIN_TOKEN ?? "" });
      expect(response.status).toBe(503);
      expect(await json(response)).toMatchObject({ code: "not_configured" });
    });
    expect(logged.join("\n")).toMatch(/update .*keys.*no such table/s);
    expect(logged.join("\n")).toContain("[hidden]");
  });
});

describe("a failure of AWS", () => {
  it("is logged and answered without the registration token and the credentials", async () => {
    const listing = await newListing();
    const { registrationToken } = await aws.agreement(listing.id);
    await aws.faults({ kind: "internal-error", operation: "ResolveCustomer" });
    const refused = await arrive(registrationToken);
    expect(refused.status).toBe(303);
    expect(refused.headers.get("location")).not.toContain(registrationToken);
    const seen = `${logged.join("\n")}${await refused.text()}`;
    expect(logged.join("\n")).toContain("a customer cannot be let in yet");
    expect(seen).not.toContain(registrationToken);
    expect(secretsIn(seen)).toEqual([]);
  });
});
