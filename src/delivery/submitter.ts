import { DurableObject } from "cloudflare:workers";
import { failureOf } from "../http/failure.ts";
import { countQueries, type CountedLedger } from "../ledger/counted-ledger.ts";
import { marketplaceClient } from "../marketplace-access.ts";
import { answerInTime } from "../meter/answer-in-time.ts";
import { MINUTE } from "../meter/hours.ts";
import { keepWatch, WATCH_QUERIES, watchOptions } from "../watch/keep-watch.ts";
import { timeId } from "../time-id.ts";
import { Pacer } from "./pacer.ts";
import { noteTick, runDelivery, type NextRun, type RunEnd } from "./run.ts";

/** Cloudflare fires the cron trigger every minute; when it has been silent for so long while records wait, we go without. */
const SILENCE = 10 * MINUTE;

/**
 * The one submitter of a Region. A Durable Object is alone in the world by its name, so cron ticks that overlap
 * meet here, and AWS sees one caller. D1 allows an invocation so many queries, and each alarm is an invocation: a run is as
 * long as one may be, and while something due is left the alarm goes on with the next at once.
 */
export class Submitter extends DurableObject<Env> {
  readonly #pacer = new Pacer({
    now: () => Date.now(),
    wait: (milliseconds) => scheduler.wait(milliseconds),
  });
  #running: Promise<RunEnd> | null = null;
  /** Whether a tick has come while a run was at work, which may not see what came with it. */
  #again = false;

  /**
   * A tick of the cron trigger: sends what is due. One that comes while a run is at work waits for its end; another then
   * follows at once, which does the work of however many have come meanwhile.
   *
   * @throws the first failure, so that the cron trigger is seen to have failed
   */
  async tick(): Promise<void> {
    const counted = countQueries(this.env.DB);
    await noteTick(counted.ledger, this.#region, Date.now());
    if (this.#running !== null) this.#again = true;
    const { faults } = await this.#run(counted);
    if (faults.length > 0) throw faults[0];
  }

  /** Records have come: if no tick sends them, this object's own alarm will. */
  async expectTick(): Promise<void> {
    const { storage } = this.ctx;
    if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + SILENCE);
  }

  /**
   * Goes on where a run has ended; or is the second clock, some minutes after records have come or were left, that sends
   * what the cron trigger has not. It never throws: Cloudflare drops an alarm for good after six failures.
   */
  override async alarm(): Promise<void> {
    const counted = countQueries(this.env.DB);
    try {
      const { next, queriesLeft, faults } = await this.#run(counted);
      if (faults.length > 0) this.#report(faults[0]);
      if (next === "at_once") return;
      // The next run, which finds little to send, leaves room for it.
      if (queriesLeft < WATCH_QUERIES) await this.#setAlarm("at_once");
      else await keepWatch(watchOptions(this.env, counted.ledger));
    } catch (error) {
      this.#report(error);
      await this.#setAlarm("later");
    }
  }

  /** The run that is at work, or a new one. */
  #run(counted: CountedLedger): Promise<RunEnd> {
    this.#running ??= this.#deliver(counted).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #deliver(counted: CountedLedger): Promise<RunEnd> {
    this.#again = false;
    // A ledger that fails is not asked again at once.
    let next: NextRun = "later";
    try {
      const end = await this.#deliverOnce(counted);
      next = this.#again ? "at_once" : end.next;
      return { ...end, next };
    } finally {
      await this.#setAlarm(next);
    }
  }

  #deliverOnce(counted: CountedLedger): Promise<RunEnd> {
    const region = this.#region;
    return runDelivery({
      ...counted,
      client: marketplaceClient(this.env, region),
      region,
      now: () => Date.now(),
      random: () => Math.random(),
      newId: () => timeId("att", Date.now(), crypto.randomUUID()),
      wait: (milliseconds) => scheduler.wait(milliseconds),
      pacer: this.#pacer,
      takeBack: async (shard, records) => {
        const decisions = records.map((record) => ({ kind: "roll_over", ...record }) as const);
        return answerInTime(shard, this.env.METER_SHARD.getByName(shard).decide(decisions));
      },
    });
  }

  /** Keeps the second clock ahead of us for as long as there is work. Each setting is a row written, so not at every tick. */
  async #setAlarm(next: NextRun): Promise<void> {
    const { storage } = this.ctx;
    const now = Date.now();
    if (next === "at_once") await storage.setAlarm(now);
    if (next !== "later") return;
    const set = await storage.getAlarm();
    if (set === null || set < now + SILENCE / 2) await storage.setAlarm(now + SILENCE);
  }

  /** The object is named after the AWS Region that it sends to. */
  get #region(): string {
    return this.ctx.id.name ?? "";
  }

  #report(error: unknown): void {
    // oxlint-disable-next-line no-console -- Workers Logs is where an operator sees that delivery fails.
    console.error({
      message: "delivery failed; it is tried again",
      region: this.#region,
      error: failureOf(error),
    });
  }
}
