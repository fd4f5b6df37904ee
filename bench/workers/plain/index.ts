import type { MeteredDimension } from "../../../src/meter/usage-batch.ts";
import { parseEvent } from "../../../src/usage/parse-event.ts";
import { readBody } from "../../../src/usage/read-body.ts";

interface PlainEnv {
  readonly DB: D1Database;
}

const TABLE = `CREATE TABLE IF NOT EXISTS events (
  id TEXT PRIMARY KEY, customer TEXT NOT NULL, dimension TEXT NOT NULL, quantity TEXT NOT NULL, time INTEGER NOT NULL
) WITHOUT ROWID`;

/** One statement a request, whatever its size: the best that plain D1 does. */
const INSERT = `INSERT INTO events
  SELECT value ->> 'id', value ->> 'customer', value ->> 'dimension', value ->> 'quantity', value ->> 'time'
  FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`;

const dimensions = new Map(
  ["api_calls", "storage_gb", "seats"].map((name): [string, MeteredDimension] => [
    name,
    { name, aggregation: "sum", divisor: 1, uniqueTag: null, late: "carry_forward" },
  ]),
);

export default {
  async fetch(request, env) {
    if (request.method === "PUT") {
      await env.DB.prepare(TABLE).run();
      return new Response(null, { status: 204 });
    }
    const body = await readBody(request);
    if (!body.ok) return Response.json(body.problem, { status: 400 });
    const receivedAt = Date.now();
    const rows = body.events.flatMap((input) => {
      const parsed = parseEvent(input, { receivedAt, productId: "bench", dimensions });
      return parsed.ok && "time" in parsed.event
        ? [{ ...parsed.event, dimension: parsed.event.dimension.name }]
        : [];
    });
    const { meta } = await env.DB.prepare(INSERT).bind(JSON.stringify(rows)).run();
    return Response.json({ accepted: meta.changes }, { status: 202 });
  },
} satisfies ExportedHandler<PlainEnv>;
