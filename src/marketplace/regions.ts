/** Where AWS offers what. AWS adds Regions: these lists advise, and no call is refused because of them. */

/** The commercial Regions of AWS API reference, "AWS Marketplace Metering Service Region support". */
const commercialRegions = [
  "af-south-1",
  "ap-east-1",
  "ap-northeast-1",
  "ap-northeast-2",
  "ap-northeast-3",
  "ap-south-1",
  "ap-south-2",
  "ap-southeast-1",
  "ap-southeast-2",
  "ap-southeast-3",
  "ap-southeast-4",
  "ca-central-1",
  "eu-central-1",
  "eu-central-2",
  "eu-north-1",
  "eu-south-1",
  "eu-south-2",
  "eu-west-1",
  "eu-west-2",
  "eu-west-3",
  "il-central-1",
  "me-central-1",
  "me-south-1",
  "sa-east-1",
  "us-east-1",
  "us-east-2",
  "us-west-1",
  "us-west-2",
] as const;

const govCloudRegions = ["us-gov-east-1", "us-gov-west-1"] as const;

/** For each operation and place to call it from, the Regions that AWS documents. */
export const documentedRegions = {
  BatchMeterUsage: [...commercialRegions, "cn-northwest-1"],
  /** From EC2 instances (Amazon Machine Images). */
  "MeterUsage on EC2": [...commercialRegions, ...govCloudRegions],
  "MeterUsage on ECS": commercialRegions,
  "MeterUsage on EKS": [
    "ap-east-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
  ],
  GetEntitlements: ["us-east-1", "cn-northwest-1", "eusc-de-east-1"],
  /** Regions in which the AWS SDKs know an endpoint of the metering service, whatever it offers there. */
  "metering endpoint": [
    ...commercialRegions,
    ...govCloudRegions,
    "cn-northwest-1",
    "eusc-de-east-1",
    "us-isob-east-1",
  ],
} as const satisfies Record<string, readonly string[]>;

export type DocumentedUse = keyof typeof documentedRegions;

/**
 * Does AWS document a use in a Region? False also for a Region newer than our lists. For ResolveCustomer and
 * RegisterUsage AWS keeps lists of their own: take "metering endpoint" for them.
 */
export function isDocumentedIn(use: DocumentedUse, region: string): boolean {
  const regions: readonly string[] = documentedRegions[use];
  return regions.includes(region);
}

/**
 * The home of AWS Marketplace in a Region's partition: the one Region that runs its entitlement service. Null where AWS
 * documents none.
 */
export function homeRegion(region: string): string | null {
  if (region.startsWith("cn-")) return "cn-northwest-1";
  if (region.startsWith("eusc-")) return "eusc-de-east-1";
  return /^(us-gov|us-iso|eu-iso)/.test(region) ? null : "us-east-1";
}
