import type { Outcome } from "./outcome.ts";
import { failure } from "./outcome.ts";

/** Which AWS service is called, by its endpoint rules. */
export type Service = "metering" | "entitlement" | "sts";

export interface EndpointChoice {
  readonly region: string;
  /** Used as it is, instead of AWS's own; not together with the two below, as in AWS's rules. */
  readonly endpoint?: string;
  /** IPv6 as well as IPv4. */
  readonly dualStack?: boolean;
  /** FIPS 140 validated cryptography. */
  readonly fips?: boolean;
}

interface Partition {
  readonly name: string;
  readonly regions: RegExp;
  readonly suffix: string;
  readonly dualStackSuffix: string;
}

/**
 * The partitions of the AWS SDKs' endpoint rules (`partitions.json` 1.1). All of them support FIPS and dual-stack; a
 * Region of no other partition is taken for one of the first, as the rules say.
 */
const commercial: Partition = {
  name: "aws",
  regions: /^(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+$/,
  suffix: "amazonaws.com",
  dualStackSuffix: "api.aws",
};
const partitions: readonly Partition[] = [
  commercial,
  {
    name: "aws-cn",
    regions: /^cn-\w+-\d+$/,
    suffix: "amazonaws.com.cn",
    dualStackSuffix: "api.amazonwebservices.com.cn",
  },
  { name: "aws-us-gov", regions: /^us-gov-\w+-\d+$/, suffix: "amazonaws.com", dualStackSuffix: "api.aws" },
  {
    name: "aws-eusc",
    regions: /^eusc-de-\w+-\d+$/,
    suffix: "amazonaws.eu",
    dualStackSuffix: "api.amazonwebservices.eu",
  },
  { name: "aws-iso", regions: /^us-iso-\w+-\d+$/, suffix: "c2s.ic.gov", dualStackSuffix: "api.aws.ic.gov" },
  {
    name: "aws-iso-b",
    regions: /^us-isob-\w+-\d+$/,
    suffix: "sc2s.sgov.gov",
    dualStackSuffix: "api.aws.scloud",
  },
  {
    name: "aws-iso-e",
    regions: /^eu-isoe-\w+-\d+$/,
    suffix: "cloud.adc-e.uk",
    dualStackSuffix: "api.cloud-aws.adc-e.uk",
  },
  {
    name: "aws-iso-f",
    regions: /^us-isof-\w+-\d+$/,
    suffix: "csp.hci.ic.gov",
    dualStackSuffix: "api.aws.hci.ic.gov",
  },
];

function partitionOf(region: string): Partition {
  return partitions.find(({ regions }) => regions.test(region)) ?? commercial;
}

/** A Region is put into a host name: anything else could send the signed request to another host. */
const regionName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Partitions in which a Marketplace service's plain or dual-stack host is written with a hyphen. */
const hyphenated = {
  metering: { plain: ["aws-eusc"], dualStack: ["aws", "aws-cn", "aws-us-gov"] },
  entitlement: { plain: ["aws-cn", "aws-eusc"], dualStack: ["aws", "aws-cn"] },
} as const satisfies Record<Exclude<Service, "sts">, Record<"plain" | "dualStack", readonly string[]>>;

function hostPrefix(service: Service, partition: Partition, dualStack: boolean, fips: boolean): string {
  if (service === "sts") return fips && (dualStack || partition.name !== "aws-us-gov") ? "sts-fips" : "sts";
  if (fips) return `${service}.marketplace-fips`;
  const withHyphen: readonly string[] = hyphenated[service][dualStack ? "dualStack" : "plain"];
  return withHyphen.includes(partition.name) ? `${service}-marketplace` : `${service}.marketplace`;
}

function overriding(endpoint: string, where: string): Outcome<URL> {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return failure("invalid-endpoint", { where, what: "the endpoint is not an http or https address" });
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    const what = "the endpoint must be an address and a path, without user, query or fragment";
    return failure("invalid-endpoint", { where, what });
  }
  return { ok: true, value: url, requestId: null };
}

/**
 * Where a service is reached, by the endpoint rules that every AWS SDK follows.
 *
 * @returns the address; `invalid-endpoint` for a Region that is none, an override that is no address, and an override
 *   together with FIPS or dual-stack
 */
export function resolveEndpoint(service: Service, choice: EndpointChoice): Outcome<URL> {
  const { region, endpoint, dualStack = false, fips = false } = choice;
  const where = `The endpoint of ${service} in ${JSON.stringify(region).slice(0, 80)}`;
  if (!regionName.test(region)) {
    return failure("invalid-endpoint", { where, what: "this is not the name of an AWS Region" });
  }
  if (endpoint !== undefined) {
    if (!fips && !dualStack) return overriding(endpoint, where);
    const what = `an endpoint of one's own cannot be combined with ${fips ? "FIPS" : "dual-stack"}`;
    return failure("invalid-endpoint", { where, what });
  }
  const partition = partitionOf(region);
  const suffix = dualStack ? partition.dualStackSuffix : partition.suffix;
  const host = `${hostPrefix(service, partition, dualStack, fips)}.${region}.${suffix}`;
  return { ok: true, value: new URL(`https://${host}/`), requestId: null };
}
