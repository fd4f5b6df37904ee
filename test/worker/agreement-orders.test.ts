import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { arrive } from "../../src/customers/registration/arrivals.ts";
import { surroundingsOf } from "../../src/customers/surroundings.ts";
import { admin, call, json, type TestProduct } from "./support/gateway.ts";
import { aws, newListing, type AwsAgreement } from "./support/marketplace.ts";
import { HOUR, iso, steadyAgo } from "./support/times.ts";

/** Whole lives of agreements, told in every order that there is, and each notice twice. */

const ago = steadyAgo();

function* permutations<T>(items: readonly T[]): Generator<T[]> {
  if (items.length === 0) yield [];
  for (const [index, item] of items.entries())
    for (const rest of permutations(items.toSpliced(index, 1))) yield [item, ...rest];
}

/** Something that happens to an agreement, as the gateway is to hear of it. */
type Step = (bought: AwsAgreement) => Promise<() => Promise<unknown>>;

async function expectTaken(response: Response): Promise<void> {
  expect([response.status, await response.text()]).toMatchObject([200, expect.anything()]);
}

/** A notice as AWS sends it, however often. */
const byEventBridge =
  (kind: string, at: string, options: (bought: AwsAgreement) => object = () => ({})): Step =>
  async (bought) => {
    const wishes = { kind, at, via: "eventbridge", ...options(bought) };
    const { notice } = await aws.notice(bought.agreementId, wishes);
    const headers = { "x-api-key": env.EVENTS_SECRET ?? "" };
    return async () => expectTaken(await call("POST", "/aws/events", { body: notice, headers }));
  };

const bySns =
  (kind: string, at: string): Step =>
  async ({ agreementId }) => {
    const { notice, headers } = await aws.notice(agreementId, { kind, at, via: "sns" });
    return async () => expectTaken(await call("POST", "/aws/sns", { body: notice, headers }));
  };

/** The customer's form, by the clock of when it came. */
const byForm =
  (at: string): Step =>
  ({ registrationToken: token }) =>
    Promise.resolve(async () => {
      const surroundings = { ...surroundingsOf(env), now: () => Date.parse(at) };
      const arrival = await arrive(surroundings, { token, productId: null, fields: {} });
      expect(arrival.kind).toBe("registered");
    });

/** Orders that are gone through at a time: each waits for AWS and the ledger most of the time. */
const AT_ONCE = 12;

/**
 * Lets agreements of a product go through the same steps in different orders: each step once, and once more when the next
 * one has been.
 *
 * @param options.each of so many orders one is gone through
 * @returns what they have come to, by their order
 */
async function livesOf(
  listing: TestProduct,
  steps: Readonly<Record<string, Step>>,
  { each = 1 }: { readonly each?: number } = {},
): Promise<readonly (readonly [order: string, agreement: AwsAgreement, life: object])[]> {
  const orders = [...permutations(Object.entries(steps))].filter((_order, at) => at % each === 0);
  const lives: (readonly [string, AwsAgreement])[] = [];
  for (let from = 0; from < orders.length; from += AT_ONCE) {
    const some = orders.slice(from, from + AT_ONCE).map(async (order) => {
      const bought = await aws.agreement(listing.id);
      let again = () => Promise.resolve<unknown>(undefined);
      for (const [, step] of order) {
        const happen = await step(bought);
        await happen();
        await again();
        again = happen;
      }
      await again();
      return [order.map(([name]) => name).join(", "), bought] as const;
    });
    lives.push(...(await Promise.all(some)));
  }
  const { agreements } = await json<{ agreements: { accountId: string }[] }>(
    admin("GET", `/v1/agreements?product=${listing.id}&limit=1000`),
  );
  expect(agreements).toHaveLength(orders.length);
  const byAccount = new Map(agreements.map((agreement) => [agreement.accountId, agreement]));
  return lives.map(([order, bought]) => [order, bought, byAccount.get(bought.accountId) ?? {}]);
}

/** All orders take most of a minute where the machine is busy. */
const LONG = 300_000;
const endedAt = ago(0.3 * HOUR);
const usageUntil = iso(Date.parse(ago(0.2 * HOUR)) + HOUR);

describe("an agreement whose life AWS tells in any order, and everything twice", () => {
  it.each([
    ["all orders, of a product with concurrent agreements", true, { each: 1, orders: 120 }],
    ["some, of a legacy product", false, { each: 5, orders: 24 }],
  ])(
    "comes to the same, wherever the customer comes in between: %s",
    async (_which, concurrentAgreements, { each, orders }) => {
      const listing = await newListing({ concurrentAgreements });
      const steps = {
        created: byEventBridge("agreement-created", ago(3 * HOUR)),
        form: byForm(ago(2.95 * HOUR)),
        active: byEventBridge("license-updated", ago(2.9 * HOUR)),
        over: byEventBridge("agreement-ended", endedAt),
        gone: byEventBridge("license-deprovisioned", ago(0.2 * HOUR)),
      };
      const lives = await livesOf(listing, steps, { each });
      expect(lives).toHaveLength(orders);
      for (const [order, { agreementId }, life] of lives) {
        const expected = { state: "ending", activatedAt: ago(2.9 * HOUR), endedAt, usageUntil };
        expect([order, life]).toMatchObject([order, { ...expected, awsAgreementId: agreementId }]);
      }
    },
    LONG,
  );

  it(
    "comes to the same in all orders where SNS tells it, of a legacy product",
    async () => {
      const listing = await newListing({ concurrentAgreements: false });
      const topic = `arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-${listing.id}`;
      await admin("PATCH", `/v1/products/${listing.id}`, { snsTopics: [topic] });
      const lives = await livesOf(listing, {
        form: byForm(ago(0.95 * HOUR)),
        active: bySns("subscribe-success", ago(0.9 * HOUR)),
        gone: bySns("unsubscribe-pending", endedAt),
        closed: bySns("unsubscribe-success", ago(0.1 * HOUR)),
      });
      expect(lives).toHaveLength(24);
      const expected = { state: "ended", activatedAt: ago(0.9 * HOUR), endedAt, usageUntil: ago(0.1 * HOUR) };
      for (const [order, , life] of lives) expect([order, life]).toMatchObject([order, expected]);
    },
    LONG,
  );

  it.each([
    ["of a product with concurrent agreements", true],
    ["of a legacy product", false],
  ])(
    "goes on under the id of its renewal, in some orders: one %s",
    async (_of, concurrentAgreements) => {
      const listing = await newListing({ concurrentAgreements });
      const nextOf = ({ agreementId }: AwsAgreement) => `${agreementId}-next`;
      const steps = {
        created: byEventBridge("agreement-created", ago(9 * HOUR)),
        form: byForm(ago(8.95 * HOUR)),
        active: byEventBridge("license-updated", ago(8.9 * HOUR)),
        over: byEventBridge("agreement-ended", ago(2 * HOUR), () => ({ status: "EXPIRED" })),
        renewed: byEventBridge("agreement-created", ago(1.9 * HOUR), (bought) => ({
          intent: "RENEW",
          agreementId: nextOf(bought),
          previousAgreementId: bought.agreementId,
        })),
      };
      const lives = await livesOf(listing, steps, { each: 5 });
      expect(lives).toHaveLength(24);
      for (const [order, bought, life] of lives) {
        const expected = { state: "active", activatedAt: ago(8.9 * HOUR), endedAt: null, usageUntil: null };
        expect([order, life]).toMatchObject([order, { ...expected, awsAgreementId: nextOf(bought) }]);
      }
    },
    LONG,
  );
});
