import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import type { UsageRecord } from "../../src/marketplace/index.ts";
import type { SigningKey } from "./callers.ts";
import type { Agreement, BookedRecord, Simulator } from "./simulator.ts";
import { sellerKey } from "./simulator.ts";

/** An AWS that sells two products, one as new sellers have it and one as old sellers do, with a customer of each. */
export interface World {
  readonly simulator: Simulator;
  readonly modern: Agreement;
  readonly legacy: Agreement;
  /** The simulated time, in seconds; it stands still. */
  readonly now: number;
}

export const modernProduct = "modernproduct00000000000";
export const legacyProduct = "legacyproduct00000000000";

/** Ten o'clock of a day in mid-month. */
const tenOClock = "2026-11-23T10:00:00Z";

export function seconds(time: string): number {
  return Date.parse(time) / 1000;
}

/** Makes the simulated time stand still at another moment. */
export async function setTime({ simulator }: World, time: string): Promise<void> {
  await simulator.send("POST", "clock", { frozenAt: time });
}

export async function setSwitches(
  { simulator }: World,
  switches: Readonly<Record<string, unknown>>,
): Promise<void> {
  await simulator.send("PATCH", "switches", switches);
}

/** Orders one thing to go wrong with the next call. */
export async function orderFault(
  { simulator }: World,
  fault: Readonly<Record<string, unknown>>,
): Promise<void> {
  await simulator.send("POST", "faults", { faults: [fault] });
}

/** Forgets everything and begins anew. Service quotas are off: how fast a test is says nothing. */
export async function newWorld(simulator: Simulator): Promise<World> {
  await simulator.send("POST", "reset");
  await simulator.send("POST", "clock", { frozenAt: tenOClock });
  await simulator.send("PATCH", "switches", { quotas: "off" });
  const dimensions = ["requests", "storage"];
  const products = [
    { productCode: modernProduct, dimensions, concurrentAgreements: true },
    { productCode: legacyProduct, dimensions, concurrentAgreements: false },
  ];
  for (const product of products) await simulator.send("POST", "products", product);
  const modern = await simulator.send<Agreement>("POST", "agreements", { productCode: modernProduct });
  const legacy = await simulator.send<Agreement>("POST", "agreements", { productCode: legacyProduct });
  return { simulator, modern, legacy, now: seconds(tenOClock) };
}

export async function books({ simulator }: World): Promise<readonly BookedRecord[]> {
  return (await simulator.send<{ records: BookedRecord[] }>("GET", "records")).records;
}

/** A session in the account of the modern product's customer: what software has that runs there. */
export async function customersRole({ simulator, modern }: World): Promise<SigningKey> {
  const sts = new STSClient({ endpoint: simulator.url, region: "us-east-1", credentials: sellerKey });
  const RoleArn = `arn:aws:iam::${modern.accountId}:role/software`;
  const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "instance" }));
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = Credentials ?? {};
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

/** Half an hour's old usage of the modern product's customer. */
export function usage({ modern, now }: World, more: Partial<UsageRecord> = {}): UsageRecord {
  return {
    Timestamp: now - 1800,
    Dimension: "requests",
    Quantity: 5,
    CustomerAWSAccountId: modern.accountId,
    LicenseArn: modern.licenseArn,
    ...more,
  };
}

/** The same of the legacy product's customer. */
export function legacyUsage({ legacy, now }: World, more: Partial<UsageRecord> = {}): UsageRecord {
  const { accountId } = legacy;
  return {
    Timestamp: now - 1800,
    Dimension: "requests",
    Quantity: 5,
    CustomerAWSAccountId: accountId,
    ...more,
  };
}

/** `count` records of different hours or dimensions. */
export function manyRecords(world: World, count: number): UsageRecord[] {
  return Array.from({ length: count }, (_, index) =>
    usage(world, {
      Timestamp: world.now - 1800 - (index % 20) * 3600,
      Dimension: index < 20 ? "requests" : "storage",
    }),
  );
}
