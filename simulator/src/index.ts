import { DurableObject } from "cloudflare:workers";
import { createApp, droppedHeader } from "./app.ts";
import { Simulator } from "./simulator.ts";
import { SqliteStore } from "./store-sqlite.ts";

/** The seller's account, and the credentials that open it unless others are set. */
const defaultSeller = {
  accessKeyId: "AKIDSIMULATOR0000000",
  secretAccessKey: "simulator-secret",
  accountId: "999999999999",
};

/** The simulated AWS with all it knows, in its own SQLite: one object, so that a call is judged and booked in one step. */
export class SimulatedAws extends DurableObject<Env> {
  readonly #app;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const simulator = new Simulator({
      store: new SqliteStore(ctx.storage.sql),
      seller: {
        ...defaultSeller,
        accessKeyId: env.SELLER_ACCESS_KEY_ID || defaultSeller.accessKeyId,
        secretAccessKey: env.SELLER_SECRET_ACCESS_KEY || defaultSeller.secretAccessKey,
      },
      machineNow: () => Date.now(),
      newId: () => crypto.randomUUID(),
    });
    this.#app = createApp(simulator);
  }

  override fetch(request: Request): Response | Promise<Response> {
    return this.#app.fetch(request);
  }
}

export default {
  async fetch(request, env) {
    const response = await env.SIMULATED_AWS.getByName("aws").fetch(request);
    return response.headers.has(droppedHeader) ? broken() : response;
  },
} satisfies ExportedHandler<Env>;

/** A response that breaks off: the nearest a Worker comes to a connection that is cut. */
function broken(): Response {
  const body = new ReadableStream({
    pull(controller) {
      controller.error(new Error("the simulator drops this connection, as it was told to"));
    },
  });
  return new Response(body, { headers: { "content-type": "application/x-amz-json-1.1" } });
}
