export { SimulatedAws } from "./simulated-aws.ts";

/** The whole of the simulated AWS is one Durable Object: one clock, one set of books, one caller at a time. */
export default {
  fetch: (request, env) => env.SIMULATED_AWS.getByName("aws").fetch(request),
} satisfies ExportedHandler<Env>;
