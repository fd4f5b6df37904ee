import { failureOf } from "../../http/failure.ts";
import { applyNotices } from "../apply-notices.ts";
import { sealEnding } from "../ending.ts";
import { keepNotice, type NewNotice } from "./notices.ts";
import type { Surroundings } from "../surroundings.ts";

/** What becomes of a notice. */
export interface Heard {
  /** False for one that has come before. */
  readonly isNew: boolean;
  /** Whose it is; null until that agreement has registered. */
  readonly agreementId: string | null;
}

/**
 * Keeps a notice, and makes its agreement what it says, at once if that can be: for an agreement that ends every minute
 * counts. Once it is kept, what fails is done by the next tick.
 */
export async function hearNotice(surroundings: Surroundings, notice: NewNotice): Promise<Heard> {
  const { ledger, now, report } = surroundings;
  const heard = await keepNotice(ledger, notice, now());
  if (heard.agreementId === null) return heard;
  try {
    const agreement = await applyNotices(ledger, heard.agreementId, now());
    if (agreement !== null) await sealEnding(surroundings, agreement);
  } catch (error) {
    report(`a notice is kept and waits for the next tick: ${failureOf(error)}`, { notice: notice.id });
  }
  return heard;
}
