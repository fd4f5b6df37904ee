import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { app } from "../../src/app.ts";
import { admin, call, json, newProduct } from "./support/gateway.ts";

const paths: [string, string][] = [
  ["GET", "/v1/products"],
  ["POST", "/v1/products"],
  ["PATCH", "/v1/products/x"],
  ["GET", "/v1/agreements"],
  ["PATCH", "/v1/agreements/x"],
  ["GET", "/v1/keys"],
  ["POST", "/v1/keys"],
  ["DELETE", "/v1/keys/x"],
  ["GET", "/v1/records"],
  ["GET", "/v1/conservation"],
];

describe("the admin API", () => {
  it.each(paths)("%s %s is closed to everyone but the bearer of the admin token", async (method, path) => {
    const product = await newProduct();
    for (const token of [undefined, "wrong", "", product.key]) {
      const response = await call(method, path, token === undefined ? {} : { token });
      expect(response.status).toBe(401);
      expect(await json(response)).toMatchObject({ code: "unauthorized" });
    }
  });

  it.each(paths)(
    "%s %s is closed to everyone while no admin token is set, and says how to set it",
    async (method, path) => {
      for (const ADMIN_TOKEN of [undefined, ""]) {
        const request = new Request(`https://gateway.test${path}`, {
          method,
          headers: { authorization: "Bearer undefined" },
        });
        const { ADMIN_TOKEN: _set, ...rest } = env;
        const response = await app.fetch(
          request,
          ADMIN_TOKEN === undefined ? rest : { ...rest, ADMIN_TOKEN },
        );
        expect(response.status).toBe(503);
        expect(await json<{ detail: string }>(response)).toMatchObject({ code: "not_configured" });
      }
    },
  );
});

describe("products", () => {
  it("are listed with what they were added with", async () => {
    const { id } = await newProduct({ settleSeconds: 60 });
    const { products } = await json<{ products: { id: string }[] }>(admin("GET", "/v1/products?limit=1000"));
    expect(products.find((product) => product.id === id)).toMatchObject({
      productCode: id,
      region: "us-east-1",
      concurrentAgreements: true,
      dimensions: [{ name: "api" }, { name: "gb" }],
      settleSeconds: 60,
      lateSettleSeconds: 300,
    });
  });

  it.each([
    ["the same id", (id: string) => ({ id, productCode: `${id}-2` })],
    ["the same product code", (id: string) => ({ id: `${id}-2`, productCode: id })],
  ])("with %s are refused the second time, and nothing changes", async (_what, body) => {
    const { id } = await newProduct();
    const again = { signUpUrl: "https://other.test/", dimensions: ["x"], ...body(id) };
    expect((await admin("POST", "/v1/products", again)).status).toBe(409);
    const { products } = await json<{ products: { id: string; dimensions: { name: string }[] }[] }>(
      admin("GET", "/v1/products?limit=1000"),
    );
    expect(products.filter((product) => product.id.startsWith(id))).toMatchObject([
      { dimensions: [{ name: "api" }, { name: "gb" }] },
    ]);
  });

  it.each([
    ["no dimensions", { dimensions: [] }, "#/dimensions"],
    ["a sign-up address that is no web address", { signUpUrl: "javascript:alert(1)" }, "#/signUpUrl"],
    ["a sign-up address that all may read", { signUpUrl: "http://seller.test/" }, "#/signUpUrl"],
    ["a sign-up address with a password", { signUpUrl: "https://me:secret@seller.test/" }, "#/signUpUrl"],
    ["a sign-up address whose host is none", { signUpUrl: "https://a;script-src/" }, "#/signUpUrl"],
    ["a Region that is none", { region: "moon" }, "#/region"],
    ["a settle time below zero", { settleSeconds: -1 }, "#/settleSeconds"],
    ["a field that is not known", { colour: "red" }, "#/colour"],
  ])("with %s are refused, and the field is named", async (_what, overrides, pointer) => {
    const body = { productCode: "abc", signUpUrl: "https://seller.test/", dimensions: ["api"], ...overrides };
    const response = await admin("POST", "/v1/products", body);
    expect(response.status).toBe(400);
    expect(await json<{ errors: { pointer: string }[] }>(response)).toMatchObject({
      code: "invalid_request",
      errors: [{ pointer }],
    });
  });

  it("are refused with a body that is not JSON", async () => {
    const response = await admin("POST", "/v1/products", "{");
    expect(response.status).toBe(400);
    expect(await json(response)).toMatchObject({ code: "invalid_json" });
  });

  it("of the same id that come at once are added once", async () => {
    const body = { productCode: crypto.randomUUID(), signUpUrl: "https://seller.test/", dimensions: ["api"] };
    const answers = await Promise.all([1, 2, 3].map(() => admin("POST", "/v1/products", body)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409]);
  });

  it("are refused with a body of another type", async () => {
    const response = await call("POST", "/v1/products", {
      token: env.ADMIN_TOKEN ?? "",
      body: "{}",
      headers: { "content-type": "text/plain" },
    });
    expect(response.status).toBe(415);
    expect(await json(response)).toMatchObject({ code: "unsupported_media_type" });
  });

  it("come in pages", async () => {
    const ids = [];
    for (const name of ["a", "b", "c"])
      ids.push((await newProduct({ id: `zz-${name}-${crypto.randomUUID().slice(0, 8)}` })).id);
    const seen: string[] = [];
    let after: string | null = "zz-";
    do {
      const listed: { products: { id: string }[]; next: string | null } = await json(
        admin("GET", `/v1/products?limit=1&after=${encodeURIComponent(after)}`),
      );
      seen.push(...listed.products.map(({ id }) => id));
      after = listed.next;
    } while (after !== null);
    expect(seen).toHaveLength(ids.length);
  });
});

describe("ingest keys", () => {
  it("are shown once, and kept as a hash", async () => {
    const { key, keyId, id } = await newProduct();
    expect(key).toMatch(/^mgk_[\w-]{43}$/);
    const { keys } = await json<{ keys: { id: string }[] }>(admin("GET", "/v1/keys?limit=1000"));
    expect(keys.find((listed) => listed.id === keyId)).toMatchObject({ product: id, revokedAt: null });
    expect(JSON.stringify(keys)).not.toContain(key);
    const stored = await env.DB.prepare("SELECT * FROM keys WHERE id = ?").bind(keyId).first();
    expect(JSON.stringify(stored)).not.toContain(key.slice(4));
  });

  it("for a product that is not there are refused", async () => {
    expect((await admin("POST", "/v1/keys", { product: "nothing" })).status).toBe(404);
  });

  it("are revoked for good, as often as one likes", async () => {
    const { keyId } = await newProduct();
    const first = await admin("DELETE", `/v1/keys/${keyId}`);
    const revokedAt = () =>
      env.DB.prepare("SELECT revoked_at FROM keys WHERE id = ?").bind(keyId).first("revoked_at");
    const time = await revokedAt();
    expect([first.status, (await admin("DELETE", `/v1/keys/${keyId}`)).status]).toEqual([204, 204]);
    expect(await revokedAt()).toBe(time);
    expect((await admin("DELETE", "/v1/keys/nothing")).status).toBe(404);
  });
});

describe("agreements", () => {
  it("cannot share the seller's own id, and can give it up", async () => {
    const product = await newProduct();
    const [first, second] = [await product.agree(), await product.agree()];
    expect((await admin("PATCH", `/v1/agreements/${first.id}`, { customer: "acme" })).status).toBe(200);
    expect((await admin("PATCH", `/v1/agreements/${second.id}`, { customer: "acme" })).status).toBe(409);
    expect((await admin("PATCH", `/v1/agreements/${first.id}`, { customer: "acme" })).status).toBe(200);
    expect((await admin("PATCH", `/v1/agreements/${first.id}`, { customer: null })).status).toBe(200);
    expect((await admin("PATCH", `/v1/agreements/${second.id}`, { customer: "acme" })).status).toBe(200);
  });

  it.each(["acme ", " acme", " ", "ac\nme", "ac\u0007me"])(
    "cannot be named %j, which is read as another name",
    async (customer) => {
      const { id } = await (await newProduct()).agree();
      const refused = await admin("PATCH", `/v1/agreements/${id}`, { customer });
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ errors: [{ pointer: "#/customer" }] });
      expect(await json(admin("GET", `/v1/agreements/${id}`))).toMatchObject({ customer: null });
    },
  );

  it("of two products may have the same own id", async () => {
    const [one, other] = [await newProduct(), await newProduct()];
    for (const { id } of [await one.agree(), await other.agree()]) {
      expect((await admin("PATCH", `/v1/agreements/${id}`, { customer: "acme" })).status).toBe(200);
    }
  });

  it("that are not there, or ids that are none, are refused", async () => {
    const { id } = await (await newProduct()).agree();
    expect((await admin("PATCH", "/v1/agreements/nothing", { customer: "acme" })).status).toBe(404);
    expect((await admin("PATCH", `/v1/agreements/${id}`, { customer: "" })).status).toBe(400);
    expect((await admin("PATCH", `/v1/agreements/${id}`, {})).status).toBe(400);
  });
});

describe("what the API says of itself", () => {
  it("is an OpenAPI description of every route", async () => {
    const { openapi, paths: described } = await json<{
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
    }>(call("GET", "/openapi.json"));
    expect(openapi).toBe("3.1.0");
    const routes = Object.entries(described).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(routes.toSorted()).toEqual([
      "delete /v1/customers/{id}/personal-data",
      "delete /v1/keys/{id}",
      "get /metrics",
      "get /v1/actions",
      "get /v1/agreements",
      "get /v1/agreements/{id}",
      "get /v1/alarms",
      "get /v1/attempts",
      "get /v1/conservation",
      "get /v1/conservation/totals",
      "get /v1/customers",
      "get /v1/customers/{id}",
      "get /v1/health",
      "get /v1/held",
      "get /v1/keys",
      "get /v1/messages",
      "get /v1/notices",
      "get /v1/parked",
      "get /v1/products",
      "get /v1/records",
      "patch /v1/agreements/{id}",
      "patch /v1/products/{id}",
      "post /aws/events",
      "post /aws/sns",
      "post /register",
      "post /register/{product}",
      "post /v1/actions",
      "post /v1/agreements/{id}/activate",
      "post /v1/agreements/{id}/end",
      "post /v1/keys",
      "post /v1/messages/{id}/resend",
      "post /v1/products",
      "post /v1/registrations/redeem",
      "post /v1/usage",
    ]);
  });

  it("is problem details for a path that is not there", async () => {
    const response = await call("GET", "/v1/nothing");
    expect(response.status).toBe(404);
    expect(await json(response)).toMatchObject({ code: "not_found" });
  });
});
