/** Where BatchMeterUsage is offered (AWS Marketplace API reference, "Metering Regions"). */
const meteringRegions: ReadonlySet<string> = new Set(
  (
    "af-south-1 ap-east-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 " +
    "ap-southeast-2 ap-southeast-3 ap-southeast-4 ca-central-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 " +
    "eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1 sa-east-1 us-east-1 us-east-2 " +
    "us-west-1 us-west-2 cn-northwest-1"
  ).split(" "),
);

/** Where the service has an endpoint and only customers' software may meter. */
const otherRegions = new Set(["us-gov-east-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1"]);

/** Whether the metering service has an endpoint in a Region at all. */
export const isServiceRegion = (region: string): boolean =>
  meteringRegions.has(region) || otherRegions.has(region);

/** Whether sellers may report usage in a Region. */
export const offersBatchMeterUsage = (region: string): boolean => meteringRegions.has(region);
