import type { UsageRecord } from "./model.ts";

/** The ways in which a record says whose it is, the most exact first. */
export const identities = ["LicenseArn", "CustomerAWSAccountId", "CustomerIdentifier"] as const;
export type Identity = (typeof identities)[number];

/** What AWS de-duplicates by, within one product and Region: whose usage, which dimension, which hour. */
export function usageKeyBy(identity: Identity, record: Partial<UsageRecord>): string {
  const { Dimension, Timestamp = Number.NaN } = record;
  return JSON.stringify([identity, record[identity], Dimension, Math.floor(Timestamp / 3600)]);
}

/** The key by the most exact identity that the record has. */
export function usageKey(record: UsageRecord): string {
  const identity = identities.find((name) => record[name] !== undefined) ?? "CustomerIdentifier";
  return usageKeyBy(identity, record);
}
