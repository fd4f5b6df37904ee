import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectOk, type Conservation } from "../../scripts/local/clients.ts";
import { ADMIN, newSeller, sell, type Seller } from "./seller.ts";
import { residentMegabytes } from "../../scripts/local/process.ts";

/** Requests on their way at once, of 1000 events each: three times what one shard lets wait for its disk. */
const CONNECTIONS = 150;
const REQUESTS = 600;
const EVENTS = 1000;

let seller: Seller;

beforeAll(async () => {
  seller = await newSeller();
});
afterAll(() => seller.stop());

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly taken: boolean;
}

async function post(key: string, body: string): Promise<Answer> {
  const response = await fetch(`${seller.gateway.worker.url}/v1/usage`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body,
  });
  const { accepted = 0, duplicates = 0 } = (await response.json()) as {
    accepted?: number;
    duplicates?: number;
  };
  return {
    status: response.status,
    retryAfter: response.headers.get("retry-after"),
    taken: response.status === 202 && accepted + duplicates === EVENTS,
  };
}

describe("a gateway that gets far more than it can take", () => {
  it("says so with 429 and Retry-After, keeps its memory flat, and loses nothing that it acknowledged", async () => {
    const { key, customers } = await sell(seller, "flooded", { customers: 5, shards: 1 });
    const refusals: Answer[] = [];
    const peaks = { first: 0, second: 0 };
    let left = REQUESTS;
    const connection = async (own: number): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const run = left;
        const events = Array.from({ length: EVENTS }, (_, n) => ({
          id: `${own}-${run}-${n}`,
          customer: customers[n % customers.length],
          dimension: "api",
          quantity: 0.5,
        }));
        const body = JSON.stringify(events);
        for (;;) {
          const answer = await post(key, body);
          const half = left > REQUESTS / 2 ? "first" : "second";
          peaks[half] = Math.max(peaks[half], residentMegabytes(seller.gateway.pid));
          if (answer.taken) break;
          refusals.push(answer);
        }
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, (_, own) => connection(own)));

    expect(refusals.length).toBeGreaterThan(0);
    expect(new Set(refusals.map(({ status }) => status))).toEqual(new Set([429]));
    expect(refusals.every(({ retryAfter }) => Number(retryAfter) >= 1)).toBe(true);
    const { totals } = await expectOk<Conservation>(
      "GET",
      `${seller.gateway.worker.url}/v1/conservation?product=flooded`,
      { token: ADMIN },
    );
    expect(totals).toMatchObject({ accepted: String((REQUESTS * EVENTS) / 2), conserved: true });
    // What waits is bounded, so the second half of the flood needs hardly more than the first.
    expect(peaks.second / peaks.first).toBeLessThan(1.5);
  }, 180_000);
});
