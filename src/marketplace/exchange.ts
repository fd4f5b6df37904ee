/** Sends one request: `globalThis.fetch`, or what stands in for it. */
export type Fetch = typeof globalThis.fetch;

/** Calls back after some milliseconds, unless the function that it returns is called first. */
export type Timer = (milliseconds: number, callback: () => void) => () => void;

/** What came back, whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export type Exchange =
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "timeout" }
  | { readonly kind: "too-large"; readonly status: number }
  /** `detail` is the platform's own text. */
  | { readonly kind: "network-failure"; readonly detail: string };

/** An echo of the largest request with AWS's additions stays far below this; more is not AWS. */
export const maxAnswerBytes = 8_000_000;

export const systemTimer: Timer = (milliseconds, callback) => {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
};

async function readBody(response: Response): Promise<string | null> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  // Not `for await`: the reader exists in every runtime, the iterator is typed in some only.
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = (await reader.read()) as { done: boolean; value?: Uint8Array };
    if (done || value === undefined) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > maxAnswerBytes) {
      // The rest is not wanted, whatever cancelling it says.
      await reader.cancel().catch(() => undefined);
      return null;
    }
    text += decoder.decode(value, { stream: true });
  }
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return "the connection failed";
  const inner = cause.cause instanceof Error && cause.cause.message !== "" ? ` (${cause.cause.message})` : "";
  return `${cause.message}${inner}`;
}

async function send(request: Request, fetch: Fetch): Promise<Exchange> {
  try {
    const response = await fetch(request);
    const body = await readBody(response);
    if (body === null) return { kind: "too-large", status: response.status };
    return { kind: "answer", answer: { status: response.status, headers: response.headers, body } };
  } catch (cause) {
    return { kind: "network-failure", detail: describe(cause) };
  }
}

/**
 * Sends a request once and reads the whole answer, in `timeoutMs` milliseconds together.
 *
 * A fetch that ignores its abort signal is left behind: what it brings later is dropped.
 */
export async function exchange(
  build: (signal: AbortSignal) => Request,
  options: { readonly fetch: Fetch; readonly timer: Timer; readonly timeoutMs: number },
): Promise<Exchange> {
  const { fetch, timer, timeoutMs } = options;
  const controller = new AbortController();
  let cancel = (): void => undefined;
  const timeout = new Promise<Exchange>((resolve) => {
    cancel = timer(timeoutMs, () => {
      resolve({ kind: "timeout" });
      controller.abort();
    });
  });
  try {
    return await Promise.race([timeout, send(build(controller.signal), fetch)]);
  } finally {
    cancel();
  }
}
