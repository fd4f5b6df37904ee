/** The HTTP faces of the gateway and the simulator, as the scripts and system tests use them. */

export interface HttpAnswer<Body> {
  readonly status: number;
  readonly body: Body;
}

/** Calls a JSON API. */
export async function call<Body>(
  method: string,
  url: string,
  options: { token?: string; body?: unknown } = {},
): Promise<HttpAnswer<Body>> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
      ...(options.body !== undefined && { "content-type": "application/json" }),
    },
    ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === "" ? null : JSON.parse(text)) as Body };
}

/** {@link call}, where anything but success is an error. */
export async function expectOk<Body>(
  method: string,
  url: string,
  options: { token?: string; body?: unknown } = {},
): Promise<Body> {
  const { status, body } = await call<Body>(method, url, options);
  if (status >= 400) throw new Error(`${method} ${url} answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

export interface Agreement {
  readonly id: string;
  readonly product: string;
  readonly customer: string | null;
  readonly accountId: string | null;
  readonly licenseArn: string | null;
  readonly state: "pending" | "active" | "ending" | "ended";
}

export interface MeteringRecord {
  readonly id: string;
  readonly agreement: string;
  readonly dimension: string;
  readonly hour: string;
  readonly quantity: number;
  readonly state: string;
  /** BatchMeterUsage calls that have carried it. */
  readonly attempts: number;
}

export interface Places {
  readonly accepted: string;
  readonly delivered: string;
  readonly pending: string;
  readonly parked: string;
  readonly open: string;
  readonly carry: string;
  readonly conserved: boolean;
}

export interface Conservation {
  readonly accounts: readonly (Places & { readonly agreement: string; readonly dimension: string })[];
  readonly totals: Places;
  readonly next: string | null;
}

export interface SimulatorAgreement {
  readonly agreementId: string;
  readonly accountId: string;
  readonly licenseArn: string;
  readonly registrationToken: string;
}

export interface SimulatorRecord {
  readonly productCode: string;
  readonly licenseArn: string | null;
  readonly accountId: string;
  readonly dimension: string;
  readonly timestamp: string;
  readonly quantity: number;
  /** How the quantity is split over tags; empty for usage without any. */
  readonly allocations: readonly { readonly quantity: number }[];
  readonly meteringRecordId: string;
}

/** Arrives at the gateway as a customer's browser does after AWS's "Set up your account". */
export async function arrive(gateway: string, registrationToken: string): Promise<Response> {
  return fetch(`${gateway}/register`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: "https://us-east-1.console.aws.amazon.com" },
    body: new URLSearchParams({ "x-amzn-marketplace-token": registrationToken }),
  });
}
