import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { shardName } from "../../src/meter/shard-name.ts";
import { withShardTrigger } from "./support/breaking.ts";
import { admin, call, json, newProduct, type UsageAnswer } from "./support/gateway.ts";
import { iso, MINUTE } from "./support/times.ts";

const usage = (customer: string, overrides: Record<string, unknown> = {}) => ({
  id: crypto.randomUUID(),
  customer,
  dimension: "api",
  quantity: 1,
  ...overrides,
});

interface Conservation {
  totals: Record<"accepted" | "delivered" | "pending" | "parked" | "open" | "carry", string> & {
    conserved: boolean;
  };
}

const conservation = async (product: string) =>
  (await json<Conservation>(admin("GET", `/v1/conservation?product=${product}`))).totals;

describe("POST /v1/usage", () => {
  it("counts one event, and an array of them in order", async () => {
    const product = await newProduct();
    const { id, licenseArn } = await product.agree();
    await admin("PATCH", `/v1/agreements/${id}`, { customer: "acme" });
    const one = await product.post(usage("acme", { id: "one" }));
    expect(one.status).toBe(202);
    expect(await json(one)).toEqual({
      accepted: 1,
      duplicates: 0,
      rejected: 0,
      results: [{ index: 0, id: "one", status: "accepted" }],
    });

    const several = await product.post([
      usage("acme", { id: "two", quantity: "0.5" }),
      usage("nobody", { id: "three" }),
      usage(licenseArn ?? "", { id: "one" }),
    ]);
    expect(several.status).toBe(202);
    expect(await json<UsageAnswer>(several)).toMatchObject({
      accepted: 1,
      duplicates: 1,
      rejected: 1,
      results: [
        { index: 0, id: "two", status: "accepted" },
        { index: 1, id: "three", status: "rejected", error: { code: "unknown_customer", field: "customer" } },
        { index: 2, id: "one", status: "duplicate" },
      ],
    });
    expect(await conservation(product.id)).toMatchObject({ accepted: "1.5", open: "1.5", conserved: true });
  });

  it("adds a thousand events up exactly, in one request and one by one", async () => {
    const product = await newProduct({ shards: 4 });
    const customers = await Promise.all(
      [1, 2, 3, 4, 5].map(async () => (await product.agree()).accountId ?? ""),
    );
    const event = (n: number) => usage(customers[n % 5] ?? "", { id: `e${n}`, quantity: (n % 100) / 100 });
    const batch = await json<UsageAnswer>(product.post(Array.from({ length: 1000 }, (_, n) => event(n))));
    expect(batch.accepted).toBe(1000);
    expect(batch.results.map(({ index, id }) => [index, id])).toEqual(
      Array.from({ length: 1000 }, (_, n) => [n, `e${n}`]),
    );
    const singles = await Promise.all(Array.from({ length: 200 }, (_, n) => product.post(event(1000 + n))));
    expect(singles.every(({ status }) => status === 202)).toBe(true);
    expect(await conservation(product.id)).toMatchObject({ accepted: "594", open: "594", conserved: true });
  });

  it("counts an id once when many requests bring it at the same time", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        json<UsageAnswer>(product.post(usage(accountId ?? "", { id: "same" }))),
      ),
    );
    expect(answers.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(1);
    expect(answers.reduce((sum, { duplicates }) => sum + duplicates, 0)).toBe(19);
  });

  it("answers duplicates alone as success", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    const event = usage(accountId ?? "");
    await product.post(event);
    const again = await product.post(event);
    expect(again.status).toBe(202);
    expect(await json<UsageAnswer>(again)).toMatchObject({ accepted: 0, duplicates: 1, rejected: 0 });
  });

  it("remembers ids and quantities when the shard has been evicted", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    const event = usage(accountId ?? "", { quantity: "2.25" });
    await product.post(event);
    await evictDurableObject(env.METER_SHARD.getByName(shardName(product.id, 0)));
    expect(await json<UsageAnswer>(product.post(event))).toMatchObject({ duplicates: 1 });
    expect(await conservation(product.id)).toMatchObject({ accepted: "2.25", open: "2.25", conserved: true });
  });

  it("counts a retry once after a write that failed", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    await product.post(usage(accountId ?? ""));
    const event = usage(accountId ?? "", { quantity: 5 });
    const failed = await withShardTrigger(
      product.id,
      "BEFORE INSERT ON journal_0 BEGIN SELECT RAISE(ABORT, 'disk full'); END",
      () => product.post(event),
    );
    expect(failed.status).toBe(503);
    expect(failed.headers.get("retry-after")).toBe("2");
    expect(await json<UsageAnswer>(product.post(event))).toMatchObject({ accepted: 1, duplicates: 0 });
    expect(await conservation(product.id)).toMatchObject({ accepted: "6", conserved: true });
  });

  it("finds a customer by your own id, account id and LicenseArn", async () => {
    const product = await newProduct();
    const { id, accountId, licenseArn } = await product.agree();
    await admin("PATCH", `/v1/agreements/${id}`, { customer: "own-id" });
    const answer = await json<UsageAnswer>(
      product.post(["own-id", accountId, licenseArn].map((name) => usage(name ?? ""))),
    );
    expect(answer).toMatchObject({ accepted: 3, rejected: 0 });
  });

  it("answers 422 when no event could be accepted, each with its reason", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    const customer = accountId ?? "";
    const refused = await product.post([
      usage("nobody"),
      usage(customer, { dimension: "API" }),
      usage(customer, { quantity: -1 }),
      usage(customer, { timestamp: "2020-01-01T00:00:00Z" }),
      usage(customer, { timestamp: iso(Date.now() + 6 * MINUTE) }),
      usage(customer, { timestamp: "yesterday" }),
      usage(customer, { id: "" }),
      usage(customer, { id: 7 }),
      usage(customer, { id: "x".repeat(129) }),
      usage(customer, { tags: { a: 1 } }),
      usage(customer, { tags: Object.fromEntries("abcdef".split("").map((key) => [key, "v"])) }),
      "text",
      null,
      [],
    ]);
    expect(refused.status).toBe(422);
    const { accepted, rejected, results } = await json<UsageAnswer>(refused);
    expect([accepted, rejected]).toEqual([0, 14]);
    expect(results.map(({ error }) => error?.code)).toEqual([
      "unknown_customer",
      "unknown_dimension",
      "invalid_quantity",
      "timestamp_too_old",
      "timestamp_in_future",
      "invalid_timestamp",
      "invalid_id",
      "invalid_id",
      "invalid_id",
      "invalid_tags",
      "invalid_tags",
      "invalid_event",
      "invalid_event",
      "invalid_event",
    ]);
    expect(results.every(({ error }) => (error?.detail.length ?? 0) > 20)).toBe(true);
    expect(await conservation(product.id)).toMatchObject({ accepted: "0" });
  });

  it.each<[string, { token?: string; body?: unknown; headers?: Record<string, string> }, number, string]>([
    ["no key", { body: {} }, 401, "unauthorized"],
    ["a wrong key", { token: "mgk_wrong", body: {} }, 401, "unauthorized"],
    ["the admin token", { token: "test-admin", body: {} }, 401, "unauthorized"],
    ["a body that is not JSON", { token: "KEY", body: "{" }, 400, "invalid_json"],
    ["an empty body", { token: "KEY", body: "" }, 400, "invalid_json"],
    ["a text", { token: "KEY", body: '"x"' }, 400, "invalid_request"],
    ["an empty array", { token: "KEY", body: "[]" }, 400, "invalid_request"],
    ["1001 events", { token: "KEY", body: Array.from({ length: 1001 }, () => usage("x")) }, 413, "too_large"],
    ["more than a megabyte", { token: "KEY", body: `[${" ".repeat(1_000_000)}]` }, 413, "too_large"],
    [
      "a form",
      { token: "KEY", body: "a=b", headers: { "content-type": "application/x-www-form-urlencoded" } },
      415,
      "unsupported_media_type",
    ],
  ])("refuses %s with problem details", async (_what, init, status, code) => {
    const { key } = await newProduct();
    const response = await call("POST", "/v1/usage", {
      ...init,
      ...(init.token === "KEY" && { token: key }),
    });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await json(response)).toMatchObject({ status, code, type: `urn:metergate:problem:${code}` });
  });

  it("takes a content type with a charset, in any letter case", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    const headers = { "content-type": "Application/JSON; charset=utf-8" };
    const response = await call("POST", "/v1/usage", {
      token: product.key,
      body: usage(accountId ?? ""),
      headers,
    });
    expect(response.status).toBe(202);
  });

  it("refuses a key as soon as it is revoked", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    expect((await product.post(usage(accountId ?? ""))).status).toBe(202);
    expect((await admin("DELETE", `/v1/keys/${product.keyId}`)).status).toBe(204);
    expect((await product.post(usage(accountId ?? ""))).status).toBe(401);
  });
});
