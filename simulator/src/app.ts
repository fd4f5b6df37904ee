import { Hono, type Context } from "hono";
import { controlPlane } from "./control-plane.ts";
import { certificatePem } from "./notices/certificate.ts";
import { overTheNetwork, type Send } from "./notices/delivery.ts";
import { certificatePath } from "./notices/sns.ts";
import { answerSubscriber } from "./notices/subscriptions.ts";
import { page, pageHeaders } from "./page/page.ts";
import type { Simulator } from "./simulator.ts";
import type { Answer } from "./wire/answer.ts";

/** Names the answers that are never to arrive: the Worker breaks the connection. */
export const droppedHeader = "x-simulator-dropped";

/**
 * The HTTP face of a simulated AWS: its API at the root, the control plane beside it.
 *
 * @param send how it reaches a seller that it has to tell something
 */
export function createApp(simulator: Simulator, send: Send = overTheNetwork): Hono {
  const app = new Hono();
  app.post("/", async (c) => {
    const { method, url, headers } = c.req.raw;
    const body = new Uint8Array(await c.req.arrayBuffer());
    const answer = await simulator.handle({ method, url: new URL(url), headers, body });
    await pause(answer.delayMilliseconds);
    return respond(answer);
  });
  app.get("/", (c) => {
    const query = c.req.query();
    if (query["Action"] !== undefined) return respond(answerSubscriber(simulator.world, query));
    const nonce = simulator.newId();
    return c.html(page(simulator, new URL(c.req.url).origin, nonce), 200, pageHeaders(nonce));
  });
  app.get(certificatePath, (c) => c.body(certificatePem, 200, { "content-type": "text/plain" }));
  app.route("/_simulator", controlPlane(simulator, send));
  app.onError(failed);
  app.notFound(async (c) => {
    // A request is read to its end, or workerd complains of the answer that came before.
    await c.req.arrayBuffer();
    const asked = `${c.req.method} ${c.req.path}`;
    const error = `There is no ${asked}. AWS's API is POST /; /_simulator is the control plane.`;
    return c.json({ error }, 404);
  });
  return app;
}

/** A throw is a bug of the simulator: its log has the cause, the caller only that it is not AWS's behaviour. */
function failed(error: Error, c: Context): Response {
  // oxlint-disable-next-line no-console -- whoever runs the simulator looks for the cause here.
  console.error(`the simulator failed at ${c.req.method} ${c.req.path}: ${error.stack ?? String(error)}`);
  return c.json({ error: "The simulator failed. This is a fault of its own, not one that AWS has." }, 500);
}

function respond({ status, headers, body, dropped }: Answer): Response {
  if (dropped) return new Response(null, { headers: { [droppedHeader]: "1" } });
  return new Response(body, { status, headers });
}

async function pause(milliseconds: number): Promise<void> {
  if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
