import { env } from "cloudflare:workers";
import { seal, tick } from "./delivering.ts";
import type { Gap } from "../../../src/ledger/schema.ts";
import { admin, json, type TestProduct } from "./gateway.ts";
import { arrive, aws, newListing } from "./marketplace.ts";
import { ago, HOUR, iso } from "./times.ts";

/** Contracts in the tests of the Worker. */

export interface ShownEntitlement {
  dimension: string;
  value: number | boolean | string;
  expiresAt: string | null;
}

interface Detailed {
  agreement: { id: string; state: string; endedAt: string | null; unbilled: object[] | null };
  entitlements: ShownEntitlement[];
  usage: ({ dimension: string; conserved: boolean } & Record<string, string>)[];
}

/** A dimension whose contract's dimension is `calls`. */
export const includedPer = (per: "hour" | "month" | "term", rest: object = {}) => ({
  name: "api",
  included: { by: "calls", per },
  ...rest,
});

/** A product with a contract that is listed on AWS, too. */
export const newContractListing = (
  dimension: unknown = includedPer("term"),
  overrides: { concurrentAgreements?: boolean; contract?: boolean; dimensions?: readonly unknown[] } = {},
) => newListing({ dimensions: [dimension], contract: true, ...overrides });

/** What the admin API shows of a customer. */
export async function customerOf(accountId: string) {
  const { agreements } = await json<{ agreements: Detailed[] }>(admin("GET", `/v1/customers/${accountId}`));
  const [first] = agreements;
  if (first === undefined) throw new Error(`customer ${accountId} has no agreement`);
  return { ...first, agreements };
}

/** Where the usage of a product is. */
export const totalsOf = async (listing: TestProduct) =>
  (await json<{ totals: Record<string, string> }>(admin("GET", `/v1/conservation?product=${listing.id}`)))
    .totals;

/** Has the contracts of a product read again, as if a day had passed. */
export async function readAgain(listing: TestProduct): Promise<void> {
  await env.DB.prepare(
    "UPDATE agreements SET entitlements_due_at = 1 WHERE product_id = ? AND entitlements_due_at IS NOT NULL",
  )
    .bind(listing.id)
    .run();
  await tick();
}

/** A customer whose contract says something, registered, and its contract read. */
export async function newContract(
  listing: TestProduct,
  entitlements: readonly object[],
  options: object = {},
) {
  const agreement = await aws.agreement(listing.id, { entitlements, ...options });
  const arrival = await arrive(agreement.registrationToken);
  if (arrival.status !== 303) throw new Error(`registration answered ${arrival.status}`);
  await tick();
  return agreement;
}

/** Usage of some hours ago. */
export const usageOf = (customer: string, quantity: number, hoursAgo: number, dimension = "api") => ({
  id: crypto.randomUUID(),
  customer,
  dimension,
  quantity,
  timestamp: ago(hoursAgo * HOUR),
});

/** Posts usage, has it sealed and delivered, and says what AWS has billed by then. */
export async function billed(listing: TestProduct, usage: object) {
  await listing.post(usage);
  await seal(listing.id);
  await tick();
  return (await aws.records(listing.id)).map(({ quantity }) => quantity);
}

/** An entitlement of the contract's dimension `calls`. */
export const calls = (value: number | boolean | string, expiresAt?: number) => [
  {
    dimension: "calls",
    value,
    ...(expiresAt !== undefined && { expiresAt: iso(expiresAt) }),
  },
];

/** When the contract of a product's only agreement is read. */
export async function reading(listing: TestProduct): Promise<Reading> {
  const row = await env.DB.prepare(
    `SELECT entitlements_due_at AS due, entitlements_read_at AS read, entitlements_failing_since AS failing,
            entitlements_error AS error
     FROM agreements WHERE product_id = ?`,
  )
    .bind(listing.id)
    .first<Reading>();
  if (row === null) throw new Error(`product ${listing.id} has no agreement`);
  return row;
}

interface Reading {
  due: number | null;
  read: number | null;
  failing: number | null;
  error: string | null;
}

/** What a product's shard is told that its contract includes in its newest term. */
export const allowanceOf = (listing: TestProduct) =>
  env.DB.prepare(
    `SELECT terms ->> '$[#-1].quantity' AS quantity, terms ->> '$[#-1].since' AS since,
            terms ->> '$[#-1].until' AS until, told_at AS told
     FROM allowances JOIN agreements ON agreements.id = agreement_id WHERE product_id = ?`,
  )
    .bind(listing.id)
    .first<{ quantity: string; since: number; until: number | null; told: number | null }>();

/** What is not known of what a product's contract includes. */
export async function gapOf(listing: TestProduct): Promise<Gap> {
  const gap = await env.DB.prepare(
    "SELECT gap FROM allowances JOIN agreements ON agreements.id = agreement_id WHERE product_id = ?",
  )
    .bind(listing.id)
    .first<string>("gap");
  if (gap === null) throw new Error(`of product ${listing.id} no contract was read`);
  return JSON.parse(gap) as Gap;
}

/** Lets AWS's answers have lacked something of a product's contracts for so many milliseconds. */
export async function letLack(listing: TestProduct, milliseconds: number): Promise<void> {
  const since = Date.now() - milliseconds;
  const isIts = "agreement_id IN (SELECT id FROM agreements WHERE product_id = ?2)";
  await env.DB.batch(
    [
      `UPDATE allowances SET gap = json_set(gap, '$.lack.since', ?1) WHERE gap ->> 'kind' = 'missing' AND ${isIts}`,
      `UPDATE allowances SET gap = json_set(gap, '$.emptySince', ?1)
       WHERE gap ->> 'kind' = 'awaited' AND gap ->> 'emptySince' IS NOT NULL AND ${isIts}`,
      `UPDATE entitlements SET lack = json_set(lack, '$.since', ?1) WHERE lack IS NOT NULL AND ${isIts}`,
    ].map((statement) => env.DB.prepare(statement).bind(since, listing.id)),
  );
}

/** Lets the newest term of a product's contracts have begun at one time and end at another. */
export const setTerm = (listing: TestProduct, since: number, until: number | null) =>
  env.DB.prepare(
    `UPDATE allowances SET accounted_until = ?1, told_at = NULL,
       terms = json_set(terms, '$[#-1].since', ?1, '$[#-1].began', ?1, '$[#-1].until', ?2)
     WHERE agreement_id IN (SELECT id FROM agreements WHERE product_id = ?3)`,
  )
    .bind(since, until, listing.id)
    .run();

/** The messages to the seller that a contract has changed, oldest first. */
export const changesTold = async (accountId: string) => {
  const { agreement } = await customerOf(accountId);
  const { messages } = await json<{ messages: Message[] }>(
    admin("GET", `/v1/messages?agreement=${agreement.id}`),
  );
  return messages
    .filter(({ type }) => type === "agreement.entitlements_changed")
    .map(({ payload }) => payload.data.entitlements);
};

interface Message {
  type: string;
  payload: { data: { entitlements: ShownEntitlement[] } };
}
