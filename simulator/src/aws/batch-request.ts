import { z } from "zod";
import { fail, succeed, type Outcome } from "./errors.ts";

/** AWS's model of the request (API version 2016-01-14): types, lengths and patterns. Unknown members are ignored. */

const quantity = z.number().int().min(0).max(2_147_483_647);

const tagSchema = z.object({ Key: z.string().min(1).max(100), Value: z.string().min(1).max(256) });

const recordSchema = z.object({
  Timestamp: z.number(),
  Dimension: z.string().min(1).max(255),
  CustomerIdentifier: z.string().max(255).optional(),
  CustomerAWSAccountId: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[0-9]+$/)
    .optional(),
  LicenseArn: z
    .string()
    .regex(
      /^arn:aws[a-zA-Z-]*:[A-Za-z0-9][A-Za-z0-9_/.-]{0,62}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,1023}$/,
    )
    .optional(),
  Quantity: quantity.optional(),
  UsageAllocations: z
    .array(z.object({ AllocatedUsageQuantity: quantity, Tags: z.array(tagSchema).min(1).max(5).optional() }))
    .min(1)
    .max(2500)
    .optional(),
});

const requestSchema = z.object({
  UsageRecords: z.array(recordSchema).max(25),
  ProductCode: z
    .string()
    .max(255)
    .regex(/^[-a-zA-Z0-9/=:_.@]*$/)
    .optional(),
});

export type WireRecord = z.infer<typeof recordSchema>;

export interface BatchRequest {
  readonly records: readonly WireRecord[];
  readonly productCode: string | undefined;
}

/** Checks a request against AWS's model. */
export function readBatch(body: unknown): Outcome<BatchRequest> {
  const parsed = requestSchema.safeParse(body);
  if (parsed.success)
    return succeed({ records: parsed.data.UsageRecords, productCode: parsed.data.ProductCode });
  const errors = parsed.error.issues.map(
    ({ path, message }) => `Value at '${path.join(".")}' failed to satisfy constraint: ${message}`,
  );
  return fail(
    "ValidationException",
    `${errors.length} validation error${errors.length === 1 ? "" : "s"} detected: ${errors.join("; ")}`,
  );
}
