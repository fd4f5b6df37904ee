import { z } from "zod";
import type { NoticeKind } from "../../ledger/schema.ts";
import type { NewNotice } from "./notices.ts";

const MAX_TEXT = 2048;

/** A line break in a field would make it another field of what is signed, and one message two. */
const line = z
  .string()
  .max(MAX_TEXT)
  .regex(/^[^\r\n]*$/);

/** A message of Amazon SNS as it posts it (SNS developer guide, HTTP/HTTPS notification JSON format). */
const envelope = {
  MessageId: line.min(1),
  TopicArn: line.min(1),
  Message: z.string().max(262_144),
  Timestamp: z.iso.datetime({ offset: true }),
  SignatureVersion: z.enum(["1", "2"]),
  Signature: z.string().min(1).max(MAX_TEXT),
  SigningCertURL: z.string().min(1).max(MAX_TEXT),
};

export const snsMessageSchema = z.discriminatedUnion("Type", [
  z.object({ Type: z.literal("Notification"), ...envelope, Subject: line.nullish() }),
  z.object({
    Type: z.enum(["SubscriptionConfirmation", "UnsubscribeConfirmation"]),
    ...envelope,
    Token: line.min(1),
    SubscribeURL: line.min(1),
  }),
]);

export type SnsMessage = z.output<typeof snsMessageSchema>;
export type SnsNotification = Extract<SnsMessage, { Type: "Notification" }>;

/** What AWS Marketplace's legacy messages mean, by their action (AWS Marketplace seller guide, SNS notifications). */
const KINDS: ReadonlyMap<string, NoticeKind> = new Map([
  ["subscribe-success", "activated"],
  ["subscribe-fail", "failed"],
  ["unsubscribe-pending", "ending"],
  ["unsubscribe-success", "closed"],
  ["entitlement-updated", "entitlements_changed"],
]);

const messageSchema = z.object({
  action: z.string().max(MAX_TEXT).trim(),
  "customer-identifier": z.string().max(MAX_TEXT).trim(),
  "product-code": z.string().max(MAX_TEXT).trim(),
  isFreeTrialTermPresent: z.union([z.string().max(MAX_TEXT), z.boolean()]).optional(),
});

/** The notice in an SNS notification of AWS Marketplace; null when it is none. */
export function noticeIn({ MessageId, Message, Timestamp }: SnsNotification): NewNotice | null {
  const { success, data } = messageSchema.safeParse(leniently(Message));
  if (!success) return null;
  const trial = data.isFreeTrialTermPresent;
  return {
    id: `sns:${MessageId}`,
    source: "sns",
    kind: KINDS.get(data.action) ?? "other",
    occurredAt: Date.parse(Timestamp),
    facts: {
      name: data.action,
      ...(trial !== undefined && { freeTrial: String(trial).trim() === "true" }),
    },
    productCode: data["product-code"],
    customerIdentifier: data["customer-identifier"],
    licenseArn: null,
    awsAgreementId: null,
    accountId: null,
  };
}

/** AWS's own samples of these messages have a comma too many. */
function leniently(text: string): unknown {
  for (const attempt of [text, text.replaceAll(/,\s*([}\]])/g, "$1")]) {
    try {
      return JSON.parse(attempt) as unknown;
    } catch {
      // The second attempt, or none.
    }
  }
  return null;
}
