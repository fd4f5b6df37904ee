import { AwsClient } from "aws4fetch";
import { exports } from "cloudflare:workers";

/** The simulator's faces, as a test calls them: AWS's API, signed by aws4fetch, and the control plane. */

export const origin = "https://simulator.test";

export const sellerKey = { accessKeyId: "AKIDSIMULATOR0000000", secretAccessKey: "simulator-secret" };

export interface Answer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

async function read<Body>(response: Response): Promise<Answer<Body>> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text || "null") as Body };
}

/** Calls the control plane. */
export async function control<Body = Record<string, unknown>>(
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer<Body>> {
  const content = typeof body === "string" ? body : JSON.stringify(body);
  const init = body === undefined ? { method } : { method, body: content };
  return read<Body>(await exports.default.fetch(new Request(`${origin}/_simulator${path}`, init)));
}

export interface CallOptions {
  readonly region?: string;
  readonly service?: string;
  readonly target?: string;
  readonly key?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
}

/** A request of AWS's JSON protocol, signed. */
export function signed(operation: string, input: unknown, options: CallOptions = {}): Promise<Request> {
  const { region = "us-east-1", service = "aws-marketplace", key = sellerKey } = options;
  const client = new AwsClient({ ...key, region, service, retries: 0 });
  return client.sign(`${origin}/`, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": options.target ?? `AWSMPMeteringService.${operation}`,
    },
    body: typeof input === "string" ? input : JSON.stringify(input),
  });
}

export const send = (request: Request): Promise<Response> => exports.default.fetch(request);

/** Calls AWS's API. */
export async function aws<Body = Record<string, unknown>>(
  operation: string,
  input: unknown,
  options: CallOptions = {},
): Promise<Answer<Body>> {
  return read<Body>(await send(await signed(operation, input, options)));
}
