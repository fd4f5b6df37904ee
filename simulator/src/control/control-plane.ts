import { Hono, type Context } from "hono";
import { z } from "zod";
import { randomDigits, randomId, randomText } from "../random-id.ts";
import { faultKinds, type Agreement, type State, type StoredRecord } from "../state.ts";

/** How long before now an agreement began when nobody says: all hours that AWS still accepts lie after it. */
const DEFAULT_AGE = 30 * 24 * 3_600_000;

/** Calls that are shown. */
const SHOWN_CALLS = 1000;

const isoTime = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const productSchema = z.strictObject({
  productCode: z.string().min(1).max(255),
  dimensions: z.array(z.string().min(1).max(255)).min(1),
  concurrentAgreements: z.boolean().default(true),
});

const agreementSchema = z.strictObject({
  productCode: z.string(),
  accountId: z
    .string()
    .regex(/^\d{12}$/)
    .optional(),
  startsAt: isoTime.optional(),
  endsAt: isoTime.nullable().default(null),
});

const faultSchema = z.strictObject({
  kind: z.enum(faultKinds),
  operation: z.string().nullable().default(null),
  times: z.number().int().min(1).nullable().default(1),
  milliseconds: z.number().int().min(0).max(60_000).default(1000),
  records: z.number().int().min(1).max(25).default(1),
});

const faultsSchema = z.strictObject({ faults: z.array(faultSchema) });

const clockSchema = z.strictObject({ offsetSeconds: z.number().min(-1e9).max(1e9) });

/** The simulator's own API: who sells what to whom, what goes wrong, what time it is, and what AWS has been told. */
export function controlPlane(state: State, now: () => number): Hono {
  const app = new Hono();

  app.get("/products", (c) => c.json({ products: state.products() }));
  app.post("/products", async (c) => {
    const product = await read(c, productSchema);
    if (product instanceof Response) return product;
    const known = state.product(product.productCode) !== null;
    state.putProduct(product);
    return c.json(product, known ? 200 : 201);
  });

  app.get("/agreements", (c) => c.json({ agreements: state.agreements().map(presentAgreement) }));
  app.post("/agreements", async (c) => {
    const request = await read(c, agreementSchema);
    if (request instanceof Response) return request;
    const product = state.product(request.productCode);
    if (product === null)
      return refuse(c, 404, `There is no product ${request.productCode}; POST /_simulator/products first.`);
    const accountId = request.accountId ?? randomDigits(12);
    const agreement: Agreement = {
      agreementId: `agmt-${randomText(25, LOWER)}`,
      productCode: product.productCode,
      accountId,
      licenseArn: `arn:aws:license-manager::${randomDigits(12)}:license:l-${randomText(32, "0123456789abcdef")}`,
      customerIdentifier: product.concurrentAgreements ? "" : randomText(11, LOWER.toUpperCase()),
      startsAt: request.startsAt ?? now() - DEFAULT_AGE,
      endsAt: request.endsAt,
    };
    const registrationToken = `${randomId()}+/=${randomText(64, LOWER)}`;
    state.putAgreement(agreement);
    state.putToken({ token: registrationToken, agreementId: agreement.agreementId, issuedAt: now() });
    return c.json({ ...presentAgreement(agreement), registrationToken }, 201);
  });

  app.get("/records", (c) => c.json({ records: state.records(c.req.query()).map(presentRecord) }));
  app.get("/calls", (c) => {
    const calls = state.calls(SHOWN_CALLS);
    return c.json({ calls: calls.map((call) => ({ ...call, time: new Date(call.time).toISOString() })) });
  });

  app.get("/faults", (c) => c.json({ faults: state.faults }));
  app.post("/faults", async (c) => {
    const request = await read(c, faultsSchema);
    if (request instanceof Response) return request;
    state.faults = request.faults;
    return c.json({ faults: state.faults });
  });

  app.get("/clock", (c) => c.json(presentClock(state, now)));
  app.post("/clock", async (c) => {
    const request = await read(c, clockSchema);
    if (request instanceof Response) return request;
    state.clockOffset = request.offsetSeconds * 1000;
    return c.json(presentClock(state, now));
  });

  app.post("/reset", (c) => {
    state.reset();
    return c.json({ reset: true });
  });

  app.notFound((c) => refuse(c, 404, `The control plane has no ${c.req.method} ${c.req.path}.`));
  return app;
}

const LOWER = "abcdefghijklmnopqrstuvwxyz0123456789";

const iso = (time: number): string => new Date(time).toISOString();

function presentAgreement({ startsAt, endsAt, ...agreement }: Agreement) {
  return { ...agreement, startsAt: iso(startsAt), endsAt: endsAt === null ? null : iso(endsAt) };
}

function presentRecord({ key: _key, timestamp, receivedAt, ...record }: StoredRecord) {
  return { ...record, timestamp: iso(timestamp), receivedAt: iso(receivedAt) };
}

function presentClock(state: State, now: () => number) {
  return { now: iso(now()), offsetSeconds: state.clockOffset / 1000 };
}

async function read<Schema extends z.ZodType>(
  c: Context,
  schema: Schema,
): Promise<z.output<Schema> | Response> {
  const body: unknown = await c.req.json().catch(() => undefined);
  if (body === undefined) return refuse(c, 400, "Send a JSON body.");
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(
    ({ path, message }) => `${path.map(String).join(".") || "body"}: ${message}`,
  );
  return refuse(c, 400, errors.join("; "));
}

function refuse(c: Context, status: 400 | 404, error: string): Response {
  return c.json({ error }, status);
}
