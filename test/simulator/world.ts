import { aws, control, type Answer, type CallOptions } from "./client.ts";

/** What a test speaks of: a product with a customer, and usage of it. */

export interface Agreement {
  readonly agreementId: string;
  readonly productCode: string;
  readonly accountId: string;
  readonly licenseArn: string;
  readonly customerIdentifier: string;
  readonly registrationToken: string;
  readonly startsAt: string;
  readonly live: boolean;
}

export interface UsageRecord {
  readonly Timestamp: number;
  readonly Dimension: string;
  readonly Quantity?: number;
  readonly CustomerAWSAccountId?: string;
  readonly CustomerIdentifier?: string;
  readonly LicenseArn?: string;
  readonly UsageAllocations?: readonly unknown[];
}

export interface BatchAnswer {
  readonly Results: readonly { UsageRecord: UsageRecord; MeteringRecordId?: string; Status: string }[];
  readonly UnprocessedRecords: readonly UsageRecord[];
  readonly __type?: string;
  readonly message?: string;
}

export interface BookedRecord {
  readonly region: string;
  readonly productCode: string;
  readonly licenseArn: string | null;
  readonly accountId: string;
  readonly dimension: string;
  readonly timestamp: string;
  readonly hour: string;
  readonly quantity: number;
  readonly allocations: readonly unknown[];
  readonly meteringRecordId: string;
}

/** A Monday in mid-month. */
export const tenOClock = Date.parse("2026-11-23T10:00:00Z") / 1000;

/** Empties the simulator, without the quota that many calls in one second would meet. */
export async function startOver(): Promise<void> {
  await control("POST", "/reset");
  await control("PATCH", "/switches", { quotas: "off" });
}

/** Lets the simulated time stand still. @param time ISO 8601, or epoch seconds */
export async function setTime(time: string | number): Promise<void> {
  const frozenAt = typeof time === "string" ? time : new Date(time * 1000).toISOString();
  const { status } = await control("POST", "/clock", { frozenAt });
  if (status !== 200) throw new Error(`the clock was refused: ${status}`);
}

let products = 0;

export async function newProduct(options: object = {}): Promise<string> {
  products += 1;
  const productCode = `product${products}`;
  const body = { productCode, dimensions: ["requests", "storage"], ...options };
  const { status } = await control("POST", "/products", body);
  if (status !== 201) throw new Error(`the product was refused: ${status}`);
  return productCode;
}

export async function newAgreement(productCode: string, options: object = {}): Promise<Agreement> {
  const answer = await control<Agreement>("POST", "/agreements", { productCode, ...options });
  if (answer.status !== 201) throw new Error(`the agreement was refused: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** A customer of a new product, while it is ten o'clock. */
export async function newCustomer(options: object = {}): Promise<Agreement> {
  await setTime(tenOClock);
  return newAgreement(await newProduct(options));
}

/** A customer of a product from before Concurrent Agreements. */
export const newLegacyCustomer = (): Promise<Agreement> => newCustomer({ concurrentAgreements: false });

/** Half an hour's old usage of a customer. */
export const usage = (
  { accountId, licenseArn }: Agreement,
  more: Partial<UsageRecord> = {},
): UsageRecord => ({
  Timestamp: tenOClock - 1800,
  Dimension: "requests",
  Quantity: 5,
  CustomerAWSAccountId: accountId,
  LicenseArn: licenseArn,
  ...more,
});

/** The same of a legacy product's customer. */
export function legacyUsage(agreement: Agreement, more: Partial<UsageRecord> = {}): UsageRecord {
  const { LicenseArn: _, ...record } = usage(agreement, more);
  return record;
}

export const meter = (
  records: readonly UsageRecord[],
  options: CallOptions = {},
): Promise<Answer<BatchAnswer>> => aws<BatchAnswer>("BatchMeterUsage", { UsageRecords: records }, options);

export const meterLegacy = (
  ProductCode: string,
  records: readonly UsageRecord[],
  options: CallOptions = {},
): Promise<Answer<BatchAnswer>> =>
  aws<BatchAnswer>("BatchMeterUsage", { ProductCode, UsageRecords: records }, options);

export const statuses = ({ body }: Answer<BatchAnswer>): readonly string[] =>
  body.Results.map(({ Status }) => Status);

export async function books(query = ""): Promise<readonly BookedRecord[]> {
  return (await control<{ records: readonly BookedRecord[] }>("GET", `/records${query}`)).body.records;
}

/** What an error answer comes to. */
export const errorOf = ({ status, body }: Answer<BatchAnswer | Record<string, unknown>>) => ({
  status,
  type: body["__type" as keyof typeof body],
});
