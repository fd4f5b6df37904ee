import { z } from "@hono/zod-openapi";
import type { MeteringRecord } from "./records.ts";
import { parkReasons, recordStates } from "./schema.ts";

/** A metering record as the API shows it. */
export const recordSchema = z
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

/** {@link recordSchema} of a record. */
export function presentRecord(record: MeteringRecord) {
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
