import { DurableObject } from "cloudflare:workers";
export class MeterShard extends DurableObject {}
export class Submitter extends DurableObject {}
export default {
  async fetch() {
    return new Response("hi");
  },
};
