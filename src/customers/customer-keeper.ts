import { DurableObject } from "cloudflare:workers";
import { failureOf } from "../http/failure.ts";
import { isPartName, parts } from "./tick-parts.ts";
import type { Part } from "./slice.ts";
import { surroundingsOf } from "./surroundings.ts";

/**
 * Slices that one tick begins or lets follow; the next one goes on. Of 900 queries each that is some 450 a second, half of
 * what D1 serves, and whatever may be wrong, it is no loop that never ends.
 */
const MAX_SLICES = 30;

/**
 * Does one part of the customers' work, which it is named after. D1 allows an invocation 1,000 queries (Cloudflare docs,
 * D1 limits); each call of an object and each of its alarms is an invocation of its own, so that many customers take many
 * slices, and none takes another part's queries. Ticks that overlap meet in the object.
 */
export class CustomerKeeper extends DurableObject<Env> {
  /** Where the next slice begins. Lost with the object: then one begins anew. */
  #from = "";
  /** Slices that may still follow the last tick. */
  #left = 0;
  #running: Promise<void> | null = null;
  /** What has failed first since the last tick, in words; null when nothing has. */
  #fault: string | null = null;

  /**
   * A tick: does the first slice of what is due, or the next one of what the last tick has begun. What is left follows at
   * once, slice by slice.
   *
   * @throws the first failure since the last tick, so that the cron trigger is seen to have failed
   */
  async keep(): Promise<void> {
    this.#left = MAX_SLICES;
    await this.#goOn();
    const fault = this.#fault;
    this.#fault = null;
    if (fault !== null) throw new Error(fault);
  }

  /** The next slice. It never throws: Cloudflare would repeat it, and the next tick begins anew anyway. */
  override async alarm(): Promise<void> {
    await this.#goOn();
  }

  #goOn(): Promise<void> {
    this.#running ??= this.#doSlice().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #doSlice(): Promise<void> {
    const from = this.#from;
    this.#from = "";
    try {
      const { next, faults } = await this.#part(surroundingsOf(this.env), from);
      this.#note(faults);
      this.#from = next ?? "";
      this.#left -= 1;
      if (next !== null && this.#left > 0) await this.ctx.storage.setAlarm(Date.now());
    } catch (error) {
      this.#note([error]);
    }
  }

  get #part(): Part {
    const { name } = this.ctx.id;
    if (name === undefined || !isPartName(name)) throw new Error(`no part of a tick is named ${name}`);
    return parts[name];
  }

  #note(faults: readonly unknown[]): void {
    if (faults.length === 0) return;
    // Not the error itself: of a statement it has the values, which may be a customer's.
    const fault = failureOf(faults[0]);
    const part = this.ctx.id.name ?? null;
    const { report } = surroundingsOf(this.env);
    report(`${faults.length} have failed, and are tried again by the next tick: ${fault}`, { part });
    this.#fault ??= fault;
  }
}
