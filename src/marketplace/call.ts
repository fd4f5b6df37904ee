import { classify } from "./classify.ts";
import type { CredentialProvider, Credentials } from "./credentials.ts";
import { checkCredentials, hasExpired, isSameSession } from "./credentials.ts";
import type { Service } from "./endpoints.ts";
import type { Answer, Exchange, Fetch, Timer } from "./exchange.ts";
import { exchange } from "./exchange.ts";
import type { Outcome } from "./outcome.ts";
import { failure } from "./outcome.ts";
import { redact } from "./redact.ts";
import { sign } from "./sign.ts";

/** An answer in the words of its protocol. */
export type NamedAnswer<T> =
  | { readonly kind: "value"; readonly value: T; readonly requestId: string | null }
  | {
      readonly kind: "error";
      readonly code: string;
      readonly text: string;
      readonly requestId: string | null;
    }
  | { readonly kind: "unreadable"; readonly requestId: string | null };

export type AnswerReader<T> = (answer: Answer) => NamedAnswer<T>;

/** The outside world, as the caller supplies it. */
export interface World {
  readonly fetch: Fetch;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly timer: Timer;
  readonly timeoutMs: number;
}

/** One call of one operation. */
export interface Call<T> {
  readonly service: Service;
  readonly operation: string;
  readonly region: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly read: AnswerReader<T>;
  /** What the body carries that no message may show. */
  readonly secrets: readonly string[];
}

/** The name that the service has in a signature: not that of its host. */
const signingNames = { metering: "aws-marketplace", entitlement: "aws-marketplace", sts: "sts" } as const;

function place(call: Call<unknown>): string {
  return `${call.operation} in ${call.region}`;
}

function hiddenIn(call: Call<unknown>, credentials: Credentials | null): readonly (string | undefined)[] {
  return [...call.secrets, credentials?.secretAccessKey, credentials?.sessionToken];
}

function settle<T>(call: Call<T>, came: Exchange, credentials: Credentials | null, world: World): Outcome<T> {
  const where = place(call);
  const hide = (text: string): string => redact(text, hiddenIn(call, credentials));
  if (came.kind === "timeout") {
    return failure("timeout", { where, what: `no answer within ${world.timeoutMs} ms` });
  }
  if (came.kind === "network-failure") {
    const what = `no whole answer from ${call.url.host}: ${hide(came.detail)}`;
    return failure("network-failure", { where, what });
  }
  if (came.kind === "too-large") {
    const what = "the answer is far larger than any of AWS's";
    return failure("unreadable-answer", { where, what, httpStatus: came.status });
  }
  const { answer } = came;
  const named = call.read(answer);
  const requestId = named.requestId === null ? null : hide(named.requestId);
  if (named.kind === "value") return { ok: true, value: named.value, requestId };
  if (named.kind === "unreadable") {
    const type = hide(answer.headers.get("content-type") ?? "no content type");
    const what = `HTTP ${answer.status} with a body that is not AWS's (${type})`;
    return failure("unreadable-answer", { where, what, requestId, httpStatus: answer.status });
  }
  const sessionEnded = credentials !== null && hasExpired(credentials, world.now());
  const { service, operation } = call;
  const kind = classify({ service, operation, code: named.code, text: named.text, sessionEnded });
  const code = hide(named.code);
  const text = hide(named.text);
  const what = text === "" ? `AWS answered ${code}` : `AWS answered ${code} ("${text}")`;
  return failure(kind, { where, what, code, requestId, httpStatus: answer.status });
}

interface Sendable {
  readonly url: string;
  readonly headers: Headers | Readonly<Record<string, string>>;
  readonly body: string;
}

function post({ url, headers, body }: Sendable, world: World): Promise<Exchange> {
  // A redirect is never followed: it would carry a signed request, and its session token, to another host.
  return exchange(
    (signal) => new Request(url, { method: "POST", headers, body, redirect: "manual", signal }),
    world,
  );
}

/** Makes a call that AWS takes without a signature. */
export async function callUnsigned<T>(call: Call<T>, world: World): Promise<Outcome<T>> {
  const { url, headers, body } = call;
  return settle(call, await post({ url: url.href, headers, body }, world), null, world);
}

async function obtain(
  where: string,
  provider: CredentialProvider,
  rejected?: Credentials,
): Promise<Outcome<Credentials>> {
  const outcome = await provider(rejected);
  if (outcome.ok) return checkCredentials(outcome.value, where);
  // Whatever became of the call for credentials, AWS never saw this one.
  return { ok: false, error: { ...outcome.error, held: "no" } };
}

async function attempt<T>(call: Call<T>, credentials: Credentials, world: World): Promise<Outcome<T>> {
  const now = world.now();
  if (hasExpired(credentials, now)) {
    return failure("expired-credentials", {
      where: place(call),
      what: "the session has ended; nothing was sent",
    });
  }
  const scope = { service: signingNames[call.service], region: call.region, now };
  return settle(call, await post(await sign(call, credentials, scope), world), credentials, world);
}

/**
 * Signs a call and makes it. When AWS refuses the credentials themselves, the provider is asked once for others, and
 * with others the same bytes are sent once more: AWS has read nothing of them.
 */
export async function callSigned<T>(
  call: Call<T>,
  provider: CredentialProvider,
  world: World,
): Promise<Outcome<T>> {
  const where = place(call);
  const first = await obtain(where, provider);
  if (!first.ok) return first;
  const outcome = await attempt(call, first.value, world);
  if (outcome.ok || !/^(expired|unknown)-credentials$/.test(outcome.error.kind)) return outcome;
  const second = await obtain(where, provider, first.value);
  if (!second.ok || isSameSession(first.value, second.value)) return outcome;
  return attempt(call, second.value, world);
}
