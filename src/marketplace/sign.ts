import { AwsV4Signer } from "aws4fetch";
import type { Credentials } from "./credentials.ts";

export interface UnsignedRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SignedRequest {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/**
 * Signs a POST with AWS Signature Version 4.
 *
 * Service and Region are always said: aws4fetch would guess them from the host, and guesses wrongly for dual-stack
 * hosts and for an endpoint of one's own. Sending is left to the caller, because aws4fetch's own `fetch` retries up to
 * ten times by itself and knows neither AWS's throttling nor our ledger.
 *
 * @param now milliseconds since 1970
 */
export async function sign(
  request: UnsignedRequest,
  credentials: Credentials,
  scope: { readonly service: string; readonly region: string; readonly now: number },
): Promise<SignedRequest> {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const signer = new AwsV4Signer({
    method: "POST",
    url: request.url.href,
    headers: request.headers,
    body: request.body,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    service: scope.service,
    region: scope.region,
    datetime: new Date(scope.now).toISOString().replace(/[:-]|\.\d{3}/g, ""),
  });
  const { url, headers } = await signer.sign();
  return { url: url.href, headers, body: request.body };
}
