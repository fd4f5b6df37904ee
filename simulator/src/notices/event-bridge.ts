import type { Agreement } from "../model.ts";
import { hex, textBytes } from "../wire/encodings.ts";

/** The events about agreements and licences, by their detail-type, as a seller gets them who is manufacturer and proposer. */
const eventTypes = {
  "agreement-created": "Purchase Agreement Created - Proposer",
  "agreement-amended": "Purchase Agreement Amended - Proposer",
  "agreement-ended": "Purchase Agreement Ended - Proposer",
  "license-updated": "License Updated - Manufacturer",
  "license-deprovisioned": "License Deprovisioned - Manufacturer",
} as const;

type EventKind = keyof typeof eventTypes;

/** What a test may say of an event. */
interface EventWishes {
  readonly kind: EventKind;
  /** Instead of the agreement's own id: a renewal has a new one. */
  readonly agreementId?: string | undefined;
  readonly intent?: string | undefined;
  readonly previousAgreementId?: string | undefined;
  readonly status?: string | undefined;
}

/** What the envelope says besides: epoch milliseconds, and UUIDs. */
interface EventContext {
  readonly id: string;
  readonly requestId: string;
  readonly at: number;
  readonly sellerAccountId: string;
}

interface EventBridgeEvent {
  readonly version: "0";
  readonly id: string;
  readonly "detail-type": string;
  readonly source: "aws.agreement-marketplace";
  readonly account: string;
  readonly time: string;
  readonly region: "us-east-1";
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** An event as it lies on the seller's default bus (AWS Marketplace Seller Guide, "Amazon EventBridge events"). */
export async function eventBridgeEvent(
  agreement: Agreement,
  wishes: EventWishes,
  { id, requestId, at, sellerAccountId }: EventContext,
): Promise<EventBridgeEvent> {
  const agreementId = wishes.agreementId ?? agreement.agreementId;
  return {
    version: "0",
    id,
    "detail-type": eventTypes[wishes.kind],
    source: "aws.agreement-marketplace",
    account: sellerAccountId,
    time: toSecond(at),
    // Wherever the seller is: AWS Marketplace lives there.
    region: "us-east-1",
    resources: [`arn:aws:aws-marketplace::aws:agreement:${agreementId}`],
    detail: {
      requestId,
      catalog: "AWSMarketplace",
      ...(await about(agreement, agreementId, wishes)),
      acceptor: { accountId: agreement.accountId },
      proposer: { accountId: sellerAccountId },
      // AWS's page shows an offer here, too; in the events of real sellers there was none.
      ...(wishes.kind !== "agreement-ended" && { offer: { id: await offerId(agreement) } }),
    },
  };
}

/** What distinguishes the events: those of agreements tell neither the licence nor the product's code. */
async function about(agreement: Agreement, id: string, wishes: EventWishes): Promise<object> {
  switch (wishes.kind) {
    case "agreement-created": {
      const { intent = "NEW", previousAgreementId } = wishes;
      const previous = previousAgreementId !== undefined && { previousAgreementId };
      return { agreement: { id, ...terms(agreement, intent), ...previous }, ...noResale };
    }
    case "agreement-amended":
      return {
        agreement: { id, ...terms(agreement, wishes.intent ?? "AMEND"), autoRenewalEnabled: false },
        renewalSummary: { lockoutStartTime: null, disabledBy: null },
        ...noResale,
      };
    case "agreement-ended":
      return { agreement: { id, status: wishes.status ?? "CANCELLED" }, ...noResale };
    case "license-updated":
    case "license-deprovisioned": {
      const { licenseArn, productCode } = agreement;
      const product = { id: await productId(agreement), code: productCode };
      return { agreement: { id }, license: { arn: licenseArn }, product };
    }
  }
}

/** Null unless a channel partner sells. */
const noResale = { resaleAuthorization: { id: null } };

/** What AWS writes as the end of a usage-based agreement. */
const noEnd = "9999-01-01T00:00:00Z";

const terms = ({ createdAt, startsAt, endsAt }: Agreement, intent: string) => ({
  intent,
  status: "ACTIVE",
  // An agreement of a test may have begun before it was posted here.
  acceptanceTime: toSecond(Math.min(createdAt, startsAt)),
  startTime: toSecond(startsAt),
  endTime: endsAt === null ? noEnd : toSecond(endsAt),
});

const toSecond = (time: number): string => new Date(time).toISOString().replace(/\.\d{3}Z$/, "Z");

const productId = async ({ productCode }: Agreement): Promise<string> => `prod-${await digest(productCode)}`;

/** The offer that the agreement accepted: the same in all notices of it. */
export const offerId = async ({ agreementId }: Agreement): Promise<string> =>
  `offer-${await digest(agreementId)}`;

/** Thirteen characters, the same each time: AWS's ids of products and offers are as long. */
async function digest(text: string): Promise<string> {
  return hex(await crypto.subtle.digest("SHA-256", textBytes(text))).slice(0, 13);
}
