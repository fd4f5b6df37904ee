/** Calls a second, per account and Region (AWS Marketplace API reference, "Service quotas"). */
const callsPerSecond: Readonly<Record<string, number>> = {
  BatchMeterUsage: 10,
  MeterUsage: 10,
  RegisterUsage: 5,
};

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

/** A token bucket for each account, Region and operation. Kept in memory: a second is soon over. */
export class Quotas {
  readonly #buckets = new Map<string, Bucket>();

  /**
   * @param now the machine's time: simulated time may stand still
   * @returns whether the call is within its quota
   */
  take(operation: string, accountId: string, region: string, now: number): boolean {
    const rate = callsPerSecond[operation];
    if (rate === undefined) return true;
    const key = `${operation}|${accountId}|${region}`;
    const { tokens, at } = this.#buckets.get(key) ?? { tokens: rate, at: now };
    const filled = Math.min(rate, tokens + (Math.max(0, now - at) * rate) / 1000);
    const isWithin = filled >= 1;
    this.#buckets.set(key, { tokens: isWithin ? filled - 1 : filled, at: Math.max(now, at) });
    return isWithin;
  }

  clear(): void {
    this.#buckets.clear();
  }
}
