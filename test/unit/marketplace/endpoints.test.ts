import {
  GetEntitlementsCommand,
  MarketplaceEntitlementServiceClient,
} from "@aws-sdk/client-marketplace-entitlement-service";
import { BatchMeterUsageCommand, MarketplaceMeteringClient } from "@aws-sdk/client-marketplace-metering";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import type { ClientOptions } from "../../../src/marketplace/index.ts";
import {
  createEntitlementClient,
  createMarketplaceClient,
  createStsClient,
  documentedRegions,
  homeRegion,
  isDocumentedIn,
} from "../../../src/marketplace/index.ts";
import { credentials, json, network, options, usage } from "./stand-in.ts";

const role = { RoleArn: "arn:aws:iam::111122223333:role/metering", RoleSessionName: "metergate" };

/** One call of each service, by our client and by AWS's. */
const services = {
  metering: {
    ours: (given: ClientOptions) =>
      createMarketplaceClient(given).batchMeterUsage({ UsageRecords: [usage()] }),
    theirs: (config: SdkConfig) =>
      new MarketplaceMeteringClient(config).send(new BatchMeterUsageCommand({ UsageRecords: [] })),
  },
  entitlement: {
    ours: (given: ClientOptions) => createEntitlementClient(given).getEntitlements({ ProductCode: "p" }),
    theirs: (config: SdkConfig) =>
      new MarketplaceEntitlementServiceClient(config).send(new GetEntitlementsCommand({ ProductCode: "p" })),
  },
  sts: {
    ours: (given: ClientOptions) => createStsClient(given).assumeRole(role),
    theirs: (config: SdkConfig) => new STSClient(config).send(new AssumeRoleCommand(role)),
  },
};
type Service = keyof typeof services;

type SdkConfig = ReturnType<typeof sdkConfig>;
type Form = Partial<Record<"dualStack" | "fips", boolean>>;

/** Settings of an official client that notes the host it would call and calls nothing. */
function sdkConfig(region: string, { dualStack = false, fips = false }: Form, note: (host: string) => void) {
  return {
    region,
    credentials,
    useDualstackEndpoint: dualStack,
    useFipsEndpoint: fips,
    maxAttempts: 1,
    requestHandler: {
      handle(request: { hostname: string }): Promise<never> {
        note(request.hostname);
        return Promise.reject(new Error("called no one"));
      },
    },
  };
}

async function officialHost(service: Service, region: string, form: Form): Promise<string> {
  let host = "";
  await services[service].theirs(sdkConfig(region, form, (called) => (host = called))).catch(() => undefined);
  return host;
}

async function ourHost(service: Service, region: string, form: Form): Promise<string | undefined> {
  const { fetch, received } = network(json(200, {}));
  await services[service].ours(options(fetch, { region, ...form }));
  return received[0] && new URL(received[0].url).host;
}

const forms: readonly Form[] = [{}, { dualStack: true }, { fips: true }, { dualStack: true, fips: true }];
const regions = [
  ...documentedRegions["metering endpoint"],
  "cn-north-1",
  "us-iso-east-1",
  "eu-isoe-west-1",
  "us-isof-south-1",
  "mx-central-1",
  "xx-new-9",
];

describe("the endpoint of a service", () => {
  describe.each(Object.keys(services) as Service[])("%s", (service) => {
    it.each(forms)("is the official SDK's in every Region and partition with %o", async (form) => {
      const ours = await Promise.all(regions.map((region) => ourHost(service, region, form)));

      expect(ours).toEqual(await Promise.all(regions.map((region) => officialHost(service, region, form))));
    });
  });

  it("is the override, exactly, when one is given", async () => {
    const { fetch, received } = network(json(200, {}));
    const endpoint = "http://localhost:8788/aws/";

    await createMarketplaceClient(options(fetch, { endpoint })).batchMeterUsage({ UsageRecords: [usage()] });

    expect(received[0]?.url).toBe(endpoint);
  });

  it.each([
    {
      fault: "FIPS beside an override",
      given: { endpoint: "http://localhost:8788", fips: true },
      says: "FIPS",
    },
    {
      fault: "dual-stack beside an override",
      given: { endpoint: "http://localhost:8788", dualStack: true },
      says: "dual-stack",
    },
    {
      fault: "an override that is no address",
      given: { endpoint: "localhost" },
      says: "http or https address",
    },
    {
      fault: "an override of another scheme",
      given: { endpoint: "ftp://localhost" },
      says: "http or https address",
    },
    {
      fault: "an override with a password",
      given: { endpoint: "https://me:hunter2@localhost" },
      says: "without user",
    },
    { fault: "an override with a user", given: { endpoint: "https://me@localhost" }, says: "without user" },
    {
      fault: "an override with a query",
      given: { endpoint: "https://localhost/?a=1" },
      says: "without user",
    },
    {
      fault: "an override with a fragment",
      given: { endpoint: "https://localhost/#a" },
      says: "without user",
    },
    {
      fault: "a Region that is none",
      given: { region: "evil.example/" },
      says: "not the name of an AWS Region",
    },
    { fault: "no Region", given: { region: "" }, says: "not the name of an AWS Region" },
  ])("is an error value for $fault, and nothing is sent", async ({ given, says }) => {
    const { fetch, received } = network(json(200, {}));

    const outcome = await createMarketplaceClient(options(fetch, given)).batchMeterUsage({
      UsageRecords: [usage()],
    });

    expect(outcome).toMatchObject({
      ok: false,
      error: { kind: "invalid-endpoint", advice: "fix-setting", held: "no" },
    });
    expect(outcome.ok ? "" : outcome.error.message).toContain(says);
    expect(JSON.stringify(outcome)).not.toContain("hunter2");
    expect(received).toEqual([]);
  });
});

describe("the documented Regions", () => {
  it("offer BatchMeterUsage in 28 commercial Regions and China, not in GovCloud", () => {
    expect(documentedRegions.BatchMeterUsage).toHaveLength(29);
    expect(isDocumentedIn("BatchMeterUsage", "us-east-1")).toBe(true);
    expect(isDocumentedIn("BatchMeterUsage", "cn-northwest-1")).toBe(true);
    expect(isDocumentedIn("BatchMeterUsage", "us-gov-west-1")).toBe(false);
  });

  it("offer MeterUsage in GovCloud from EC2 only, and in 17 Regions from EKS", () => {
    expect(isDocumentedIn("MeterUsage on EC2", "us-gov-west-1")).toBe(true);
    expect(isDocumentedIn("MeterUsage on ECS", "us-gov-west-1")).toBe(false);
    expect(documentedRegions["MeterUsage on EKS"]).toHaveLength(17);
  });

  it.each([
    ["eu-west-1", "us-east-1"],
    ["cn-northwest-1", "cn-northwest-1"],
    ["eusc-de-east-1", "eusc-de-east-1"],
    ["us-gov-west-1", null],
    ["us-isob-east-1", null],
  ])("run the entitlement service for %s in %s", (region, home) => {
    expect(homeRegion(region)).toBe(home);
  });
});
