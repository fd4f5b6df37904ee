import { DurableObject } from "cloudflare:workers";
import { Hono } from "hono";
import { awsEndpoint } from "./aws/endpoint.ts";
import { controlPlane } from "./control/control-plane.ts";
import { SqliteState } from "./sqlite-state.ts";

/** The simulated AWS with its state. Everything it answers by is in its SQLite, so it survives a restart. */
export class SimulatedAws extends DurableObject<Env> {
  readonly #app: Hono;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const state = new SqliteState(ctx.storage);
    const now = (): number => Date.now() + state.clockOffset;
    this.#app = new Hono();
    this.#app.route("/_simulator", controlPlane(state, now));
    this.#app.post("/", (c) => awsEndpoint(c.req.raw, state, now));
  }

  override async fetch(request: Request): Promise<Response> {
    return this.#app.fetch(request);
  }
}
