import { sql, type SQL } from "drizzle-orm";
import { keepAllowances, type KnownAllowance } from "../../ledger/allowances.ts";
import { inOneTransaction } from "../../ledger/database.ts";
import type { Agreement } from "../../ledger/agreements.ts";
import { HOUR, MINUTE } from "../../meter/hours.ts";
import { messageId, writeMessages } from "../../webhooks/messages.ts";
import { presentAgreement } from "../agreement-view.ts";
import { applyNotices } from "../apply-notices.ts";
import { ownNotice } from "../notices/notices.ts";
import type { Surroundings } from "../surroundings.ts";
import { allowancesOf, nextTerm, type Contract } from "./allowances.ts";
import { believedAfter, type BelievedEntitlement } from "./believed.ts";
import { presentEntitlement } from "./entitlement-rows.ts";
import { totalsByDimension } from "./steps.ts";
import { isUnknown } from "./terms.ts";

/** Contracts are read once a day, if no notice says that one has changed. */
const DAILY = 24 * HOUR;

/** How soon a contract is read again that AWS knows nothing of yet, or not all any more. */
const AWAITED = 10 * MINUTE;

/** What AWS says of a contract, and what the seller was told of it before. */
export interface ReadContract extends Contract {
  readonly before: readonly BelievedEntitlement[];
}

/** Writes down what a contract includes, tells the seller when that is something else, and what of usage it leaves to be billed. */
export async function storeContract(surroundings: Surroundings, contract: ReadContract): Promise<void> {
  const { ledger, now } = surroundings;
  const { product } = contract;
  const at = now();
  const agreement = await seenActive(ledger, contract, at);
  const { id } = agreement;
  const allowed = await allowancesOf(ledger, { ...contract, agreement }, at);
  const believed = believedOf(contract, agreement, at);
  const next = nextReading(surroundings, { allowed, believed, parts: contract.parts });
  // As it was when AWS was asked: a notice that came since may tell of what AWS has not said, and another tick may have
  // stored what is newer. Then this is nothing.
  const isStill = sql`EXISTS (SELECT 1 FROM agreements WHERE id = ${id}
                              AND entitlements_due_at IS ${contract.agreement.entitlementsDueAt})`;
  const message = {
    id: messageId(at, `${id}_entitlements`),
    type: "agreement.entitlements_changed",
    agreementId: id,
    data: { ...presentAgreement(agreement, at), entitlements: believed.map(presentEntitlement) },
  } as const;
  const isTold = textOf(believed) !== textOf(contract.before);
  await inOneTransaction(ledger, [
    ...(isTold ? [writeMessages([message], at, isStill)] : []),
    ...keepEntitlements(id, believed, isStill),
    ...keepAllowances(id, allowed, isStill),
    sql`
      UPDATE agreements SET entitlements_read_at = ${at}, entitlements_failing_since = NULL, entitlements_error = NULL,
        entitlements_due_at = ${product.contract ? next.at : null}, entitlements_urgent = ${next.isUrgent ? 1 : 0}
      WHERE id = ${id} AND ${isStill}`,
  ]);
}

/** Of a product that has no contracts any more nothing is included, and nobody is to be waited for. */
function believedOf({ product, parts, before }: ReadContract, agreement: Agreement, now: number) {
  if (!product.contract) return [];
  const { entitlementsReadAt: previousAt, returnedAt, termStartsAt } = agreement;
  const isAnew = [returnedAt ?? 0, termStartsAt ?? 0].some((time) => time > (previousAt ?? 0) && time <= now);
  return believedAfter({ before, said: totalsByDimension(parts), isAnew, now, previousAt });
}

const textOf = (believed: readonly BelievedEntitlement[]): string =>
  JSON.stringify(believed.map(({ dimension, value, expiresAt }) => [dimension, value, expiresAt]));

function keepEntitlements(
  agreementId: string,
  believed: readonly BelievedEntitlement[],
  isStill: SQL,
): SQL[] {
  const rows = JSON.stringify(believed);
  return [
    sql`
      DELETE FROM entitlements WHERE agreement_id = ${agreementId} AND ${isStill}
      AND dimension NOT IN (SELECT value ->> 'dimension' FROM json_each(${rows}))`,
    sql`
      INSERT INTO entitlements (agreement_id, dimension, value, expires_at, lack)
      SELECT ${agreementId}, value ->> 'dimension', value -> 'value', value ->> 'expiresAt', nullif(value -> 'lack', 'null')
      FROM json_each(${rows}) WHERE ${isStill}
      ON CONFLICT DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at, lack = excluded.lack
      WHERE value <> excluded.value OR expires_at IS NOT excluded.expires_at OR lack IS NOT excluded.lack`,
  ];
}

/** When AWS has a contract in force, the agreement is active, and its notice was lost or is late. */
async function seenActive(
  ledger: Surroundings["ledger"],
  { agreement, parts }: Contract,
  at: number,
): Promise<Agreement> {
  if (parts.length === 0 || agreement.activatedAt !== null || agreement.usageUntil !== null) return agreement;
  const notified = {
    id: `gateway:seen_active:${agreement.id}:${at}`,
    source: "gateway",
    kind: "seen_active",
    occurredAt: at,
    licenseArn: null,
    facts: { name: "GetEntitlements" },
  } as const;
  await ownNotice(ledger, agreement.id, notified, at);
  return (await applyNotices(ledger, agreement.id, at)) ?? agreement;
}

interface Heard {
  readonly allowed: readonly KnownAllowance[];
  readonly believed: readonly BelievedEntitlement[];
  readonly parts: Contract["parts"];
}

/** Soon while hours or the seller wait for AWS's answer; else when something ends, or in a day. */
function nextReading(
  { now, random }: Surroundings,
  { allowed, believed, parts }: Heard,
): { readonly at: number; readonly isUrgent: boolean } {
  if (allowed.some(isUnknown) || believed.some(({ lack }) => lack !== null))
    return { at: now() + AWAITED, isUrgent: true };
  const daily = Math.ceil(now() + DAILY * (1 - random() / 10));
  const next = nextTerm(parts, allowed, now());
  return { at: Math.min(daily, next), isUrgent: next < daily };
}
