import { DurableObject } from "cloudflare:workers";
import { openLedger } from "../ledger/database.ts";
import { marketplaceClient } from "../marketplace-access.ts";
import { MINUTE } from "../meter/hours.ts";
import { shardName } from "../meter/shard-name.ts";
import { keepWatch, watchOptions } from "../watch/keep-watch.ts";
import { timeId } from "../time-id.ts";
import { Pacer } from "./pacer.ts";
import { hasOpenRecords, noteTick, runDelivery } from "./run.ts";

/** Cloudflare fires the cron trigger every minute; when it has been silent for so long while records wait, we go without. */
const SILENCE = 10 * MINUTE;

/**
 * The one submitter of a Region. A Durable Object is alone in the world by its name, so cron ticks that overlap
 * meet here, and AWS sees one caller.
 */
export class Submitter extends DurableObject<Env> {
  readonly #pacer = new Pacer({
    now: () => Date.now(),
    wait: (milliseconds) => scheduler.wait(milliseconds),
  });
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  /** When our own alarm rings; null while it is not known to be set. */
  #alarm: number | null = null;

  /**
   * A tick of the cron trigger: sends what is due. One that comes while another is at work goes on where that one ends,
   * so that a long queue is sent without a break.
   */
  async tick(): Promise<void> {
    await noteTick(openLedger(this.env.DB), this.#region, Date.now());
    await this.#run();
  }

  /** Records have come: if no tick sends them, this object's own alarm will. */
  async expectTick(): Promise<void> {
    await this.#watch();
  }

  /** The second clock, some minutes after records have come or were left: sends what the cron trigger has not. */
  override async alarm(): Promise<void> {
    this.#alarm = null;
    try {
      await this.#run();
      await keepWatch(watchOptions(this.env, openLedger(this.env.DB)));
    } catch (error) {
      // Cloudflare drops an alarm for good after six failures, so a new one is set.
      // oxlint-disable-next-line no-console -- Workers Logs is where an operator sees that delivery fails.
      console.error({
        message: "delivery failed; it is tried again",
        region: this.#region,
        error: String(error),
      });
      await this.#watch();
    }
  }

  #run(): Promise<void> {
    if (this.#running === null) {
      this.#running = this.#deliver().finally(() => {
        this.#running = null;
      });
      return this.#running;
    }
    // However many ticks come meanwhile, one run after this one does the work of all.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return this.#run();
      });
    return this.#next;
  }

  /** The object is named after the AWS Region that it sends to. */
  get #region(): string {
    return this.ctx.id.name ?? "";
  }

  async #deliver(): Promise<void> {
    const region = this.#region;
    const ledger = openLedger(this.env.DB);
    await runDelivery({
      ledger,
      client: marketplaceClient(this.env, region),
      region,
      now: () => Date.now(),
      random: () => Math.random(),
      newId: () => timeId("att", Date.now(), crypto.randomUUID()),
      wait: (milliseconds) => scheduler.wait(milliseconds),
      pacer: this.#pacer,
      takeBack: async ({ productId, shard }, records) => {
        const decisions = records.map((record) => ({ kind: "roll_over", ...record }) as const);
        return this.env.METER_SHARD.getByName(shardName(productId, shard)).decide(decisions);
      },
    });
    if (await hasOpenRecords(ledger, region)) await this.#watch();
  }

  /** Keeps the alarm ahead of us for as long as there is work. Each setting is a row written, so not at every tick. */
  async #watch(): Promise<void> {
    const now = Date.now();
    if (this.#alarm !== null && this.#alarm > now + SILENCE / 2) return;
    this.#alarm = now + SILENCE;
    await this.ctx.storage.setAlarm(this.#alarm);
  }
}
