import { AwsClient } from "aws4fetch";
import { origin, sellerKey, send } from "./client.ts";

/** STS as a program without an SDK calls it: a signed form, and XML for an answer. */

export interface StsAnswer {
  readonly status: number;
  readonly xml: string;
  /** The text of the first element of a name. */
  readonly text: (element: string) => string;
}

type Form = Readonly<Record<string, string>>;

async function answerOf(response: Response): Promise<StsAnswer> {
  const xml = await response.text();
  const text = (element: string): string =>
    new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml)?.[1] ?? "";
  return { status: response.status, xml, text };
}

const bodyOf = (form: Form): string => new URLSearchParams({ Version: "2011-06-15", ...form }).toString();
const headers = { "content-type": "application/x-www-form-urlencoded" };

export const roleArn = (account: string, name = "tester"): string => `arn:aws:iam::${account}:role/${name}`;

export interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export async function assumeRole(form: Form, key: Key = sellerKey): Promise<StsAnswer> {
  const client = new AwsClient({ ...key, service: "sts", region: "us-east-1", retries: 0 });
  const body = bodyOf({ Action: "AssumeRole", RoleSessionName: "test", ...form });
  return answerOf(await send(await client.sign(`${origin}/`, { method: "POST", headers, body })));
}

/** Nobody signs this one. */
export async function assumeRoleWithWebIdentity(form: Form): Promise<StsAnswer> {
  const body = bodyOf({ Action: "AssumeRoleWithWebIdentity", RoleSessionName: "test", ...form });
  return answerOf(await send(new Request(`${origin}/`, { method: "POST", headers, body })));
}

export const keyOf = ({ text }: StsAnswer): Required<Key> => ({
  accessKeyId: text("AccessKeyId"),
  secretAccessKey: text("SecretAccessKey"),
  sessionToken: text("SessionToken"),
});

/** Credentials of a role in an account, for as long as STS gives them. */
export const assume = async (account: string): Promise<Required<Key>> =>
  keyOf(await assumeRole({ RoleArn: roleArn(account), DurationSeconds: "43200" }));
