/** Makes an HTTP call. */
export type Send = (request: Request) => Promise<Response>;

export const overTheNetwork: Send = (request) => fetch(request);

/** What came of posting a notice: the answer's status, or why there was none. */
export type Delivery = { readonly status: number } | { readonly status: null; readonly error: string };

/** A seller's endpoint that takes longer has lost the notice. */
const timeoutMilliseconds = 10_000;

/** Posts a notice once, as AWS would at its first attempt. */
export async function deliver(
  send: Send,
  to: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Delivery> {
  try {
    const signal = AbortSignal.timeout(timeoutMilliseconds);
    // AWS posts to the address that it was given: where that redirects to is its answer.
    const response = await send(
      new Request(to, { method: "POST", headers, body, redirect: "manual", signal }),
    );
    await response.body?.cancel();
    return { status: response.status };
  } catch (error) {
    return { status: null, error: String(error) };
  }
}
