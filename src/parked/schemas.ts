import { z } from "@hono/zod-openapi";
import { actionKinds, parkReasons } from "../ledger/schema.ts";
import { formatQuantity, UNIT } from "../meter/quantity.ts";
import type { Agreement } from "../ledger/agreements.ts";
import type { HeldUsage } from "../meter/held.ts";
import { isText, NOT_TEXT } from "../text.ts";
import { heldId } from "./held-usage.ts";
import type { Action, ParkedRecord } from "./parked-records.ts";
import { explanations, offeredActions, offeredForHeld } from "./rules.ts";

const offers = z
  .array(z.object({ action: z.enum(actionKinds), advice: z.string() }))
  .openapi({ description: "What is safe to do, and what to know before" });

export const parkedSchema = z
  .object({
    record: z.string(),
    product: z.string(),
    agreement: z.string(),
    dimension: z.string(),
    hour: z.iso.datetime(),
    reason: z.enum(parkReasons),
    explanation: z.string(),
    lastAnswer: z.string().nullable(),
    quantity: z.number().int().openapi({ description: "Billed units at stake" }),
    usage: z.string().openapi({ description: "The same in posted units" }),
    deadline: z.iso.datetime().openapi({ description: "When AWS stops accepting it" }),
    parkedAt: z.iso.datetime().nullable(),
    actions: offers,
  })
  .openapi("ParkedRecord");

export const heldSchema = z
  .object({
    held: z.string(),
    product: z.string(),
    agreement: z.string(),
    dimension: z.string(),
    hour: z.iso.datetime().openapi({ description: "The hour that the usage was used in" }),
    usage: z.string().openapi({ description: "Posted units at stake" }),
    since: z.iso.datetime(),
    actions: offers,
  })
  .openapi("HeldUsage");

export const actionSchema = z
  .object({
    id: z.string(),
    action: z.enum(actionKinds),
    product: z.string(),
    agreement: z.string(),
    dimension: z.string(),
    hour: z.iso.datetime(),
    subject: z.string().nullable().openapi({ description: "The record or the held usage" }),
    usage: z.string().openapi({ description: "Posted units" }),
    note: z.string().nullable(),
    decidedAt: z.iso.datetime(),
    doneAt: z.iso.datetime().nullable().openapi({ description: "Null while its shard has not done it" }),
    billedHour: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "For released usage: the hour whose record bills it" }),
  })
  .openapi("Action");

const decision = {
  note: z
    .string()
    .min(1)
    .max(2000)
    .refine(isText, NOT_TEXT)
    .optional()
    .openapi({ description: "For the audit trail" }),
  preview: z.boolean().default(false).openapi({ description: "Only say what would be done" }),
};

export const newActionSchema = z
  .union([
    z.strictObject({
      record: z.string().min(1).max(600).openapi({ description: "Of GET /v1/parked" }),
      action: z.enum(["send_again", "roll_over", "write_off", "mark_delivered"]),
      notHeldByAws: z.boolean().default(false).openapi({
        description: "To roll over an uncertain record: AWS's usage report shows nothing for its hour",
      }),
      ...decision,
    }),
    z.strictObject({
      held: z.string().min(1).max(600).openapi({ description: "Of GET /v1/held" }),
      action: z.enum(["release", "write_off"]),
      ...decision,
    }),
  ])
  .openapi("NewAction");

export const previewSchema = z
  .object({
    preview: z.literal(true),
    action: z.enum(actionKinds),
    advice: z.string(),
    usage: z.string().openapi({ description: "Posted units that it is about" }),
    sends: z.unknown().openapi({ description: "AWS's UsageRecord as it will be sent; null when none is" }),
    joinsHour: z.iso.datetime().nullable().openapi({
      description:
        "The hour of now: it takes the usage, or, when its record is frozen, the next that has none",
    }),
  })
  .openapi("ActionPreview");

export const iso = (time: number): string => new Date(time).toISOString();

/** The posted units of a record. */
export const usageOf = ({ quantity, divisor }: ParkedRecord): string =>
  formatQuantity(BigInt(quantity) * BigInt(divisor) * UNIT);

export function presentParked(record: ParkedRecord, now: number) {
  const { id, productId, agreementId, dimension, hour, lastAnswer, quantity, deadline, settledAt } = record;
  const reason = record.reason ?? "refused";
  return {
    record: id,
    product: productId,
    agreement: agreementId,
    dimension,
    hour: iso(hour),
    reason,
    explanation: explanations[reason],
    lastAnswer,
    quantity,
    usage: usageOf(record),
    deadline: iso(deadline),
    parkedAt: settledAt === null ? null : iso(settledAt),
    actions: offeredActions({ ...record, reason }, now),
  };
}

/** Held usage as the API shows it, with what may be done about it while AWS takes usage of its agreement, or does not any more. */
export function presentHeld(
  usage: HeldUsage,
  { productId: product, usageUntil }: Pick<Agreement, "productId" | "usageUntil">,
  now: number,
) {
  const { agreement, dimension, hour, since, quantity } = usage;
  return {
    held: heldId(usage),
    product,
    agreement,
    dimension,
    hour: iso(hour),
    usage: formatQuantity(quantity),
    since: iso(since),
    actions: offeredForHeld(usageUntil, now),
  };
}

export function presentAction(row: Action) {
  const { id, action, productId, agreementId, dimension, hour, recordId, quantity, note } = row;
  return {
    id,
    action,
    product: productId,
    agreement: agreementId,
    dimension,
    hour: iso(hour),
    subject: recordId,
    usage: quantity,
    note,
    decidedAt: iso(row.decidedAt),
    doneAt: row.doneAt === null ? null : iso(row.doneAt),
    billedHour: row.billedHour === null ? null : iso(row.billedHour),
  };
}
