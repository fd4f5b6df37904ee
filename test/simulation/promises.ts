import type { MeteringRecord } from "../../simulator/src/model.ts";
import type { Agreement } from "../../src/ledger/agreements.ts";
import { isConserved, type Conservation } from "../../src/ledger/conservation.ts";
import type { ParkReason, RecordState } from "../../src/ledger/schema.ts";
import { formatQuantity, UNIT, type Nano } from "../../src/meter/quantity.ts";
import type { Contracts } from "./contracts.ts";
import { accountOf, type Producers } from "./producers.ts";
import type { World } from "./world.ts";

export interface LedgerRecord {
  readonly id: string;
  readonly agreement_id: string;
  readonly dimension: string;
  readonly hour: number;
  readonly quantity: number;
  readonly usage_record: string;
  readonly state: RecordState;
  readonly reason: ParkReason | null;
  readonly may_be_held: 0 | 1;
  readonly product_id: string;
  readonly attempts: number;
  readonly last_answer: string | null;
}

/** Usage that another program meters has at least this quantity, which ours never has: AWS would take one for the other. */
export const FOREIGN_QUANTITY = 1_000_000;

/** A promise that was broken, in words. */
export class BrokenPromise extends Error {}

/** Watches over the promises while the simulation runs. */
export class Watch {
  readonly #world: World;
  readonly #producers: Producers;
  readonly #agreements: () => readonly Agreement[];
  readonly #contracts: Contracts;
  /** By record: the bytes that it was sealed with. */
  readonly #sealed = new Map<string, string>();

  constructor(
    world: World,
    producers: Producers,
    agreements: () => readonly Agreement[],
    contracts: Contracts,
  ) {
    this.#world = world;
    this.#producers = producers;
    this.#agreements = agreements;
    this.#contracts = contracts;
  }

  /** What a person finds out about a record in AWS's usage report. */
  isAtAws(id: string): boolean {
    const record = this.records().find((one) => one.id === id);
    const agreement = this.#agreements().find((one) => one.id === record?.agreement_id);
    if (record === undefined || agreement === undefined) return false;
    const key = recordKey(record, agreement);
    return this.#world.aws.records.some((held) => awsKey(held) === key && held.quantity === record.quantity);
  }

  /** At any moment: every counted unit is in exactly one place. */
  async checkBooks(): Promise<void> {
    for (const row of await this.#world.conservation(this.#agreements()))
      if (!isConserved(row)) throw new BrokenPromise(`not conserved: ${shown(row)}`);
  }

  /** After every step: nothing acknowledged is missing, all of it is in one place, and no record has changed. */
  async check(): Promise<Conservation[]> {
    const rows = await this.#world.conservation(this.#agreements());
    for (const row of rows) {
      const account = accountOf(row.agreement, row.dimension);
      if (!isConserved(row)) throw new BrokenPromise(`not conserved: ${shown(row)}`);
      const acknowledged = this.#producers.acknowledged(account);
      const most = acknowledged + this.#producers.unanswered(account);
      if (row.accepted < acknowledged || row.accepted > most)
        throw new BrokenPromise(
          `${account}: acknowledged ${formatQuantity(acknowledged)}, counted ${formatQuantity(row.accepted)}`,
        );
    }
    this.#contracts.check(rows);
    // Those that are settled for long are compared at the end.
    this.#checkFrozen(this.records(this.#world.now() - 3_600_000));
    return rows;
  }

  #checkFrozen(records: readonly LedgerRecord[]): void {
    for (const { id, usage_record } of records) {
      const before = this.#sealed.get(id);
      if (before !== undefined && before !== usage_record) throw new BrokenPromise(`${id} has changed`);
      this.#sealed.set(id, usage_record);
    }
  }

  /** @param changedSince leaves out what has been settled since before */
  records(changedSince = 0): LedgerRecord[] {
    return this.#world.database.query<LedgerRecord>(
      `SELECT id, product_id, agreement_id, dimension, hour, quantity, usage_record, state, reason, may_be_held, attempts, last_answer
       FROM records WHERE settled_at IS NULL OR settled_at >= ?`,
      changedSince,
    );
  }

  /**
   * At the end: every record is delivered, or parked with a reason, or its quantity is in another; and AWS has exactly
   * what the ledger says.
   */
  async settle(divisors: ReadonlyMap<string, number>) {
    const rows = await this.check();
    this.#checkFrozen(this.records());
    const atAws = new Map<string, MeteringRecord>();
    for (const record of this.#world.aws.records) atAws.set(awsKey(record), record);
    const agreements = new Map(this.#agreements().map((agreement) => [agreement.id, agreement]));
    const billed = new Map<string, Nano>();
    const unbilled = new Map<string, Nano>();
    let delivered = 0;
    let parked = 0;
    let doubled = 0;
    for (const record of this.records()) {
      const agreement = agreements.get(record.agreement_id);
      if (agreement === undefined) throw new BrokenPromise(`${record.id} is nobody's`);
      const key = recordKey(record, agreement);
      const held = atAws.get(key);
      const isHeld = held?.quantity === record.quantity;
      const amount = BigInt(record.quantity) * BigInt(divisors.get(record.dimension) ?? 1) * UNIT;
      const account = accountOf(record.agreement_id, record.dimension);
      switch (record.state) {
        case "delivered":
          if (isTakenFor(record, held)) {
            unbilled.set(account, (unbilled.get(account) ?? 0n) + amount);
            break;
          }
          if (!isHeld) throw new BrokenPromise(`${record.id} is delivered, and AWS has ${held?.quantity}`);
          delivered += 1;
          break;
        case "parked":
          if (record.reason === null) throw new BrokenPromise(`${record.id} is parked without a reason`);
          if (isHeld && record.reason !== "uncertain")
            throw new BrokenPromise(`${record.id} is parked as ${record.reason}, and AWS has it`);
          parked += 1;
          break;
        case "rolled_over":
        case "written_off":
          // A zero that AWS has and nobody heard of bills nothing.
          if (isHeld && record.quantity > 0) doubled += 1;
          break;
        default:
          // The heartbeat goes on: the newest zeros are on their way.
          if (record.quantity === 0) break;
          throw new BrokenPromise(`${record.id} is still ${record.state}`);
      }
      if (isHeld) {
        atAws.delete(key);
        billed.set(account, (billed.get(account) ?? 0n) + amount);
      } else if (record.state === "parked") unbilled.set(account, (unbilled.get(account) ?? 0n) + amount);
    }
    let lost = 0;
    for (const row of rows) {
      const account = accountOf(row.agreement, row.dimension);
      const counted =
        (billed.get(account) ?? 0n) +
        (unbilled.get(account) ?? 0n) +
        row.open +
        row.carry +
        row.held +
        row.writtenOff +
        row.withheld;
      const acknowledged = this.#producers.acknowledged(account);
      if (counted < acknowledged) lost += 1;
      if (counted > acknowledged) doubled += 1;
    }
    return { delivered, parked, lost, doubled };
  }
}

/**
 * Whether another's usage was taken for ours: a call of ours had no known end, then another program metered the hour.
 * AWS says the same as if that call had come through.
 */
const isTakenFor = (record: LedgerRecord, held: MeteringRecord | undefined): boolean =>
  held !== undefined &&
  held.quantity >= FOREIGN_QUANTITY &&
  record.attempts > 1 &&
  record.last_answer === "DuplicateRecord";

/** AWS's key of a record: whose, which dimension, which hour. */
const awsKey = ({ licenseArn, accountId, productCode, dimension, hour }: MeteringRecord): string =>
  [licenseArn ?? `${productCode} ${accountId}`, dimension, Date.parse(hour)].join(" ");

const recordKey = (
  { dimension, hour, usage_record }: LedgerRecord,
  { accountId, productId }: Agreement,
): string => {
  const { LicenseArn } = JSON.parse(usage_record) as { LicenseArn?: string };
  return [LicenseArn ?? `${productId} ${accountId}`, dimension, hour].join(" ");
};

const shown = (row: Conservation): string =>
  JSON.stringify(row, (_key, value: unknown) => (typeof value === "bigint" ? formatQuantity(value) : value));
