import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin, json } from "./gateway.ts";

const api = { name: "api", aggregation: "sum", divisor: 1, uniqueTag: null, late: "carry_forward" };
const gb = { ...api, name: "gb" };
const seats = { name: "seats", aggregation: "unique", divisor: 1, uniqueTag: "user id", late: "reject" };

interface Product {
  id: string;
  dimensions: { name: string }[];
  dedupeDays: number;
  shards: number;
}

interface Problem {
  code: string;
  detail: string;
  errors?: { pointer: string; detail: string }[];
}

async function find(id: string): Promise<Product | undefined> {
  const { products } = await json<{ products: Product[] }>(admin("GET", "/v1/products?limit=1000"));
  return products.find((product) => product.id === id);
}

function add(dimensions: unknown, more: object = {}): Promise<Response> {
  const productCode = `settings-${crypto.randomUUID()}`;
  return admin("POST", "/v1/products", {
    productCode,
    signUpUrl: "https://seller.test/",
    dimensions,
    ...more,
  });
}

describe("a product's dimensions", () => {
  it("are given as names or as objects, and answered as objects in the order of their names", async () => {
    const largest = { name: "bytes", aggregation: "max", divisor: 10 ** 15, late: "hold" };
    const created = await add([seats, "gb", largest, { name: "Api", aggregation: "last" }]);
    expect(created.status).toBe(201);
    const { id, dimensions } = await json<Product>(created);
    expect(dimensions).toEqual([
      { ...api, name: "Api", aggregation: "last" },
      { ...largest, uniqueTag: null },
      gb,
      seats,
    ]);
    expect((await find(id))?.dimensions).toEqual(dimensions);
  });

  it.each([
    ["a name that is there twice", ["api", { name: "gb" }, { name: "api" }], "#/dimensions/2/name", "before"],
    ["unique without its tag", [{ name: "x", aggregation: "unique" }], "#/dimensions/0/uniqueTag", "needs"],
    ["a tag without unique", ["api", { name: "x", uniqueTag: "t" }], "#/dimensions/1/uniqueTag", '"sum"'],
    [
      "a tag that AWS has no key for",
      [{ ...seats, uniqueTag: "a,b" }],
      "#/dimensions/0/uniqueTag",
      "letters",
    ],
    ["too long a tag", [{ ...seats, uniqueTag: "t".repeat(101) }], "#/dimensions/0/uniqueTag", "100"],
    ["an empty tag", [{ ...seats, uniqueTag: "" }], "#/dimensions/0/uniqueTag", "letters"],
    ["a divisor of zero", [{ name: "x", divisor: 0 }], "#/dimensions/0/divisor", ">=1"],
    ["a divisor that is not whole", [{ name: "x", divisor: 1.5 }], "#/dimensions/0/divisor", "int"],
    ["too large a divisor", [{ name: "x", divisor: 10 ** 15 + 1 }], "#/dimensions/0/divisor", "<="],
    ["an unknown aggregation", [{ name: "x", aggregation: "mean" }], "#/dimensions/0/aggregation", '"max"'],
    ["an unknown late policy", [{ name: "x", late: "drop" }], "#/dimensions/0/late", '"hold"'],
    ["an unknown setting", [{ name: "x", unit: "GB" }], "#/dimensions/0", '"unit"'],
    ["no name", [{ divisor: 2 }], "#/dimensions/0/name", "string"],
    ["neither a name nor an object", [5], "#/dimensions/0", "object with a name"],
    ["an empty name", [""], "#/dimensions/0", ">=1"],
  ])("with %s are refused, and the place is named", async (_what, dimensions, pointer, detail) => {
    for (const response of [await add(dimensions)]) {
      expect(response.status).toBe(400);
      expect(await json<Problem>(response)).toMatchObject({
        code: "invalid_request",
        errors: [{ pointer, detail: expect.stringContaining(detail) as string }],
      });
    }
  });

  it("count what they counted when the version before wrote them", async () => {
    const id = `old-${crypto.randomUUID()}`;
    await env.DB.batch([
      env.DB.prepare(
        `INSERT INTO products (id, name, product_code, region, concurrent_agreements, sign_up_url, settle_seconds, late_settle_seconds, shards, created_at)
         VALUES (?1, ?1, ?1, 'us-east-1', 1, 'https://seller.test/', 900, 300, 1, 0)`,
      ).bind(id),
      env.DB.prepare("INSERT INTO dimensions (product_id, name) VALUES (?, 'api')").bind(id),
    ]);
    expect(await find(id)).toMatchObject({ dedupeDays: 35, dimensions: [api] });
  });
});

describe("the time that an id counts once", () => {
  it("is 35 days unless the product says otherwise", async () => {
    expect(await json<Product>(add(["api"]))).toMatchObject({ dedupeDays: 35 });
    expect(await json<Product>(add(["api"], { dedupeDays: 90 }))).toMatchObject({ dedupeDays: 90 });
  });

  it.each([0, 91, 1.5])("is 1 to 90 whole days, not %s", async (dedupeDays) => {
    const response = await add(["api"], { dedupeDays });
    expect(response.status).toBe(400);
    expect(await json(response)).toMatchObject({ errors: [{ pointer: "#/dedupeDays" }] });
  });
});

describe("the OpenAPI description", () => {
  it("says that a dimension is a name or an object", async () => {
    const { components } = await json<{ components: { schemas: Record<string, unknown> } }>(
      admin("GET", "/openapi.json"),
    );
    const items = { anyOf: [{ type: "string" }, { $ref: "#/components/schemas/NewDimension" }] };
    for (const name of ["NewProduct"]) {
      expect(components.schemas[name]).toMatchObject({
        properties: { dimensions: { type: "array", items } },
      });
    }
    expect(components.schemas["NewDimension"]).toMatchObject({ required: ["name"] });
  });
});
