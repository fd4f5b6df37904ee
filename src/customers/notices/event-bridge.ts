import { z } from "@hono/zod-openapi";
import { isText, NOT_TEXT } from "../../text.ts";
import type { NoticeFacts, NoticeKind } from "../../ledger/schema.ts";
import type { NewNotice } from "./notices.ts";

/** AWS's ids and names are short; what is kept must not be of any size. */
const MAX_TEXT = 2048;

const text = z.string().max(MAX_TEXT).refine(isText, NOT_TEXT);
const optionalText = text.nullish();

/** An event of AWS Marketplace as EventBridge delivers it; what is not named here is not looked at. */
export const eventSchema = z
  .object({
    id: text.min(1),
    source: z.literal("aws.agreement-marketplace"),
    "detail-type": text.min(1),
    time: z.iso.datetime({ offset: true }),
    detail: z.object({
      agreement: z
        .object({
          id: optionalText,
          intent: optionalText,
          status: optionalText,
          previousAgreementId: optionalText,
          startTime: optionalText,
          endTime: optionalText,
        })
        .nullish(),
      previousAgreementId: optionalText,
      license: z.object({ arn: optionalText }).nullish(),
      product: z.object({ code: optionalText }).nullish(),
      acceptor: z.object({ accountId: optionalText }).nullish(),
    }),
  })
  .openapi("EventBridgeEvent");

type Event = z.output<typeof eventSchema>;

/** What events mean, by their detail type without the role that the seller has in them. */
const KINDS: ReadonlyMap<string, NoticeKind> = new Map([
  ["Purchase Agreement Created", "agreement_created"],
  ["Purchase Agreement Ended", "agreement_ended"],
  ["License Updated", "activated"],
  ["License Deprovisioned", "ending"],
]);

/**
 * The notice in an event (AWS Marketplace seller guide, Amazon EventBridge events). One of a kind that is new says
 * nothing about an agreement's life, and is kept.
 */
export function noticeOf({ id, time, detail, "detail-type": name }: Event): NewNotice {
  const { agreement, license, product, acceptor } = detail;
  return {
    id: `eventbridge:${id}`,
    source: "eventbridge",
    kind: KINDS.get(name.replace(/ - (Manufacturer|Proposer)$/, "")) ?? "other",
    occurredAt: Date.parse(time),
    facts: factsOf(name, detail),
    productCode: product?.code ?? null,
    licenseArn: license?.arn ?? null,
    awsAgreementId: agreement?.id ?? null,
    accountId: acceptor?.accountId ?? null,
    customerIdentifier: null,
  };
}

function factsOf(
  name: string,
  { agreement, ...detail }: z.output<typeof eventSchema>["detail"],
): NoticeFacts {
  const { intent, status, startTime, endTime } = agreement ?? {};
  const previousAgreementId = agreement?.previousAgreementId ?? detail.previousAgreementId;
  const startsAt = timeOf(startTime);
  const endsAt = timeOf(endTime);
  return {
    name,
    ...(typeof intent === "string" && { intent }),
    ...(typeof status === "string" && { status }),
    ...(typeof previousAgreementId === "string" && { previousAgreementId }),
    ...(startsAt !== null && { startsAt }),
    // AWS writes the year 9999 for an agreement without an end.
    ...(endsAt !== null && endsAt < Date.UTC(9000, 0) && { endsAt }),
  };
}

function timeOf(text: string | null | undefined): number | null {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? null : time;
}
