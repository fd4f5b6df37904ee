import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin, json, newProduct, type UsageAnswer } from "./support/gateway.ts";

const api = {
  name: "api",
  aggregation: "sum",
  divisor: 1,
  uniqueTag: null,
  late: "carry_forward",
  included: null,
};
const gb = { ...api, name: "gb" };
const seats = { ...api, name: "seats", aggregation: "unique", uniqueTag: "user id", late: "reject" };

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

const patch = (id: string, change: unknown) => admin("PATCH", `/v1/products/${id}`, change);

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
      { ...largest, uniqueTag: null, included: null },
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
    ["an unknown setting", [{ name: "x", unit: "GB" }], "#/dimensions/0/unit", "not known"],
    ["no name", [{ divisor: 2 }], "#/dimensions/0/name", "string"],
    ["neither a name nor an object", [5], "#/dimensions/0", "object with a name"],
    ["an empty name", [""], "#/dimensions/0", ">=1"],
  ])("with %s are refused, and the place is named", async (_what, dimensions, pointer, detail) => {
    const { id } = await newProduct();
    for (const response of [await add(dimensions), await patch(id, { dimensions })]) {
      expect(response.status).toBe(400);
      expect(await json<Problem>(response)).toMatchObject({
        code: "invalid_request",
        errors: [{ pointer, detail: expect.stringContaining(detail) as string }],
      });
    }
    expect((await find(id))?.dimensions).toEqual([api, gb]);
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

describe("PATCH /v1/products/:id", () => {
  it.each([
    { name: "Renamed" },
    { signUpUrl: "https://elsewhere.test/" },
    { settleSeconds: 0 },
    { lateSettleSeconds: 0 },
    { dedupeDays: 7 },
    { shards: 9 },
  ])("changes %o and nothing else", async (change) => {
    const settings = { settleSeconds: 61, lateSettleSeconds: 62, dedupeDays: 63, shards: 4 };
    const dimensions = [seats, "api"];
    const { id } = await newProduct({ ...settings, dimensions, concurrentAgreements: false });
    const before = await find(id);
    const response = await patch(id, change);
    expect(response.status).toBe(200);
    const answer = await json<Product>(response);
    expect(answer).toEqual({ ...before, ...change });
    expect(await find(id)).toEqual(answer);
  });

  it("adds dimensions, keeps those that are not named, and changes what becomes of late usage", async () => {
    const { id } = await newProduct({ dimensions: ["api", { ...gb, divisor: 1000 }, seats] });
    const change = ["new", { name: "gb", late: "hold" }, { name: "big", divisor: 5 }];
    const response = await patch(id, { dimensions: change });
    expect(response.status).toBe(200);
    expect((await json<Product>(response)).dimensions).toEqual([
      api,
      { ...api, name: "big", divisor: 5 },
      { ...gb, divisor: 1000, late: "hold" },
      { ...api, name: "new" },
      seats,
    ]);
  });

  it("takes what is as it was said before", async () => {
    const { id } = await newProduct({ dimensions: [gb, seats], shards: 3 });
    const before = await find(id);
    const response = await patch(id, { dimensions: ["seats", gb], shards: 3 });
    expect([response.status, await json(response)]).toEqual([200, before]);
    const named = await patch(id, { dimensions: [seats, { name: "gb" }] });
    expect([named.status, await json(named)]).toEqual([200, before]);
  });

  it.each([
    ["aggregation", { name: "gb", aggregation: "max" }],
    ["divisor", { name: "gb", divisor: 2 }],
    ["uniqueTag", { name: "seats", uniqueTag: "account" }],
    ["uniqueTag, taken away", { name: "seats", uniqueTag: null }],
  ])("keeps a dimension's %s, and all else that was asked for with it", async (_what, dimension) => {
    const { id } = await newProduct({ dimensions: [gb, seats] });
    const before = await find(id);
    const response = await patch(id, { name: "Renamed", dimensions: ["new", dimension] });
    expect(response.status).toBe(409);
    const { code, detail } = await json<Problem>(response);
    expect(code).toBe("conflict");
    expect(detail).toContain(`"${dimension.name}"`);
    expect(detail).toContain("add a dimension with another name");
    expect(await find(id)).toEqual(before);
  });

  it("keeps the shards that agreements are on", async () => {
    const { id } = await newProduct({ shards: 4 });
    const response = await patch(id, { shards: 3, name: "Renamed" });
    expect(response.status).toBe(409);
    expect(await json<Problem>(response)).toMatchObject({
      code: "conflict",
      detail: expect.stringContaining("has 4 shards, and agreements stay on the shard") as string,
    });
    expect(await find(id)).toMatchObject({ shards: 4, name: id });
  });

  it.each([
    ["productCode", { productCode: "other" }],
    ["region", { region: "us-east-1" }],
    ["concurrentAgreements", { concurrentAgreements: true }],
    ["id", { id: "other" }],
  ])("refuses %s, which never changes", async (field, change) => {
    const { id } = await newProduct();
    const response = await patch(id, change);
    expect(response.status).toBe(400);
    expect(await json<Problem>(response)).toMatchObject({
      code: "invalid_request",
      errors: [{ pointer: `#/${field}`, detail: "is not known" }],
    });
  });

  it("refuses more dimensions than a product can have", async () => {
    const { id } = await newProduct({ dimensions: Array.from({ length: 199 }, (_, n) => `d${n}`) });
    expect((await patch(id, { dimensions: ["d1", "one more"] })).status).toBe(200);
    const response = await patch(id, { dimensions: ["d1", "too many"] });
    expect(response.status).toBe(409);
    expect((await json<Problem>(response)).detail).toContain("201");
    expect((await find(id))?.dimensions).toHaveLength(200);
  });

  it("refuses a product that is not there", async () => {
    const response = await patch("nothing", { name: "Renamed" });
    expect(response.status).toBe(404);
    expect(await json(response)).toMatchObject({ code: "not_found" });
  });

  it("lets one of several that add a dimension differently at once decide how it counts", async () => {
    const { id } = await newProduct();
    const answers = await Promise.all(
      [2, 3, 4].map((divisor) => patch(id, { dimensions: [{ name: "new", divisor }] })),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409]);
    const winner = answers.find(({ status }) => status === 200);
    expect(winner && (await json<Product>(winner))).toEqual(await find(id));
  });

  it("never lowers the shards, of several changes at once", async () => {
    const { id } = await newProduct();
    await Promise.all([7, 2, 5, 3].map((shards) => patch(id, { shards })));
    expect((await find(id))?.shards).toBe(7);
  });

  it("is known to the next usage", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    const event = { id: "once", customer: accountId, dimension: "new", quantity: 1 };
    const refused = await json<UsageAnswer>(product.post(event));
    expect(refused.results[0]?.error).toMatchObject({
      code: "unknown_dimension",
      detail: expect.stringContaining("it has api, gb.") as string,
    });
    expect((await patch(product.id, { dimensions: ["new"] })).status).toBe(200);
    expect((await product.post(event)).status).toBe(202);
    expect(await json(product.post(event))).toMatchObject({ duplicates: 1 });
  });
});

describe("the OpenAPI description", () => {
  it("says that a dimension is a name or an object", async () => {
    const { components } = await json<{ components: { schemas: Record<string, unknown> } }>(
      admin("GET", "/openapi.json"),
    );
    const items = { anyOf: [{ type: "string" }, { $ref: "#/components/schemas/NewDimension" }] };
    for (const name of ["NewProduct", "ProductChange"]) {
      expect(components.schemas[name]).toMatchObject({
        properties: { dimensions: { type: "array", items } },
      });
    }
    expect(components.schemas["NewDimension"]).toMatchObject({ required: ["name"] });
  });
});
