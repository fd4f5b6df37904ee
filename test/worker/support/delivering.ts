import {
  createExecutionContext,
  createScheduledController,
  runDurableObjectAlarm,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import worker from "../../../src/index.ts";
import { shardName } from "../../../src/meter/shard-name.ts";
import { admin, json } from "./gateway.ts";
import { ago, HOUR } from "./times.ts";

/** A metering record as the admin API shows it. */
export interface Record {
  id: string;
  dimension: string;
  state: string;
  reason: string | null;
  quantity: number;
  attempts: number;
  lastAnswer: string | null;
  meteringRecordId: string | null;
  rolledInto: string | null;
  deadline: string;
  hour: string;
}

/** Fires the cron trigger once. */
export async function tick(): Promise<void> {
  const context = createExecutionContext();
  await worker.scheduled(createScheduledController({ cron: "* * * * *" }), env);
  await waitOnExecutionContext(context);
}

/** Rings the shard's alarm, as Cloudflare does when a sealing is due. */
export const seal = (product: string) =>
  runDurableObjectAlarm(env.METER_SHARD.getByName(shardName(product, 0)));

export const recordsOf = async (product: string) =>
  (await json<{ records: Record[] }>(admin("GET", `/v1/records?product=${product}`))).records;

/** Makes the records of a product due at once, as if their backoff and the product's were over. */
export const retryNow = (product: string) =>
  env.DB.batch([
    env.DB.prepare("UPDATE records SET next_attempt_at = 0 WHERE product_id = ?").bind(product),
    env.DB.prepare("UPDATE deliveries SET not_before = 0 WHERE product_id = ?").bind(product),
  ]);

export const usage = (customer: string, quantity: number | string, dimension = "api") => ({
  id: crypto.randomUUID(),
  customer,
  dimension,
  quantity,
  timestamp: ago(HOUR),
});
