import { env, exports } from "cloudflare:workers";
import { registerAgreement } from "../../../src/customers/register-agreement.ts";
import { type Agreement } from "../../../src/ledger/agreements.ts";
import { activateAgreement } from "../../../src/customers/operator-notices.ts";
import { findProduct } from "../../../src/catalog/products.ts";
import { openLedger } from "../../../src/ledger/database.ts";
import { DAY } from "./times.ts";

const origin = "https://gateway.test";

/** Calls the Worker as a client does. */
export function call(
  method: string,
  path: string,
  init: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
) {
  const { token, body, headers } = init;
  return exports.default.fetch(
    new Request(origin + path, {
      method,
      redirect: "manual",
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    }),
  );
}

/** Calls the admin API with the admin token. */
export function admin(method: string, path: string, body?: unknown) {
  return call(method, path, { token: env.ADMIN_TOKEN ?? "", body });
}

export async function json<T>(response: Response | Promise<Response>): Promise<T> {
  return (await (await response).json()) as T;
}

export interface UsageAnswer {
  accepted: number;
  duplicates: number;
  rejected: number;
  results: {
    index: number;
    id: string | null;
    status: string;
    billedHour?: string;
    held?: true;
    voided?: string;
    error?: { code: string; field: string; detail: string };
  }[];
}

export interface TestProduct {
  readonly id: string;
  readonly key: string;
  readonly keyId: string;
  agree(options?: { readonly pending?: boolean }): Promise<Agreement>;
  /** Posts usage with the product's key. */
  post(body: unknown): Promise<Response>;
}

let sequence = 0;

/** A product of its own for a test, with the dimensions `api` and `gb`, and an ingest key. */
export async function newProduct(overrides: Record<string, unknown> = {}): Promise<TestProduct> {
  const id = `product-${(sequence += 1)}-${crypto.randomUUID().slice(0, 8)}`;
  const body = {
    productCode: id,
    signUpUrl: "https://seller.test/welcome",
    dimensions: ["api", "gb"],
    ...overrides,
  };
  const created = await admin("POST", "/v1/products", body);
  if (created.status !== 201) throw new Error(await created.text());
  const { id: keyId, key } = await json<{ id: string; key: string }>(
    admin("POST", "/v1/keys", { product: id }),
  );
  return {
    id,
    key,
    keyId,
    agree: async ({ pending = false } = {}) => {
      const account = String(Math.floor(Math.random() * 1e12)).padStart(12, "0");
      const ledger = openLedger(env.DB);
      const product = await findProduct(ledger, id);
      if (product === null) throw new Error("the product of a test is not there");
      const agreement = await registerAgreement(ledger, {
        product,
        accountId: account,
        licenseArn: `arn:aws:license-manager::${account}:license:l-${crypto.randomUUID().replaceAll("-", "")}`,
        customerIdentifier: null,
        fields: {},
        arrivedAt: Date.now(),
        now: Date.now(),
      });
      if (agreement === null) throw new Error("an agreement of a test was refused");
      if (!pending) await activateAgreement(ledger, agreement.id, { at: Date.now() - DAY, now: Date.now() });
      return agreement;
    },
    post: (usage) => call("POST", "/v1/usage", { token: key, body: usage }),
  };
}
