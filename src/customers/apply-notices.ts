import { and, eq, isNull, sql, type SQL } from "drizzle-orm";
import { hasConcurrentAgreements } from "../ledger/concurrent-agreements.ts";
import { inOneTransaction, type Ledger } from "../ledger/database.ts";
import { agreements, notices } from "../ledger/schema.ts";
import { messageId, writeMessages, type AgreementMessage } from "../webhooks/messages.ts";
import { findProduct } from "../catalog/products.ts";
import { findAgreement, type Agreement } from "../ledger/agreements.ts";
import { awaitContract, awaitFirstContract, tellAgain } from "../ledger/allowances.ts";
import { presentAgreement } from "./agreement-view.ts";
import { lifeOf, type Life } from "./life.ts";
import { claimNotices, licenseIdOf, noticesOf, type Notice } from "./notices/notices.ts";
import { forgetNames } from "./resolve-names.ts";
import { bringBack, setRecords } from "./set-records.ts";

/**
 * Makes an agreement what its notices say, tells the seller of what has changed, and sets its records to it. May be
 * done again and by several at once: a change is made from the state it was read in, or begins again.
 *
 * @param now epoch milliseconds
 * @returns the agreement as it is now; null when there is none
 */
export async function applyNotices(ledger: Ledger, id: string, now: number): Promise<Agreement | null> {
  for (;;) {
    const before = await findAgreement(ledger, id);
    if (before === null) return null;
    const heard = await noticesOf(ledger, before);
    const after = await becomes(ledger, before, { life: lifeOf(heard), heard, now });
    if (after === null) continue;
    if (NAMED_BY.some((column) => after[column] !== before[column])) forgetNames();
    const hasNews = heard.some(({ appliedAt }) => appliedAt === null);
    if (hasNews && (await claimsMore(ledger, after, heard))) continue;
    await setRecords(ledger, [after], { hasNews, now });
    if (hasNews && (after.usageUntil ?? Infinity) > now) await bringBack(ledger, after, now);
    await markApplied(ledger, heard, now);
    return after;
  }
}

/** What names, and which usage of them, an agreement is found by. */
const NAMED_BY = [
  "licenseArn",
  "startsAt",
  "activatedAt",
  "returnedAt",
  "endedAt",
  "usageUntil",
] as const satisfies readonly (keyof Agreement)[];

/**
 * Notices that name AWS's agreement alone could not be known to be its until a notice has said that id. New is an id that
 * the notices of before did not come to: what is written may be of before a crash, or of the round before.
 */
async function claimsMore(
  ledger: Ledger,
  { id, awsAgreementId }: Agreement,
  heard: readonly Notice[],
): Promise<boolean> {
  const { awsAgreementId: earlier } = lifeOf(heard.filter(({ appliedAt }) => appliedAt !== null));
  if (awsAgreementId === earlier) return false;
  const claims = claimNotices(id, { licenseId: null, awsAgreementId, customer: null });
  if (claims.length === 0) return false;
  const claimed = await inOneTransaction(ledger, claims);
  return claimed.flat().length > 0;
}

interface News {
  readonly life: Life;
  readonly heard: readonly Notice[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/** @returns the agreement as it is written; null when somebody else has changed it meanwhile */
async function becomes(
  ledger: Ledger,
  before: Agreement,
  { life, heard, now }: News,
): Promise<Agreement | null> {
  const isReopened = before.usageUntil !== null && life.usageUntil === null;
  // Nothing else: the seller's own id, say, may be set at the same time.
  const changes = {
    ...life,
    ...(await withLicense(ledger, before, heard)),
    // A late notice may also put the end of the final hour off.
    ...((life.usageUntil ?? Infinity) > now && { closedAt: null, unbilled: null }),
    ...((isReopened || (speaksOfEntitlements(heard) && before.entitlementsDueAt !== null)) && {
      entitlementsDueAt: now,
      entitlementsUrgent: true,
    }),
  };
  if (isSame(before, { ...before, ...changes })) return before;
  const after: Agreement = { ...before, ...changes, lifeVersion: before.lifeVersion + 1 };
  const { id, lifeVersion } = after;
  // Its licence may be told at any time beside its life, and must not be written over.
  const isUnchanged = sql`life_version = ${before.lifeVersion} AND license_arn IS ${before.licenseArn}`;
  // The agreement itself is written last: what is written with it is so only if the agreement is still what it was, and
  // another who has made the same step meanwhile has done all of this, too.
  const isStill = sql`EXISTS (SELECT 1 FROM agreements WHERE id = ${id} AND ${isUnchanged})`;
  const messages = messagesOf(before, after).map((type) => ({
    id: messageId(now, `${id}_${lifeVersion}_${type}`),
    type,
    agreementId: id,
    data: presentAgreement(after, now),
  }));
  const written = await inOneTransaction(ledger, [
    writeMessages(messages, now, isStill),
    ...allowancesAfter(before, after, isStill),
    ledger
      .update(agreements)
      .set({ ...changes, lifeVersion })
      .where(and(eq(agreements.id, id), isUnchanged))
      .returning({ id: agreements.id }),
  ]);
  return written.at(-1)?.length === 0 ? null : after;
}

/**
 * What a contract includes since the customer's return is not known, and what is missing at an end was in force until it.
 * When an agreement becomes active, AWS knows more than before.
 */
function allowancesAfter(before: Agreement, after: Agreement, isStill: SQL): SQL[] {
  const { id } = after;
  if (before.usageUntil === null && after.usageUntil !== null) return [tellAgain(id, isStill)];
  if (after.usageUntil !== null) return [];
  // Without a return, it never ended.
  if (before.usageUntil !== null)
    return [awaitContract(id, Math.max(after.returnedAt ?? 0, before.endedAt ?? 0), isStill)];
  const isActivated = before.activatedAt === null && after.activatedAt !== null;
  const isReadNow = after.entitlementsDueAt !== before.entitlementsDueAt;
  return isActivated && isReadNow ? [awaitFirstContract(id, isStill)] : [];
}

/**
 * Legacy agreements get to know their licence by the notices, which they are metered by once their product moves; until
 * then it is the newest that they are active under.
 */
async function withLicense(
  ledger: Ledger,
  { id, productId, licenseArn, licenseId }: Agreement,
  heard: readonly Notice[],
): Promise<Pick<Agreement, "licenseArn" | "licenseId"> | null> {
  const naming = heard.filter(({ facts }) => facts.licenseArn?.startsWith("arn:") === true);
  const active = naming.findLast(({ kind }) => kind === "activated" || kind === "registered");
  const said = (active ?? naming.at(-1))?.facts.licenseArn;
  if (said === undefined) return null;
  if (licenseArn !== null) {
    // Only news: a licence that a person has told since stays.
    if (active === undefined || active.appliedAt !== null || licenseIdOf(said) === licenseId) return null;
    const product = await findProduct(ledger, productId);
    // By what it was when that happened: perhaps its product has moved since, and AWS knows it under that licence.
    if (product === null || hasConcurrentAgreements(product, active.occurredAt)) return null;
  }
  const other = await ledger.$count(
    agreements,
    and(eq(agreements.productId, productId), eq(agreements.licenseArn, said), sql`${agreements.id} <> ${id}`),
  );
  return other > 0 ? null : { licenseArn: said, licenseId: licenseIdOf(said) };
}

/** AWS has the entitlements once the licence is there, and says so by a notice; reading them is due for contracts only. */
function speaksOfEntitlements(heard: readonly Notice[]): boolean {
  return heard.some(
    ({ kind, appliedAt }) =>
      appliedAt === null &&
      (kind === "activated" || kind === "entitlements_changed" || kind === "agreement_created"),
  );
}

function isSame(before: Agreement, after: Agreement): boolean {
  return (Object.keys(after) as (keyof Agreement)[]).every((column) => after[column] === before[column]);
}

function messagesOf(before: Agreement, after: Agreement): AgreementMessage[] {
  const types: AgreementMessage[] = [];
  const isReopened = before.usageUntil !== null && after.usageUntil === null;
  const isActive = after.activatedAt !== null;
  if (isReopened && !isActive) types.push("agreement.registered");
  if (isActive && (before.activatedAt === null || isReopened)) types.push("agreement.activated");
  if (before.usageUntil === null && after.usageUntil !== null) types.push("agreement.ending");
  return types;
}

async function markApplied(ledger: Ledger, heard: readonly Notice[], now: number): Promise<void> {
  const news = heard.filter(({ appliedAt }) => appliedAt === null).map(({ id }) => id);
  if (news.length === 0) return;
  await ledger
    .update(notices)
    .set({ appliedAt: now })
    .where(
      and(
        sql`${notices.id} IN (SELECT value FROM json_each(${JSON.stringify(news)}))`,
        isNull(notices.appliedAt),
      ),
    );
}
