import { DurableObject } from "cloudflare:workers";
export class SimulatedAws extends DurableObject {}
export default {
  async fetch() {
    return new Response("hi");
  },
};
