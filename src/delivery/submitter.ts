import { DurableObject } from "cloudflare:workers";
import { openLedger } from "../ledger/database.ts";
import { marketplaceClient } from "../marketplace-access.ts";
import { submitDue } from "./submit.ts";

/**
 * The one submitter of a Region. A Durable Object is alone in the world by its name, so cron ticks that overlap
 * meet here, and AWS sees one caller.
 */
export class Submitter extends DurableObject<Env> {
  #running: Promise<void> | null = null;

  /**
   * Sends what is due. A tick that comes while another runs waits for that one.
   *
   * @param region the AWS Region, which is also the object's name
   */
  async submit(region: string): Promise<void> {
    this.#running ??= this.#submit(region).finally(() => {
      this.#running = null;
    });
    await this.#running;
  }

  #submit(region: string): Promise<void> {
    return submitDue({
      ledger: openLedger(this.env.DB),
      client: marketplaceClient(this.env, region),
      region,
      now: () => Date.now(),
      random: () => Math.random(),
      newId: () => `att_${Date.now().toString(36)}_${crypto.randomUUID()}`,
      wait: (milliseconds) => scheduler.wait(milliseconds),
    });
  }
}
