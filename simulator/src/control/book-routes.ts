import { Hono } from "hono";
import { z } from "zod";
import type { Numbered } from "../store.ts";
import type { Simulator } from "../simulator.ts";
import { page, readQuery, Refusal } from "./requests.ts";

const text = z.string().min(1).optional();

const recordQuery = z.strictObject({
  region: text,
  productCode: text,
  accountId: text,
  licenseArn: text,
  dimension: text,
  ...page,
});

export function bookRoutes({ store }: Simulator): Hono {
  return new Hono()
    .get("/records", (c) => {
      const query = readQuery(c, recordQuery);
      if (query instanceof Refusal) return query.answer(c);
      const { after, limit, ...fields } = query;
      const filter = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
      const found = store.records(filter, { limit, ...(after !== undefined && { after }) });
      return c.json({ records: found.map(({ value }) => value), next: nextOf(found) });
    })
    .get("/calls", (c) => {
      const query = readQuery(c, z.strictObject(page));
      if (query instanceof Refusal) return query.answer(c);
      const { after, limit } = query;
      const found = store.calls({ limit, ...(after !== undefined && { after }) });
      return c.json({ calls: found.map(({ value }) => value), next: nextOf(found) });
    });
}

/** Where the next page begins: what comes after the newest entry of this one. */
const nextOf = (found: readonly Numbered<unknown>[]): number | null => found.at(-1)?.sequence ?? null;
