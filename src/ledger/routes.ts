import { createRoute, z } from "@hono/zod-openapi";
import { requireAdmin } from "../access/admin.ts";
import { listShards } from "../catalog/products.ts";
import { listAgreements, type Agreement } from "../customers/agreements.ts";
import { problemResponses } from "../http/problems.ts";
import { page, pageQuery, router } from "../http/router.ts";
import { hourOf } from "../meter/hours.ts";
import { shardName, shardOfName } from "../meter/shard-name.ts";
import { formatQuantity } from "../meter/quantity.ts";
import { isConserved, totals, type Conservation, type Places } from "./conservation.ts";
import { openLedger } from "./database.ts";
import { listRecords, type MeteringRecord } from "./records.ts";
import { parkReasons, recordStates } from "./schema.ts";

const security = [{ adminToken: [] }];

const recordSchema = z
  .object({
    id: z.string(),
    product: z.string(),
    agreement: z.string(),
    dimension: z.string(),
    hour: z.iso.datetime(),
    quantity: z.number().int().openapi({ description: "Billed units" }),
    lateUsage: z
      .array(z.object({ hour: z.iso.datetime(), quantity: z.string() }))
      .openapi({ description: "Usage of other hours that this record bills, in posted units" }),
    state: z.enum(recordStates),
    reason: z.enum(parkReasons).nullable().openapi({ description: "Why it is parked" }),
    deadline: z.iso.datetime().openapi({ description: "When AWS stops accepting it" }),
    sealedAt: z.iso.datetime(),
    attempts: z.number().int().openapi({ description: "BatchMeterUsage calls that have carried it" }),
    lastAnswer: z.string().nullable().openapi({ description: "AWS's last status or error" }),
    meteringRecordId: z.string().nullable(),
    settledAt: z.iso.datetime().nullable(),
    rolledInto: z.iso.datetime().nullable().openapi({
      description: "The hour that bills its quantity instead, since AWS did not take it in time",
    }),
    usageRecord: z.unknown().openapi({ description: "AWS's UsageRecord, as it is sent every time" }),
  })
  .openapi("MeteringRecord");

const isoTime = (time: number): string => new Date(time).toISOString();

function presentRecord(record: MeteringRecord) {
  const { id, dimension, quantity, state, reason, attempts, lastAnswer, meteringRecordId } = record;
  return {
    id,
    product: record.productId,
    agreement: record.agreementId,
    dimension,
    hour: isoTime(record.hour),
    quantity,
    lateUsage: (record.lateUsage ?? []).map(({ hour, quantity }) => ({ hour: isoTime(hour), quantity })),
    state,
    reason,
    deadline: isoTime(record.deadline),
    sealedAt: isoTime(record.sealedAt),
    attempts,
    lastAnswer,
    meteringRecordId,
    settledAt: record.settledAt === null ? null : isoTime(record.settledAt),
    rolledInto: record.rolledInto === null ? null : isoTime(record.rolledInto),
    usageRecord: JSON.parse(record.usageRecord) as unknown,
  };
}

const places = {
  accepted: z.string(),
  delivered: z.string(),
  pending: z.string(),
  parked: z.string().openapi({ description: "Waits for a person: parked records, and usage that is held" }),
  held: z.string().openapi({ description: "Of the parked: late usage that is in no record yet" }),
  open: z.string(),
  carry: z.string().openapi({ description: "Left for the coming hours; below zero while there is credit" }),
  credit: z.string().openapi({
    description: "Of voided usage that had been billed: what the coming hours are still to make up for",
  }),
  writtenOff: z.string().openapi({ description: "Given up by a person, with a note" }),
  withheld: z
    .string()
    .openapi({ description: "Included in the customer's contract: counted and not billed" }),
  conserved: z.boolean().openapi({
    description: "accepted = delivered + pending + parked + open + carry + writtenOff + withheld",
  }),
};

const conservationSchema = z
  .object({
    accounts: z.array(
      z.object({ product: z.string(), agreement: z.string(), dimension: z.string(), ...places }),
    ),
    totals: z.object(places).openapi({ description: "Of the accounts on this page" }),
    next: z.string().nullable(),
  })
  .openapi("Conservation");

function presentPlaces(row: Places) {
  return {
    accepted: formatQuantity(row.accepted),
    delivered: formatQuantity(row.delivered),
    pending: formatQuantity(row.pending),
    parked: formatQuantity(row.parked),
    held: formatQuantity(row.held),
    open: formatQuantity(row.open),
    carry: formatQuantity(row.carry),
    credit: formatQuantity(row.credit),
    writtenOff: formatQuantity(row.writtenOff),
    withheld: formatQuantity(row.withheld),
    conserved: isConserved(row),
  };
}

export const ledgerRoutes = router();
ledgerRoutes.use("/v1/records", requireAdmin);
ledgerRoutes.use("/v1/conservation", requireAdmin);
ledgerRoutes.use("/v1/conservation/*", requireAdmin);

ledgerRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/records",
    summary: "List metering records",
    security,
    request: {
      query: pageQuery.extend({
        state: z.enum(recordStates).optional(),
        product: z.string().optional(),
        agreement: z.string().optional(),
        dimension: z.string().optional(),
        hour: z.iso
          .datetime({ offset: true })
          .optional()
          .openapi({ description: "Any time inside the hour" }),
      }),
    },
    responses: {
      200: {
        description: "Records by agreement, then by hour",
        content: {
          "application/json": {
            schema: z.object({ records: z.array(recordSchema), next: z.string().nullable() }),
          },
        },
      },
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, hour, ...filters } = c.req.valid("query");
    const query = {
      ...filters,
      hour: hour === undefined ? undefined : hourOf(Date.parse(hour)),
      limit: limit + 1,
    };
    const { rows, next } = page(await listRecords(openLedger(c.env.DB), query), limit);
    return c.json({ records: rows.map(presentRecord), next }, 200);
  },
);

ledgerRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/conservation",
    summary: "Where every accepted unit is",
    description: "Per (agreement, dimension), in exact decimals, at one moment. Pages are by agreement.",
    security,
    request: {
      query: pageQuery.extend({ product: z.string().optional(), agreement: z.string().optional() }),
    },
    responses: {
      200: { description: "The books", content: { "application/json": { schema: conservationSchema } } },
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, ...query } = c.req.valid("query");
    const found = await listAgreements(openLedger(c.env.DB), { ...query, limit: limit + 1 });
    const { rows: agreements, next } = page(found, limit);
    const rows = await balancesOf(c.env, agreements);
    const products = new Map(agreements.map(({ id, productId }) => [id, productId]));
    const accounts = rows.map((row) => ({
      product: products.get(row.agreement) ?? "",
      agreement: row.agreement,
      dimension: row.dimension,
      ...presentPlaces(row),
    }));
    return c.json({ accounts, totals: presentPlaces(totals(rows)), next }, 200);
  },
);

const totalsSchema = z
  .object({
    dimensions: z.array(z.object({ product: z.string(), dimension: z.string(), ...places })),
    conserved: z.boolean().openapi({ description: "Whether every line is" }),
  })
  .openapi("ConservationTotals");

ledgerRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/conservation/totals",
    summary: "Where every accepted unit is, in total",
    description:
      "Of all agreements together, per product and dimension: units of two dimensions do not add up.",
    security,
    request: { query: z.object({ product: z.string().optional() }) },
    responses: {
      200: { description: "The books", content: { "application/json": { schema: totalsSchema } } },
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { product } = c.req.valid("query");
    const names = (await listShards(openLedger(c.env.DB))).filter(
      (name) => product === undefined || shardOfName(name).productId === product,
    );
    const rows = await Promise.all(
      names.map(async (name) => {
        const sums = await c.env.METER_SHARD.getByName(name).totals();
        return sums.map((sum) => ({ ...sum, product: shardOfName(name).productId }));
      }),
    );
    const byDimension = Map.groupBy(rows.flat(), ({ product, dimension }) =>
      JSON.stringify([product, dimension]),
    );
    const dimensions = [...byDimension.values()].flatMap((members) => {
      const [first] = members;
      if (first === undefined) return [];
      return [{ product: first.product, dimension: first.dimension, ...presentPlaces(totals(members)) }];
    });
    return c.json({ dimensions, conserved: dimensions.every(({ conserved }) => conserved) }, 200);
  },
);

/** Asks each shard once for all of its agreements. */
async function balancesOf(env: Env, agreements: readonly Agreement[]): Promise<Conservation[]> {
  const byShard = Map.groupBy(agreements, ({ productId, shard }) => shardName(productId, shard));
  const rows = await Promise.all(
    [...byShard].map(([name, members]) =>
      env.METER_SHARD.getByName(name).conservation(members.map(({ id }) => id)),
    ),
  );
  return rows.flat();
}
