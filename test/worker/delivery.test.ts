import {
  createExecutionContext,
  createScheduledController,
  runDurableObjectAlarm,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import worker from "../../src/index.ts";
import { shardName } from "../../src/meter/shard-name.ts";
import { admin, json } from "./gateway.ts";
import { aws, newCustomer, newListing } from "./marketplace.ts";

interface Record {
  id: string;
  state: string;
  reason: string | null;
  quantity: number;
  attempts: number;
  lastAnswer: string | null;
  meteringRecordId: string | null;
}

/** Fires the cron trigger once. */
async function tick(): Promise<void> {
  const context = createExecutionContext();
  await worker.scheduled(createScheduledController({ cron: "* * * * *" }), env);
  await waitOnExecutionContext(context);
}

/** Rings the shard's alarm, as Cloudflare does when a sealing is due. */
const seal = (product: string) => runDurableObjectAlarm(env.METER_SHARD.getByName(shardName(product, 0)));

const recordsOf = async (product: string) =>
  (await json<{ records: Record[] }>(admin("GET", `/v1/records?product=${product}`))).records;

const anHourAgo = (): string => new Date(Date.now() - 3_600_000).toISOString();

const usage = (customer: string, quantity: number | string, dimension = "api") => ({
  id: crypto.randomUUID(),
  customer,
  dimension,
  quantity,
  timestamp: anHourAgo(),
});

describe("delivery", () => {
  it("brings an hour's usage to AWS as one record, and settles it", async () => {
    const listing = await newListing();
    const { accountId, licenseArn } = await newCustomer(listing);
    await listing.post([usage(accountId, 1.5), usage(accountId, "2.75"), usage(accountId, 3, "gb")]);
    await seal(listing.id);
    await tick();

    const records = await recordsOf(listing.id);
    expect(records).toMatchObject([
      { state: "delivered", quantity: 4, attempts: 1, lastAnswer: "Success" },
      { state: "delivered", quantity: 3, attempts: 1, lastAnswer: "Success" },
    ]);
    const held = await aws.records(listing.id);
    expect(held).toMatchObject([
      { region: "us-east-1", licenseArn, accountId, dimension: "api", quantity: 4 },
      { region: "us-east-1", licenseArn, accountId, dimension: "gb", quantity: 3 },
    ]);
    expect(held.map(({ meteringRecordId }) => meteringRecordId)).toEqual(
      records.map(({ meteringRecordId }) => meteringRecordId),
    );
    const { totals } = await json<{ totals: unknown }>(
      admin("GET", `/v1/conservation?product=${listing.id}`),
    );
    expect(totals).toEqual({
      accepted: "7.25",
      delivered: "7",
      pending: "0",
      parked: "0",
      open: "0",
      carry: "0.25",
      conserved: true,
    });
  });
});
