import type { ClientOptions, UsageRecord } from "../../../src/marketplace/index.ts";
import { staticCredentials } from "../../../src/marketplace/index.ts";

/** 2026-11-23T10:00:00Z, in milliseconds. */
export const now = Date.UTC(2026, 10, 23, 10);

export const credentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

/** A request as it reached the stand-in. */
export interface Received {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
  readonly redirect?: string;
}

export type Reply = () => Response | Promise<Response>;

/** Stands in for the network: keeps every request and gives the replies in turn, the last of them for ever. */
export function network(...replies: readonly Reply[]): { fetch: typeof fetch; received: Received[] } {
  const received: Received[] = [];
  return {
    received,
    async fetch(input, init) {
      const request = new Request(input, init);
      const { url, method, headers, redirect } = request;
      received.push({ url, method, headers, redirect, body: await request.text() });
      const reply = replies[Math.min(received.length, replies.length) - 1];
      if (reply === undefined) throw new Error("no reply was prepared");
      return reply();
    },
  };
}

/** An answer in awsJson 1.1. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  const head = { "content-type": "application/x-amz-json-1.1", "x-amzn-requestid": "req-1", ...headers };
  return () => new Response(JSON.stringify(body), { status, headers: head });
}

/** Another kind of answer than AWS gives. */
export function page(status: number, body: string, type = "text/html"): Reply {
  return () => new Response(body, { status, headers: { "content-type": type } });
}

/** Options of a client in us-east-1 at ten o'clock. */
export function options(fetch: ClientOptions["fetch"], more: Partial<ClientOptions> = {}): ClientOptions {
  return { region: "us-east-1", credentials: staticCredentials(credentials), fetch, now: () => now, ...more };
}

/** A record as new products send it, at 09:30. */
export function usage(more: Partial<UsageRecord> = {}): UsageRecord {
  return {
    Timestamp: now / 1000 - 1800,
    Dimension: "requests",
    Quantity: 5,
    CustomerAWSAccountId: "111122223333",
    LicenseArn: "arn:aws:license-manager::111122223333:license:l-0123456789abcdef",
    ...more,
  };
}
