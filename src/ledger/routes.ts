import { createRoute, z } from "@hono/zod-openapi";
import { requireAdmin } from "../access/admin.ts";
import { listShards } from "../catalog/products.ts";
import { listAgreements } from "./agreements.ts";
import { problemResponses } from "../http/problems.ts";
import { page, pageQuery, router } from "../http/router.ts";
import { hourOf } from "../meter/hours.ts";
import { shardOfName } from "../meter/shard-name.ts";
import { conservationOf, totals } from "./conservation.ts";
import { places, presentPlaces } from "./conservation-view.ts";
import { openLedger } from "./database.ts";
import { presentRecord, recordSchema } from "./record-view.ts";
import { listRecords } from "./records.ts";
import { recordStates } from "./schema.ts";

const security = [{ adminToken: [] }];

const conservationSchema = z
  .object({
    accounts: z.array(
      z.object({ product: z.string(), agreement: z.string(), dimension: z.string(), ...places }),
    ),
    totals: z.object(places).openapi({ description: "Of the accounts on this page" }),
    next: z.string().nullable(),
  })
  .openapi("Conservation");

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
    const rows = await conservationOf((name) => c.env.METER_SHARD.getByName(name), agreements);
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
