import { z } from "zod";
import { findLicense } from "./agreements.ts";
import type { Store } from "./store.ts";
import { awsErrorCodes, type AwsErrorCode } from "./wire/errors.ts";

const operations = [
  "BatchMeterUsage",
  "MeterUsage",
  "RegisterUsage",
  "ResolveCustomer",
  "GetEntitlements",
  "AssumeRole",
  "AssumeRoleWithWebIdentity",
] as const;

const common = {
  /** Which calls it strikes: those that fit everything named here. */
  operation: z.enum(operations).nullish(),
  region: z.string().min(1).nullish(),
  /** A call fits if any of its records does; faults of single records strike only those that do. */
  productCode: z.string().min(1).nullish(),
  licenseArn: z.string().min(1).nullish(),
  dimension: z.string().min(1).nullish(),
  /** How many fitting calls pass first. */
  after: z.int().min(0).max(1_000_000).default(0),
  /** How many fitting calls it strikes then; null for every one. */
  times: z.int().min(1).max(1_000_000).nullable().default(1),
};

/** At most how many of a call's records. */
const records = { records: z.int().min(1).max(25).default(25) };

const kind = <K extends string, S extends z.core.$ZodLooseShape>(name: K, shape: S) =>
  z.strictObject({ kind: z.literal(name), ...common, ...shape });

/** What can go wrong on order. The first group takes the place of the answer, the second changes the answer. */
export const faultSchema = z.discriminatedUnion("kind", [
  kind("throttle", {}),
  kind("internal-error", {}),
  kind("internal-error-after-store", {}),
  kind("html-503", {}),
  kind("drop-connection", {}),
  kind("drop-connection-after-store", {}),
  kind("expired-session", {}),
  kind("error", {
    error: z.enum(awsErrorCodes as [AwsErrorCode, ...AwsErrorCode[]]),
    message: z.string().max(1000).optional(),
  }),
  kind("latency", { milliseconds: z.int().min(1).max(600_000).default(1000) }),
  kind("unprocessed", records),
  kind("unknown-status", { status: z.string().min(1).max(100).default("SomethingNew"), ...records }),
  kind("missing-record-id", records),
  kind("shuffle", {}),
  kind("extra-fields", {}),
  kind("namespaced-type", {}),
  kind("header-only-type", {}),
]);

export type Fault = z.output<typeof faultSchema>;
export type FaultKind = Fault["kind"];

type AnswerKind =
  | "throttle"
  | "internal-error"
  | "internal-error-after-store"
  | "html-503"
  | "drop-connection"
  | "drop-connection-after-store"
  | "expired-session"
  | "error";

export type AnswerFault = Extract<Fault, { kind: AnswerKind }>;
export type ShapeFault = Exclude<Fault, AnswerFault>;

const answerKinds: readonly string[] = [
  "throttle",
  "internal-error",
  "internal-error-after-store",
  "html-503",
  "drop-connection",
  "drop-connection-after-store",
  "expired-session",
  "error",
] satisfies AnswerKind[];

const isAnswer = (fault: Fault): fault is AnswerFault => answerKinds.includes(fault.kind);

/** What happens to one call. */
export interface FaultPlan {
  /** In place of the answer: one fault a call, in the order they were ordered. */
  readonly answer: AnswerFault | null;
  /** All that fit. */
  readonly shapes: readonly ShapeFault[];
}

export const noFaults: FaultPlan = { answer: null, shapes: [] };

/** What a fault can be aimed at. */
export interface Target {
  readonly productCode: string | null;
  readonly licenseArn: string | null;
  readonly dimension: string | null;
}

export interface FaultCall {
  readonly operation: string;
  readonly region: string | null;
  /** Looked for only while faults are ordered. */
  readonly targets: () => readonly Target[];
}

/** Whether what a fault names fits one record. */
export const fits = (fault: Fault, target: Target): boolean =>
  (["productCode", "licenseArn", "dimension"] as const).every(
    (field) => (fault[field] ?? target[field]) === target[field],
  );

/** Takes from the ordered faults what strikes this call, and leaves the rest in store. */
export function takeFaults(store: Store, call: FaultCall): FaultPlan {
  const ordered = store.get("faults", "");
  if (ordered === undefined || ordered.length === 0) return noFaults;
  const targets = call.targets();
  let answer: AnswerFault | null = null;
  const shapes: ShapeFault[] = [];
  const left: Fault[] = [];
  for (const fault of ordered) {
    if (!strikes(fault, call, targets)) {
      left.push(fault);
    } else if (fault.after > 0) {
      left.push({ ...fault, after: fault.after - 1 });
    } else if (isAnswer(fault) && answer !== null) {
      // One in place of the answer waits while another has the call.
      left.push(fault);
    } else {
      if (isAnswer(fault)) answer = fault;
      else shapes.push(fault);
      if (fault.times === null) left.push(fault);
      else if (fault.times > 1) left.push({ ...fault, times: fault.times - 1 });
    }
  }
  store.put("faults", "", left);
  return { answer, shapes };
}

function strikes(fault: Fault, call: FaultCall, targets: readonly Target[]): boolean {
  if ((fault.operation ?? call.operation) !== call.operation) return false;
  if ((fault.region ?? call.region) !== call.region) return false;
  return targets.some((target) => fits(fault, target));
}

interface Aimable {
  readonly ProductCode?: string | null | undefined;
  readonly UsageDimension?: string | null | undefined;
  readonly UsageRecords?: readonly RecordLike[];
  readonly RegistrationToken?: string | null | undefined;
}

interface RecordLike {
  readonly Dimension?: string | null | undefined;
  readonly LicenseArn?: string | null | undefined;
}

/** What a request is about. */
export function targetsOf(store: Store, input: Aimable): readonly Target[] {
  if (input.UsageRecords && input.UsageRecords.length > 0) {
    return input.UsageRecords.map((record) => recordTarget(store, record, input.ProductCode ?? null));
  }
  const token = input.RegistrationToken ? store.get("token", input.RegistrationToken) : undefined;
  const agreement = token && store.get("agreement", token.agreementId);
  const productCode = agreement?.productCode ?? input.ProductCode ?? null;
  return [
    { productCode, licenseArn: agreement?.licenseArn ?? null, dimension: input.UsageDimension ?? null },
  ];
}

/** What one record is about: its product is known by its licence, too. */
export function recordTarget(store: Store, record: RecordLike, productCode: string | null): Target {
  const licenseArn = record.LicenseArn ?? null;
  const ofLicense = licenseArn === null ? undefined : findLicense(store, licenseArn)?.productCode;
  return { productCode: productCode ?? ofLicense ?? null, licenseArn, dimension: record.Dimension ?? null };
}
