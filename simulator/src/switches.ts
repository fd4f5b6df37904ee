import { z } from "zod";

const rules = ["product", "license", "dimension", "tags", "allocations", "timestamps"] as const;

export type Rule = (typeof rules)[number];

/**
 * Where AWS's documents contradict each other or say nothing, the simulated AWS does the one or the other. Every default
 * is the reading of the API reference where it has one, and else the stricter one.
 */
export const switchesSchema = z.strictObject({
  /** The same record again: AWS's API reference says it is accepted, AWS's agent skill says it is a duplicate. */
  identicalResubmit: z.enum(["success", "duplicate"]).default("success"),
  /** Whether a record with the same quantity and other allocations is the same record. */
  identicalMeans: z.enum(["quantity-and-allocations", "quantity"]).default("quantity-and-allocations"),
  /** Whether the six hours into a new month only cut the window short, or also let older usage of the month in. */
  monthGrace: z.enum(["restrict", "extend"]).default("restrict"),
  /** How old usage may be: 24 since July 2026, 6 before. */
  windowHours: z.number().positive().max(8760).default(24),
  meterUsageWindowHours: z.number().positive().max(8760).default(6),
  /** Whether age is that of the timestamp or that of its hour's start. */
  windowBasis: z.enum(["raw", "hour"]).default("raw"),
  /** Whether usage must follow the start of its agreement to the millisecond, or only to the hour. */
  activationBasis: z.enum(["raw", "hour"]).default("raw"),
  /** How far ahead of AWS's clock a timestamp may be. */
  futureSkewSeconds: z.number().min(0).max(86_400).default(300),
  /** A customer that AWS does not know: a status of its record, or an exception for the batch. */
  unknownCustomer: z.enum(["status", "exception"]).default("status"),
  /** ProductCode sent for a product with Concurrent Agreements: refused, or billed once more. */
  bothProductAndLicense: z.enum(["reject", "doubleBook"]).default("reject"),
  /** One hour twice in one request. */
  inRequestDuplicate: z.enum(["firstWins", "reject"]).default("firstWins"),
  tokenTtlHours: z.number().positive().max(8760).default(4),
  tokenSingleUse: z.boolean().default(false),
  /** The event that opens the final hour for reporting. */
  finalWindowOpens: z.enum(["deprovisioned", "ended"]).default("deprovisioned"),
  finalWindowMinutes: z.number().min(0).max(525_600).default(60),
  echoTimestamp: z.enum(["raw", "hour"]).default("raw"),
  resultsOrder: z.enum(["same", "shuffled"]).default("same"),
  /** Whether 5 tags are the limit of one allocation or of all a record's tag keys together. */
  tagLimit: z.enum(["perAllocation", "perRecord"]).default("perAllocation"),
  /** Whether the service quotas of AWS (10 BatchMeterUsage calls a second) are enforced. */
  quotas: z.enum(["enforced", "off"]).default("enforced"),
  /** Regions where the API is not available. */
  disabledRegions: z.array(z.string()).default([]),
  /** The order in which the rules for a batch are applied: the first that fails is the answer. */
  checkOrder: z
    .array(z.enum(rules))
    .refine((order) => new Set(order).size === rules.length && order.length === rules.length, {
      error: `must name each of these once: ${rules.join(", ")}`,
    })
    .default([...rules]),
  /** Where the customer's software runs; MeterUsage and RegisterUsage must be called there. Null for any Region. */
  buyerRegion: z.string().nullable().default(null),
  /** Whether that is a place where RegisterUsage works. */
  buyerPlatform: z.enum(["supported", "unsupported"]).default("supported"),
  /** The public key that AWS signs RegisterUsage's answers with; older versions have expired. */
  publicKeyVersion: z.number().int().min(1).default(1),
});

export type Switches = z.output<typeof switchesSchema>;

export const defaultSwitches: Switches = switchesSchema.parse({});
