import { accountKey } from "../ledger/conservation.ts";
import { storeSealedHours } from "../ledger/sealed-hours.ts";
import type { AccountBalance } from "./balances.ts";
import type { Ground } from "./ground.ts";
import { UNIT, type Nano } from "./quantity.ts";
import { shardOfName } from "./shard-name.ts";
import type { Handover, ShardStore } from "./shard-store.ts";

/** Does work when no other dealing with the ledger is under way. */
export type InTurn = (work: () => Promise<void>) => Promise<void>;

/**
 * Hand-overs of one invocation, which D1 allows 1,000 queries (Cloudflare docs, D1 limits): each takes five, and the shard
 * reads and reports beside them.
 */
const MAX_HANDOVERS = 150;

/** What a shard has sealed and the ledger is not known to have. */
export class Outbox {
  readonly #ground: Ground;
  readonly #store: ShardStore;
  /** By hand-over: what waits to be in the ledger, by account. Billionths. */
  readonly #waiting = new Map<number, ReadonlyMap<string, Nano>>();

  constructor(ground: Ground, store: ShardStore) {
    this.#ground = ground;
    this.#store = store;
    this.noteNew();
  }

  /** Whether nothing waits to be handed over. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Takes account of what has been sealed since the last call; to be called before anybody asks for the books. */
  noteNew(): void {
    const newest = Math.max(0, ...this.#waiting.keys());
    for (const handover of this.#store.outbox(newest))
      this.#waiting.set(handover.sealing, amountsOf(handover));
  }

  /**
   * Gives the ledger what was sealed, as much as one invocation may: the rest stays for the next. Dying between the ledger's commit and our acknowledgement makes it happen
   * twice, which the ledger's primary key turns into once.
   */
  async handOver(inTurn: InTurn): Promise<void> {
    const { ledger, name, now, expectDelivery } = this.#ground;
    const { productId } = shardOfName(name);
    const regions = new Set<string>();
    let given = 0;
    for (const { sealing, hours } of this.#store.outbox()) {
      if (given === MAX_HANDOVERS) break;
      given += 1;
      await inTurn(async () => {
        // Two alarms may have met here; the first has done it.
        if (!this.#waiting.has(sealing)) return;
        regions.add(await storeSealedHours(ledger, { shard: name, productId, sealing, hours, now: now() }));
        this.#store.acknowledge(sealing);
        this.#waiting.delete(sealing);
      });
    }
    for (const region of regions) await expectDelivery(region);
  }

  /**
   * What of an account is sealed and not in the ledger, in billionths.
   *
   * @param handedOver the ledger has the hand-overs up to this number
   */
  amountOf({ agreement, dimension }: AccountBalance, handedOver: number): Nano {
    const key = accountKey(agreement, dimension);
    let sum = 0n;
    for (const [sealing, amounts] of this.#waiting) if (sealing > handedOver) sum += amounts.get(key) ?? 0n;
    return sum;
  }
}

/** What a hand-over carries, by account. Billionths. */
function amountsOf({ hours }: Handover): Map<string, Nano> {
  const amounts = new Map<string, Nano>();
  for (const { agreement, dimension, quantity, divisor } of hours) {
    const key = accountKey(agreement, dimension);
    amounts.set(key, (amounts.get(key) ?? 0n) + BigInt(quantity) * BigInt(divisor) * UNIT);
  }
  return amounts;
}
