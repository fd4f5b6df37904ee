import { DurableObject } from "cloudflare:workers";
import type { Conservation } from "../ledger/conservation.ts";
import { openLedger } from "../ledger/database.ts";
import type { Decision } from "./decisions.ts";
import type { HeldUsage } from "./held.ts";
import { Shard, type IngestAnswer, type IngestRequest } from "./shard.ts";

/** A {@link Shard} as a Durable Object. */
export class MeterShard extends DurableObject<Env> {
  readonly #shard: Shard;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { storage } = ctx;
    const name = ctx.id.name ?? "";
    this.#shard = new Shard({
      name,
      storage,
      ledger: openLedger(env.DB),
      now: () => Date.now(),
      sync: () => storage.sync(),
      pause: () => scheduler.wait(0),
      setAlarm: (time) => storage.setAlarm(time),
      inBackground: (work) => ctx.waitUntil(work),
      startOver: (cause) => ctx.abort(cause),
      expectDelivery: (region) => env.SUBMITTER.getByName(region).expectTick(),
      // oxlint-disable-next-line no-console -- Workers Logs is where an operator sees that a hand-over waits.
      report: (message, error) => console.error({ message, shard: name, error: String(error) }),
    });
    void ctx.blockConcurrencyWhile(async () => this.#shard.start(await storage.getAlarm()));
  }

  /** {@link Shard.ingest} */
  ingest(request: IngestRequest): Promise<IngestAnswer> {
    return this.#shard.ingest(request);
  }

  /** {@link Shard.decide} */
  decide(decisions: readonly Decision[]): Promise<readonly (number | null)[]> {
    return this.#shard.decide(decisions);
  }

  /** {@link Shard.conservation} */
  conservation(agreements: readonly string[]): Promise<Conservation[]> {
    return this.#shard.conservation(agreements);
  }

  /** {@link Shard.totals} */
  totals(): Promise<Conservation[]> {
    return this.#shard.totals();
  }

  /** {@link Shard.held} */
  held(agreements: readonly string[]): HeldUsage[] {
    return this.#shard.held(agreements);
  }

  /** {@link Shard.endAgreements} */
  endAgreements(agreements: readonly string[]): Promise<void> {
    return this.#shard.endAgreements(agreements);
  }

  /** {@link Shard.wake} */
  wake(): Promise<void> {
    return this.#shard.wake();
  }

  /** {@link Shard.checkBooks} */
  checkBooks(): Promise<string | null> {
    return this.#shard.checkBooks();
  }

  /** {@link Shard.alarm} */
  override alarm(): Promise<void> {
    return this.#shard.alarm();
  }
}
