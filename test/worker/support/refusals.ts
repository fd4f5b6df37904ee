import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { issueCode } from "../../../src/customers/registration/codes.ts";
import { openLedger } from "../../../src/ledger/database.ts";
import type { Endpoint } from "./endpoints.ts";
import { admin, json, newProduct, type TestProduct, type UsageAnswer } from "./gateway.ts";

/** A product with a customer and some usage, and what a right request to each endpoint has. */
export interface World {
  readonly product: TestProduct;
  readonly pathOf: (endpoint: Endpoint) => string;
  readonly tokenOf: (endpoint: Endpoint) => string | null;
  /** Right bodies, in every shape that the endpoint takes. */
  readonly bodiesOf: (endpoint: Endpoint) => readonly unknown[];
}

export async function newWorld(): Promise<World> {
  const product = await newProduct();
  const { id: agreementId, accountId, licenseArn } = await product.agree();
  const registrationCode = await issueCode(openLedger(env.DB), env.REGISTRATION_SECRET ?? "", {
    agreementId,
    use: "form",
    now: Date.now(),
  });
  const message = await env.DB.prepare("SELECT id FROM messages").first<{ id: string }>();
  const spareKey = await json<{ id: string }>(admin("POST", "/v1/keys", { product: product.id }));
  const usage = (overrides: object = {}) => ({
    id: crypto.randomUUID(),
    customer: accountId,
    dimension: "api",
    quantity: "1.5",
    timestamp: new Date().toISOString(),
    tags: { any: "thing" },
    ...overrides,
  });
  const earlier = [usage(), usage()];
  await product.post(earlier);
  const voids = earlier.map(({ id, customer }) => ({ id: crypto.randomUUID(), customer, voids: id }));
  const dimension = {
    name: "users",
    aggregation: "unique",
    divisor: 2,
    uniqueTag: "user",
    late: "hold",
    included: { by: "seats", per: "month" },
  };
  const settings = {
    name: "Name",
    signUpUrl: "https://seller.test/",
    settleSeconds: 60,
    lateSettleSeconds: 60,
    dedupeDays: 35,
    zeroHeartbeat: false,
    contract: true,
    snsTopics: ["subscription", "entitlement"].map(
      (topic) => `arn:aws:sns:us-east-1:123456789012:aws-mp-${topic}-notification-${product.id}`,
    ),
    page: {
      seller: "Seller",
      logoUrl: "https://seller.test/logo.png",
      color: "#123456",
      support: "help@seller.test",
      next: "We write to you.",
    },
    shards: 1,
    dimensions: [dimension],
  };
  const code = crypto.randomUUID();
  const { record, held } = await addParkedWork(product.id, agreementId);
  const decision = { note: "a note", preview: true };
  const bodies: Record<string, readonly unknown[]> = {
    "POST /v1/usage": [usage(), voids[0], [usage()], [voids[1]]],
    "POST /v1/products": [
      { ...settings, id: code, productCode: code, region: "us-east-1", concurrentAgreements: true },
    ],
    "PATCH /v1/products/{id}": [settings],
    "PATCH /v1/agreements/{id}": [{ customer: "acme" }],
    "POST /v1/agreements/{id}/end": [{ at: new Date().toISOString() }],
    "POST /v1/agreements/{id}/activate": [{ at: new Date().toISOString() }],
    "POST /v1/registrations/redeem": [{ code: registrationCode, customer: "acme" }],
    "POST /aws/events": [
      {
        id: crypto.randomUUID(),
        source: "aws.agreement-marketplace",
        "detail-type": "License Updated - Manufacturer",
        time: new Date().toISOString(),
        detail: {
          agreement: {
            id: "agmt-1",
            intent: "NEW",
            status: "ACTIVE",
            previousAgreementId: null,
            startTime: "2026-01-01T00:00:00Z",
            endTime: "9999-01-01T00:00:00Z",
          },
          previousAgreementId: null,
          license: { arn: licenseArn },
          product: { code: product.id },
          acceptor: { accountId },
        },
      },
    ],
    "POST /v1/actions": [
      { record, action: "roll_over", notHeldByAws: false, ...decision },
      { held, action: "release", ...decision },
    ],
    "POST /v1/keys": [{ product: product.id, name: "one more" }],
  };
  const ids: Record<string, string> = {
    "/register/{product}": product.id,
    "/v1/products/{id}": product.id,
    "/v1/agreements/{id}": agreementId,
    "/v1/agreements/{id}/end": agreementId,
    "/v1/agreements/{id}/activate": agreementId,
    "/v1/customers/{id}": accountId ?? "",
    "/v1/customers/{id}/personal-data": accountId ?? "",
    "/v1/messages/{id}/resend": message?.id ?? "",
    "/v1/keys/{id}": spareKey.id,
  };
  const tokens = {
    ingestKey: product.key,
    adminToken: env.ADMIN_TOKEN ?? "",
    eventsSecret: env.EVENTS_SECRET ?? "",
  };
  return {
    product,
    pathOf: ({ path }) => path.replace(/\{\w+\}/g, encodeURIComponent(ids[path] ?? "")),
    tokenOf: ({ opensWith }) => (opensWith === null ? null : tokens[opensWith]),
    bodiesOf: ({ method, path }) => bodies[`${method} ${path}`] ?? [],
  };
}

/** A record that is parked, and held usage that a person has released before: asked again, the answer is the same. */
async function addParkedWork(product: string, agreement: string): Promise<{ record: string; held: string }> {
  const record = `${agreement}:2026-01-01T00:api`;
  const held = `${agreement}:2026-01-01T00:0:api`;
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO records (id, product_id, agreement_id, dimension, hour, quantity, region, usage_record, sealing,
         sealed_at, deadline, state, reason, attempts, may_be_held, next_attempt_at, settled_at)
       VALUES (?, ?, ?, 'api', 0, 1, 'us-east-1', '{}', 0, 0, 0, 'parked', 'expired', 0, 0, 0, 0)`,
    ).bind(record, product, agreement),
    env.DB.prepare(
      `INSERT INTO actions (id, action, product_id, agreement_id, dimension, hour, record_id, quantity, decided_at, done_at)
       VALUES (?, 'release', ?, ?, 'api', 0, ?, '1', 0, 0)`,
    ).bind(crypto.randomUUID(), product, agreement, held),
  ]);
  return { record, held };
}

/**
 * Everything that the gateway keeps: each row of the ledger, and the product's balances in its shard; but not that an
 * operator is told of events of AWS's that were refused.
 */
export async function everythingStored({ product }: World): Promise<string> {
  const tables = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT GLOB 'sqlite_*' AND name <> 'incidents'",
  ).all<{ name: string }>();
  const rows = await env.DB.batch(
    tables.results.map(({ name }) => env.DB.prepare(`SELECT * FROM "${name}"`)),
  );
  const books = await admin("GET", `/v1/conservation?product=${product.id}`);
  return JSON.stringify([tables.results, rows.map(({ results }) => results), await books.json()]);
}

/** A clear refusal: whose fault it is, what is wrong, and in words. */
export async function expectRefusal(response: Response): Promise<void> {
  const text = await response.text();
  if (response.status < 400 || response.status >= 500)
    throw new Error(`answered ${response.status}: ${text.slice(0, 500)}`);
  expect(text.length).toBeLessThan(10_000);
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/html")) {
    // What a customer's browser shows after AWS Marketplace has sent it.
    expect(text).toContain("Set up your account");
  } else if (response.status === 422) {
    const { accepted, duplicates, results } = JSON.parse(text) as UsageAnswer;
    expect([accepted, duplicates]).toEqual([0, 0]);
    for (const { status, error } of results) {
      expect(status).toBe("rejected");
      expect(error?.code).toMatch(/^[a-z_]+$/);
      expect(error?.detail.length).toBeGreaterThan(20);
    }
  } else {
    expect(type).toBe("application/problem+json");
    const { status, code, detail } = JSON.parse(text) as { status: number; code: string; detail: string };
    expect(status).toBe(response.status);
    expect(code).toMatch(/^[a-z_]+$/);
    expect(detail.length).toBeGreaterThan(20);
  }
}

/** Sends what is wrong, and expects that it is refused clearly and that nothing is stored. */
export async function expectRefusedWhole(world: World, send: () => Promise<Response>): Promise<void> {
  const before = await everythingStored(world);
  await expectRefusal(await send());
  expect(await everythingStored(world)).toBe(before);
}
