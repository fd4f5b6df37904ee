import { DurableObject } from "cloudflare:workers";

/** Takes events and does nothing with them. */
export class Nothing extends DurableObject {
  take(events: readonly unknown[]): number {
    return events.length;
  }
}

interface CeilingEnv {
  readonly NOTHING: DurableObjectNamespace<Nothing>;
}

export default {
  async fetch(request, env) {
    const json: unknown = await request.json();
    const events = Array.isArray(json) ? (json as unknown[]) : [json];
    const accepted = await env.NOTHING.getByName("only").take(events);
    return Response.json({ accepted }, { status: 202 });
  },
} satisfies ExportedHandler<CeilingEnv>;
