import { and, asc, eq, gt, isNotNull, isNull, notInArray, or, sql, type SQL } from "drizzle-orm";
import { concurrentAgreementsAt } from "../../ledger/concurrent-agreements.ts";
import type { Ledger } from "../../ledger/database.ts";
import { HOUR } from "../../meter/hours.ts";
import { notices, type NoticeFacts, type NoticeKind, type NoticeSource } from "../../ledger/schema.ts";

const DAY = 24 * HOUR;

export type Notice = typeof notices.$inferSelect;

/** Whose life a notice is about, as far as it says. */
export interface NoticeSubject {
  readonly productCode: string | null;
  readonly licenseArn: string | null;
  readonly awsAgreementId: string | null;
  readonly accountId: string | null;
  readonly customerIdentifier: string | null;
}

export interface NewNotice extends NoticeSubject {
  readonly id: string;
  readonly source: NoticeSource;
  readonly kind: NoticeKind;
  /** Epoch milliseconds, by whoever says it. */
  readonly occurredAt: number;
  readonly facts: NoticeFacts;
}

/** The last part of a LicenseArn: AWS's own samples write what is before it in more than one way. */
export function licenseIdOf(licenseArn: string): string {
  return licenseArn.split(/[:/]/).at(-1) ?? licenseArn;
}

/**
 * Keeps a notice, and finds out whose it is: by its licence, by AWS's id of the agreement, by that of the agreement it
 * renews, or, of a legacy product, by the customer, who has one agreement of it. One statement, so that an agreement
 * that registers meanwhile is found by it or finds it.
 *
 * @param now epoch milliseconds
 * @returns whether it is new, and its agreement; null until that has registered
 */
export async function keepNotice(
  ledger: Ledger,
  notice: NewNotice,
  now: number,
): Promise<{ readonly isNew: boolean; readonly agreementId: string | null }> {
  const { id, source, kind, occurredAt, facts, productCode, awsAgreementId } = notice;
  const { accountId, customerIdentifier, licenseArn } = notice;
  const licenseId = licenseArn === null ? null : licenseIdOf(licenseArn);
  // A licence is an agreement of its own, and what is told of it is no other's: but for a legacy product, whose customer
  // goes on under another one.
  const ofAwsAgreement = (awsId: string | null) => sql`
    (SELECT agreements.id FROM agreements JOIN products ON products.id = agreements.product_id
     WHERE (agreements.aws_agreement_id = ${awsId}
            OR agreements.id IN (SELECT agreement_id FROM notices WHERE aws_agreement_id = ${awsId}))
     AND (${licenseId} IS NULL OR agreements.license_id IS NULL OR ${isLegacyAt(sql`${occurredAt}`)})
     ORDER BY agreements.usage_until IS NOT NULL, agreements.registered_at DESC LIMIT 1)`;
  const ofLegacyProduct = (column: SQL, value: string | null) => sql`
    (SELECT agreements.id FROM products JOIN agreements ON agreements.product_id = products.id AND ${column} = ${value}
     WHERE products.product_code = ${productCode} AND ${isLegacyAt(sql`${occurredAt}`)})`;
  const [row] = await ledger.all<{ agreementId: string | null }>(sql`
    INSERT INTO notices (id, source, kind, occurred_at, received_at, facts, product_code, license_id, aws_agreement_id,
                         account_id, customer_identifier, agreement_id)
    VALUES (${id}, ${source}, ${kind}, ${occurredAt}, ${now}, ${JSON.stringify(factsWith(facts, licenseArn))},
            ${productCode}, ${licenseId}, ${awsAgreementId}, ${accountId}, ${customerIdentifier}, coalesce(
              (SELECT id FROM agreements WHERE license_id = ${licenseId}),
              ${ofAwsAgreement(awsAgreementId)}, ${ofAwsAgreement(facts.previousAgreementId ?? null)},
              ${ofLegacyProduct(sql`agreements.customer_identifier`, customerIdentifier)},
              ${ofLegacyProduct(sql`agreements.account_id`, accountId)}))
    ON CONFLICT DO NOTHING
    RETURNING agreement_id AS agreementId`);
  if (row !== undefined) return { isNew: true, agreementId: row.agreementId };
  const known = await ledger.query.notices.findFirst({ where: eq(notices.id, id) });
  return { isNew: false, agreementId: known?.agreementId ?? null };
}

/** Whether a product's customers had one agreement for each account at a time, and not one for each licence. */
const isLegacyAt = (time: SQL): SQL => sql`NOT ${concurrentAgreementsAt(time)}`;

/** A legacy agreement learns its licence from the notices; see `withLicense` in apply-notices.ts. */
const factsWith = (facts: NoticeFacts, licenseArn: string | null): NoticeFacts =>
  licenseArn === null ? facts : { ...facts, licenseArn };

/** The statement that keeps a notice about an agreement that is known: a person's word, or a registration. */
export const ownNotice = (
  ledger: Ledger,
  agreementId: string,
  {
    licenseArn,
    facts,
    ...notice
  }: Pick<NewNotice, "id" | "source" | "kind" | "occurredAt" | "facts" | "licenseArn">,
  now: number,
) =>
  ledger
    .insert(notices)
    .values({
      ...notice,
      facts: factsWith(facts, licenseArn),
      licenseId: licenseArn === null ? null : licenseIdOf(licenseArn),
      agreementId,
      receivedAt: now,
    })
    .onConflictDoNothing();

/** How notices that came before an agreement are known to be its. */
export interface NoticeKeys {
  readonly licenseId: string | null;
  readonly awsAgreementId: string | null;
  /** Of a legacy product, where a customer has one agreement; null otherwise. */
  readonly customer: {
    readonly productCode: string;
    readonly accountId: string | null;
    readonly customerIdentifier: string | null;
  } | null;
}

/**
 * The statements that give an agreement the notices that came before it: one for each index. They return the ids of those.
 *
 * @param onlyIf of the transaction that they are a part of: gives them only if it holds
 */
export function claimNotices(
  agreementId: string,
  { licenseId, awsAgreementId, customer }: NoticeKeys,
  onlyIf: SQL = sql`true`,
): SQL[] {
  const claim = (condition: SQL) => sql`
    UPDATE notices SET agreement_id = ${agreementId}
    WHERE agreement_id IS NULL AND (${condition}) AND (${onlyIf}) RETURNING id`;
  const statements: SQL[] = [];
  if (licenseId !== null) statements.push(claim(sql`license_id = ${licenseId}`));
  if (awsAgreementId !== null) {
    // Not those of another licence; see keepNotice.
    const isOfLicense = sql`(notices.license_id IS NULL OR EXISTS (
      SELECT 1 FROM agreements JOIN products ON products.id = agreements.product_id WHERE agreements.id = ${agreementId}
      AND (agreements.license_id IS NULL OR agreements.license_id = notices.license_id
           OR ${isLegacyAt(sql`notices.occurred_at`)})))`;
    statements.push(claim(sql`aws_agreement_id = ${awsAgreementId} AND ${isOfLicense}`));
    statements.push(claim(sql`facts ->> 'previousAgreementId' = ${awsAgreementId} AND ${isOfLicense}`));
  }
  const { productCode = null, accountId = null, customerIdentifier = null } = customer ?? {};
  if (customerIdentifier !== null)
    statements.push(
      claim(sql`product_code = ${productCode} AND customer_identifier = ${customerIdentifier}`),
    );
  if (accountId !== null)
    statements.push(claim(sql`product_code = ${productCode} AND account_id = ${accountId}`));
  return statements;
}

/**
 * The notices of an agreement by which it is what it is, and those that are not applied. Of the others, which say nothing
 * of its life, there may be any number, each with a licence that is known.
 */
export function noticesOf(
  ledger: Ledger,
  { id, licenseArn }: { readonly id: string; readonly licenseArn: string | null },
): Promise<Notice[]> {
  return ledger
    .select()
    .from(notices)
    .where(
      and(
        eq(notices.agreementId, id),
        or(
          isNull(notices.appliedAt),
          notInArray(notices.kind, ["other", "entitlements_changed"]),
          sql`facts ->> 'freeTrial' IS NOT NULL`,
          licenseArn === null ? sql`facts ->> 'licenseArn' IS NOT NULL` : undefined,
        ),
      ),
    )
    .orderBy(asc(notices.occurredAt));
}

/** Of each agreement the notices of what happened last, in the order in which it did. */
export function latestNotices(
  ledger: Ledger,
  agreementIds: readonly string[],
  limit: number,
): Promise<Notice[]> {
  const latest = sql`
    SELECT latest.id FROM json_each(${JSON.stringify(agreementIds)}) AS wanted
    CROSS JOIN notices AS latest ON latest.id IN (
      SELECT id FROM notices WHERE agreement_id = wanted.value ORDER BY occurred_at DESC LIMIT ${limit})`;
  return ledger
    .select()
    .from(notices)
    .where(sql`${notices.id} IN (${latest})`)
    .orderBy(asc(notices.occurredAt));
}

/** Agreements with notices that they have not become what they say, in the order of their ids: something has failed half-way. */
export async function agreementsBehind(
  ledger: Ledger,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<string[]> {
  const rows = await ledger.all<{ id: string }>(sql`
    SELECT DISTINCT agreement_id AS id FROM notices INDEXED BY notices_unapplied
    WHERE applied_at IS NULL AND agreement_id > ${after} ORDER BY agreement_id LIMIT ${limit}`);
  return rows.map(({ id }) => id);
}

/** A customer registers within days of buying, if at all; what AWS tells of other products is nobody's for ever. */
const UNMATCHED_LIFE = 90 * DAY;

/** Notices that one slice forgets, each with its entries in eight indexes. */
const MAX_FORGOTTEN = 200;

/**
 * Forgets notices that no agreement has become known for in ninety days. A customer who comes after that is active by the
 * first usage that AWS takes.
 *
 * @param now epoch milliseconds
 * @returns whether there may be more
 */
export async function forgetUnmatched(ledger: Ledger, now: number): Promise<boolean> {
  const forgotten = await ledger.all(sql`
    DELETE FROM notices WHERE id IN (
      SELECT id FROM notices INDEXED BY notices_unmatched_age
      WHERE agreement_id IS NULL AND received_at < ${now - UNMATCHED_LIFE} LIMIT ${MAX_FORGOTTEN})
    RETURNING id`);
  return forgotten.length === MAX_FORGOTTEN;
}

export interface NoticeQuery {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly agreement?: string | undefined;
  /** Only those that no agreement is known for; false: only the others. */
  readonly unmatched?: boolean | undefined;
}

/** By their index: most notices have an agreement. */
const unmatchedAfter = (after: string, limit: number): SQL => sql`
  SELECT id FROM notices INDEXED BY notices_unmatched
  WHERE agreement_id IS NULL AND id > ${after} ORDER BY id LIMIT ${limit}`;

/** Notices in the order of their ids. */
export function listNotices(ledger: Ledger, query: NoticeQuery): Promise<Notice[]> {
  const { limit, after = "", agreement, unmatched } = query;
  return ledger
    .select()
    .from(notices)
    .where(
      and(
        gt(notices.id, after),
        agreement === undefined ? undefined : eq(notices.agreementId, agreement),
        unmatched === true ? sql`${notices.id} IN (${unmatchedAfter(after, limit)})` : undefined,
        unmatched === false ? isNotNull(notices.agreementId) : undefined,
      ),
    )
    .orderBy(asc(notices.id))
    .limit(limit);
}
