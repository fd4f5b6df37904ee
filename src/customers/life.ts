import type { NoticeFacts, NoticeKind, NoticeSource } from "../ledger/schema.ts";
import { HOUR } from "../meter/hours.ts";

/** How long AWS takes usage of an agreement that has ended (AWS Marketplace seller guide, SaaS subscriptions). */
const FINAL_WINDOW = HOUR;

/** One thing that was heard of an agreement. */
export interface HeardNotice {
  readonly id: string;
  readonly source: NoticeSource;
  readonly kind: NoticeKind;
  /** Epoch milliseconds, by whoever says it. */
  readonly occurredAt: number;
  /** AWS's id of the agreement, if the notice says it. */
  readonly awsAgreementId: string | null;
  /** AWS's id of the licence, if the notice says it. */
  readonly licenseId: string | null;
  readonly facts: NoticeFacts;
}

/** What an agreement has become. Times are epoch milliseconds. */
export interface Life {
  readonly awsAgreementId: string | null;
  readonly startsAt: number | null;
  /** The end that was agreed on. */
  readonly endsAt: number | null;
  /** When its present term began: a renewal begins another. */
  readonly termStartsAt: number | null;
  readonly activatedAt: number | null;
  /** When the customer came back after an end, the last time; null while there was none. */
  readonly returnedAt: number | null;
  readonly freeTrial: boolean;
  /** From when on there is no usage. */
  readonly endedAt: number | null;
  /** Until when AWS takes its usage. */
  readonly usageUntil: number | null;
}

/** Statuses of an agreement that another one goes on for: the customer stays (AWS Marketplace Agreement Service). */
const REPLACED = new Set(["RENEWED", "REPLACED", "SUPERSEDED"]);

/** Of notices of one moment, which comes first: an end is the last that is heard. */
const ORDER: readonly NoticeKind[] = [
  "registered",
  "agreement_created",
  "activated",
  "seen_active",
  "entitlements_changed",
  "other",
  "failed",
  "agreement_ended",
  "ending",
  "closed",
];

/** An end, and who has said it: AWS's licence knows better than its agreement when the final hour begins. */
interface End {
  readonly at: number;
  readonly until: number;
  readonly by: "agreement" | "license";
}

interface Draft {
  awsAgreementId: string | null;
  /** The licence that it is active under. A legacy agreement goes on under another one after an upgrade or a return. */
  licenseId: string | null;
  startsAt: number | null;
  endsAt: number | null;
  termStartsAt: number | null;
  activatedAt: number | null;
  returnedAt: number | null;
  freeTrial: boolean;
  /** Whether AWS has said so: until then it is what the customer's browser says. */
  isTrialTold: boolean;
  end: End | null;
  /** What it was before its renewal, and when that begins; null while it was not renewed. */
  before: Pick<Draft, "startsAt" | "awsAgreementId" | "endsAt" | "termStartsAt" | "freeTrial"> | null;
}

/**
 * What an agreement's notices come to. AWS sends them twice, late and out of order; what counts is when each says that
 * it happened, so that the same notices come to the same in whatever order they arrive.
 */
export function lifeOf(notices: readonly HeardNotice[]): Life {
  const draft: Draft = {
    awsAgreementId: null,
    licenseId: null,
    startsAt: null,
    endsAt: null,
    termStartsAt: null,
    activatedAt: null,
    returnedAt: null,
    freeTrial: false,
    isTrialTold: false,
    end: null,
    before: null,
  };
  for (const notice of notices.toSorted(byTime)) hear(draft, notice);
  const { end, licenseId: _under, isTrialTold: _told, before: _before, ...life } = draft;
  return { ...life, endedAt: end?.at ?? null, usageUntil: end?.until ?? null };
}

function byTime(a: HeardNotice, b: HeardNotice): number {
  if (a.occurredAt !== b.occurredAt) return a.occurredAt - b.occurredAt;
  const order = ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind);
  return order === 0 ? (a.id < b.id ? -1 : 1) : order;
}

function hear(life: Draft, notice: HeardNotice): void {
  const { kind, occurredAt: at, awsAgreementId, licenseId, facts } = notice;
  hearTrial(life, notice);
  switch (kind) {
    case "agreement_created":
      return create(life, notice);
    case "registered":
      if (!isReturn(life, notice)) return;
      // The customer of a legacy product has come back, and AWS has not said yet that the subscription is active again.
      if (life.end !== null) life.activatedAt = null;
      comeBack(life, at);
      life.licenseId = licenseId ?? life.licenseId;
      return;
    case "activated":
      // AWS renews agreements also without saying so by another notice: the id and the licence are the newest.
      life.awsAgreementId = awsAgreementId ?? life.awsAgreementId;
      life.licenseId = licenseId ?? life.licenseId;
      life.activatedAt ??= at;
      comeBack(life, at);
      return;
    case "seen_active":
      // AWS takes usage of an agreement that has ended for an hour: that does not undo the end.
      life.activatedAt ??= at;
      return;
    case "agreement_ended":
      if (awsAgreementId !== null && dropRenewal(life, awsAgreementId, at)) return;
      // The end of an agreement that was renewed under another id is not the customer's.
      if (facts.status !== undefined && REPLACED.has(facts.status)) return;
      if (awsAgreementId !== null && life.awsAgreementId !== null && awsAgreementId !== life.awsAgreementId)
        return;
      life.end ??= { at, until: at + FINAL_WINDOW, by: "agreement" };
      return;
    case "ending":
      // The end of the licence that was before: the customer goes on under another.
      if (licenseId !== null && life.licenseId !== null && licenseId !== life.licenseId) return;
      life.awsAgreementId ??= awsAgreementId;
      // AWS's pages differ in which of the two notices opens the final hour: the later one counts, usage the earlier.
      if (life.end?.by !== "license")
        life.end = { at: life.end?.at ?? at, until: at + FINAL_WINDOW, by: "license" };
      return;
    case "closed":
      // When the notice that opened the final hour was lost, asking AWS for an hour costs nothing.
      life.end =
        life.end === null
          ? { at, until: at + FINAL_WINDOW, by: "license" }
          : { ...life.end, until: Math.min(life.end.until, at), by: "license" };
      return;
    case "failed":
      if (life.activatedAt === null) life.end = { at, until: at, by: "license" };
      return;
    case "entitlements_changed":
    case "other":
      return;
  }
}

function hearTrial(life: Draft, { source, facts: { freeTrial } }: HeardNotice): void {
  if (freeTrial === undefined || (source === "gateway" && life.isTrialTold)) return;
  life.freeTrial = freeTrial;
  life.isTrialTold = source !== "gateway";
}

/**
 * Whether who registers has come back, if there was an end. A form brings nobody back within the final hour: its token may
 * be of before the end, and whoever has kept one could have the last usage miss its hour. AWS's own notice says who has
 * come back so soon, or another licence.
 */
function isReturn({ end, licenseId: before }: Draft, { occurredAt, licenseId }: HeardNotice): boolean {
  if (end === null || occurredAt >= end.until) return true;
  return licenseId !== null && before !== null && licenseId !== before;
}

/** A customer who comes back to a legacy product goes on under the old agreement. */
function comeBack(life: Draft, at: number): void {
  if (life.end !== null) life.returnedAt = at;
  life.end = null;
}

function create(life: Draft, { awsAgreementId, facts }: HeardNotice): void {
  const isRenewal = facts.previousAgreementId !== undefined;
  const isAmended = facts.intent === "AMEND";
  const startsAt = facts.startsAt ?? null;
  if (isRenewal) {
    if (life.end?.by === "agreement") life.end = null;
    const { awsAgreementId: id, endsAt, termStartsAt, freeTrial } = life;
    life.before = { startsAt, awsAgreementId: id, endsAt, termStartsAt, freeTrial };
    // What is renewed is paid for.
    if (!isAmended) life.freeTrial = false;
  }
  life.awsAgreementId = isRenewal ? awsAgreementId : (life.awsAgreementId ?? awsAgreementId);
  life.startsAt = isRenewal ? life.startsAt : (life.startsAt ?? startsAt);
  life.endsAt = facts.endsAt ?? null;
  // An amendment goes on within the term.
  const beginsTerm = isRenewal || facts.intent === "RENEW" || life.termStartsAt === null;
  if (beginsTerm && !isAmended) life.termStartsAt = startsAt ?? life.termStartsAt;
}

/**
 * What was renewed in advance goes on as it was when its renewal ends before it has begun.
 *
 * @returns whether the end is that of such a renewal
 */
function dropRenewal(life: Draft, ended: string, at: number): boolean {
  const { before } = life;
  if (before === null || ended !== life.awsAgreementId || before.startsAt === null || at >= before.startsAt)
    return false;
  const { startsAt: _begin, ...running } = before;
  Object.assign(life, running);
  life.before = null;
  return true;
}
