import { Hono } from "hono";
import { z } from "zod";
import { isLive, putAgreement } from "../agreements.ts";
import { hourMilliseconds, iso } from "../clock.ts";
import { agreementStatuses, type Agreement, type Product } from "../model.ts";
import type { Simulator } from "../simulator.ts";
import type { Store } from "../store.ts";
import { setUpPage } from "../page/set-up.ts";
import { productCodeSchema } from "./product-routes.ts";
import { accountId, readBody, readQuery, Refusal, time } from "./requests.ts";

const entitlement = z.strictObject({
  dimension: z.string().min(1).max(255),
  value: z.union([z.number(), z.boolean(), z.string()]),
  expiresAt: time.nullable().default(null),
});

const changes = {
  startsAt: time.optional(),
  endsAt: time.nullable().optional(),
  status: z.enum(agreementStatuses).optional(),
  entitlements: z.array(entitlement).max(1000).optional(),
};

const newAgreement = z.strictObject({
  productCode: productCodeSchema,
  accountId: accountId.optional(),
  ...changes,
});
const moment = z.strictObject({ at: time.optional() });
const filter = z.strictObject({
  productCode: productCodeSchema.optional(),
  accountId: accountId.optional(),
  after: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
});

export function agreementRoutes(simulator: Simulator): Hono {
  const { store } = simulator;
  const find = (id: string): Agreement | Refusal =>
    store.get("agreement", id) ?? new Refusal(404, `There is no agreement ${id}.`);
  const changed = (agreement: Agreement) => {
    store.put("agreement", agreement.agreementId, agreement);
    return shown(agreement, simulator);
  };

  return new Hono()
    .get("/agreements", (c) => {
      const query = readQuery(c, filter);
      if (query instanceof Refusal) return query.answer(c);
      if (query.after !== undefined && store.get("agreement", query.after) === undefined) {
        return new Refusal(400, `after: there is no agreement ${query.after}.`, "after").answer(c);
      }
      const { found, next } = listAgreements(simulator, query);
      return c.json({ agreements: found.map((agreement) => shown(agreement, simulator)), next });
    })
    .post("/agreements", async (c) => {
      const body = await readBody(c, newAgreement);
      if (body instanceof Refusal) return body.answer(c);
      const product = store.get("product", body.productCode);
      if (product === undefined) {
        return new Refusal(
          400,
          `productCode: there is no product ${body.productCode}.`,
          "productCode",
        ).answer(c);
      }
      const agreement = makeAgreement(simulator, product, body);
      if (!endsAfterStart(agreement)) return endsTooEarly.answer(c);
      putAgreement(store, agreement);
      return c.json(
        { ...shown(agreement, simulator), registrationToken: issueToken(simulator, agreement) },
        201,
      );
    })
    .get("/agreements/:id", (c) => {
      const agreement = find(c.req.param("id"));
      return agreement instanceof Refusal ? agreement.answer(c) : c.json(shown(agreement, simulator));
    })
    .patch("/agreements/:id", async (c) => {
      const body = await readBody(c, z.strictObject(changes));
      const agreement = body instanceof Refusal ? body : find(c.req.param("id"));
      if (body instanceof Refusal) return body.answer(c);
      if (agreement instanceof Refusal) return agreement.answer(c);
      const next = { ...agreement, ...withoutUndefined(body) };
      return endsAfterStart(next) ? c.json(changed(next)) : endsTooEarly.answer(c);
    })
    .post("/agreements/:id/:event{end|deprovision}", async (c) => {
      const body = await readBody(c, moment);
      if (body instanceof Refusal) return body.answer(c);
      const agreement = find(c.req.param("id"));
      if (agreement instanceof Refusal) return agreement.answer(c);
      const field = c.req.param("event") === "end" ? "endedAt" : "deprovisionedAt";
      return c.json(changed({ ...agreement, [field]: body.at ?? simulator.now }));
    })
    .get("/agreements/:id/set-up", (c) => {
      const query = readQuery(c, z.strictObject({ to: z.url({ protocol: /^https?$/ }) }));
      if (query instanceof Refusal) return query.answer(c);
      const agreement = find(c.req.param("id"));
      if (agreement instanceof Refusal) return agreement.answer(c);
      c.header("cache-control", "no-store");
      return c.html(setUpPage(agreement, { to: query.to, token: issueToken(simulator, agreement) }));
    })
    .post("/agreements/:id/tokens", async (c) => {
      const body = await readBody(c, z.strictObject({}));
      if (body instanceof Refusal) return body.answer(c);
      const agreement = find(c.req.param("id"));
      if (agreement instanceof Refusal) return agreement.answer(c);
      return c.json({ registrationToken: issueToken(simulator, agreement) }, 201);
    });
}

const withoutUndefined = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

const endsAfterStart = ({ startsAt, endsAt }: Agreement): boolean => endsAt === null || endsAt > startsAt;
const endsTooEarly = new Refusal(400, "endsAt: must be after startsAt.", "endsAt");

/** A page of the agreements that fit, and the id after which the next page begins; null when it is the last. */
function listAgreements(
  { store }: Simulator,
  query: z.output<typeof filter>,
): { found: Agreement[]; next: string | null } {
  const { productCode, accountId, limit } = query;
  const isWanted = (agreement: Agreement): boolean =>
    accountId === undefined || agreement.accountId === accountId;
  const last = query.after === undefined ? undefined : store.get("agreement", query.after);
  let after = last && keyIn(productCode, last);
  const found: Agreement[] = [];
  for (;;) {
    const page = readPage(store, productCode, after);
    found.push(...page.filter(isWanted));
    const end = page.at(-1);
    if (found.length > limit || end === undefined) break;
    after = keyIn(productCode, end);
  }
  const isLast = found.length <= limit;
  const shown = found.slice(0, limit);
  return { found: shown, next: isLast ? null : (shown.at(-1)?.agreementId ?? null) };
}

/** The order of agreements: of all of them by their ids, of a product's by account first. */
const keyIn = (
  productCode: string | undefined,
  { accountId, agreementId }: Pick<Agreement, "accountId" | "agreementId">,
): string => (productCode === undefined ? agreementId : `${productCode}/${accountId}/${agreementId}`);

function readPage(store: Store, productCode: string | undefined, after: string | undefined): Agreement[] {
  const from = { limit: 1000, ...(after !== undefined && { after }) };
  if (productCode === undefined) return store.list("agreement", from).map(({ value }) => value);
  return store
    .list("subscription", { prefix: `${productCode}/`, ...from })
    .flatMap(({ value }) => store.get("agreement", value) ?? []);
}

/** The account that AWS's licences are issued from: neither the customer's nor the seller's. */
const licenseIssuer = "222222222222";

function makeAgreement(
  simulator: Simulator,
  product: Product,
  body: z.output<typeof newAgreement>,
): Agreement {
  const { now } = simulator;
  const id = simulator.newId().replaceAll("-", "");
  return {
    agreementId: `agmt-${id.slice(0, 25)}`,
    productCode: product.productCode,
    accountId: body.accountId ?? randomAccountId(),
    licenseArn: `arn:aws:license-manager::${licenseIssuer}:license:l-${id}`,
    customerIdentifier: product.concurrentAgreements ? "" : id.slice(0, 11).toUpperCase(),
    status: body.status ?? "active",
    // Long enough ago that usage of every hour AWS still takes can be reported.
    startsAt: body.startsAt ?? now - 30 * 24 * hourMilliseconds,
    endsAt: body.endsAt ?? null,
    endedAt: null,
    deprovisionedAt: null,
    entitlements: body.entitlements ?? [],
    createdAt: now,
  };
}

function randomAccountId(): string {
  const random = crypto.getRandomValues(new Uint32Array(2));
  return Array.from(random, (part) => String(part % 1_000_000).padStart(6, "0")).join("");
}

/** Opaque, and with the characters that a form must encode: a client that decodes a token wrongly is to fail here. */
function issueToken({ store, now }: Simulator, { agreementId }: Agreement): string {
  const bytes = crypto.getRandomValues(new Uint8Array(48));
  const token = `${btoa(String.fromCharCode(...bytes))}+/==`;
  store.put("token", token, { agreementId, issuedAt: now, used: false });
  return token;
}

/** An agreement as the control plane shows it. */
export function shown(agreement: Agreement, simulator: Simulator) {
  const { startsAt, endsAt, endedAt, deprovisionedAt, createdAt, entitlements, ...rest } = agreement;
  const optional = (at: number | null): string | null => (at === null ? null : iso(at));
  return {
    ...rest,
    startsAt: iso(startsAt),
    endsAt: optional(endsAt),
    endedAt: optional(endedAt),
    deprovisionedAt: optional(deprovisionedAt),
    createdAt: iso(createdAt),
    /** Whether AWS takes its usage now. */
    live: isLive(agreement, simulator.now, simulator.world.switches),
    entitlements: entitlements.map((held) => ({ ...held, expiresAt: optional(held.expiresAt) })),
  };
}
