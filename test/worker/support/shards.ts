import { env } from "cloudflare:workers";
import {
  surroundingsOf,
  type CustomersShard,
  type Surroundings,
} from "../../../src/customers/surroundings.ts";

/** The gateway's surroundings, where shards answer in another way. */
export function withShards(wrapped: (name: string, shard: CustomersShard) => CustomersShard): Surroundings {
  return {
    ...surroundingsOf(env),
    shards: (name) => {
      const shard = env.METER_SHARD.getByName(name);
      return wrapped(name, {
        endAgreements: (ids) => shard.endAgreements(ids),
        conservation: (ids) => shard.conservation(ids),
        decide: (decisions) => shard.decide(decisions),
      });
    },
  };
}
