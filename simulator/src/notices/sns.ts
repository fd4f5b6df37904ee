import { hex, randomBytes } from "../wire/encodings.ts";
import { signText, type SignatureVersion } from "./certificate.ts";

/** An SNS message as it is posted to an HTTPS subscriber: text fields by AWS's names. */
export type SnsMessage = Readonly<Record<string, string>> & { readonly Type: string };

/** What every message has, whoever publishes it. */
export interface SnsContext {
  readonly id: string;
  readonly topicArn: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly signatureVersion: SignatureVersion;
  /** Where the simulator is reached: its certificate and the confirmation are there. */
  readonly origin: string;
}

/** The topics that AWS Marketplace has for each product: what they tell, and the name before the product's code. */
const topicNames = {
  subscription: "aws-mp-subscription-notification",
  entitlement: "aws-mp-entitlement-notification",
} as const;

type Topic = keyof typeof topicNames;

export const topicArn = (account: string, topic: Topic, productCode: string): string =>
  `arn:aws:sns:us-east-1:${account}:${topicNames[topic]}-${productCode}`;

export const certificatePath = "/SimpleNotificationService-simulator.pem";

/** A message of the topic. */
export function notification(
  context: SnsContext,
  message: Readonly<Record<string, string>>,
  subscriptionArn: string,
): Promise<SnsMessage> {
  const { id, origin } = context;
  return signed(context, {
    Type: "Notification",
    MessageId: id,
    TopicArn: context.topicArn,
    Message: JSON.stringify(message),
    UnsubscribeURL: `${origin}/?Action=Unsubscribe&SubscriptionArn=${inQuery(subscriptionArn)}`,
  });
}

/** What SNS posts to a new subscriber, so that nobody is sent messages against their will. */
export function subscriptionConfirmation(context: SnsContext, token: string): Promise<SnsMessage> {
  const { id, origin, topicArn } = context;
  return signed(context, {
    Type: "SubscriptionConfirmation",
    MessageId: id,
    Token: token,
    TopicArn: topicArn,
    Message: `You have chosen to subscribe to the topic ${topicArn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`,
    SubscribeURL: `${origin}/?Action=ConfirmSubscription&TopicArn=${inQuery(topicArn)}&Token=${token}`,
  });
}

/** Long and of hexadecimal digits, as SNS's are. */
export const newToken = (): string => hex(randomBytes(128).buffer);

/** The headers that SNS posts a message with. */
export const snsHeaders = (message: SnsMessage): Record<string, string> => ({
  "content-type": "text/plain; charset=UTF-8",
  "x-amz-sns-message-type": message.Type,
  "x-amz-sns-message-id": message["MessageId"] ?? "",
  "x-amz-sns-topic-arn": message["TopicArn"] ?? "",
});

async function signed(
  { at, signatureVersion, origin }: SnsContext,
  fields: Record<string, string> & { readonly Type: string },
): Promise<SnsMessage> {
  const message = { ...fields, Timestamp: new Date(at).toISOString(), SignatureVersion: signatureVersion };
  return {
    ...message,
    Signature: await signText(stringToSign(message), signatureVersion),
    SigningCertURL: `${origin}${certificatePath}`,
  };
}

/** What is signed, of messages of either type, in the order in which SNS signs it. */
const signedFields = [
  "Message",
  "MessageId",
  "Subject",
  "SubscribeURL",
  "Timestamp",
  "Token",
  "TopicArn",
  "Type",
];

const stringToSign = (message: Readonly<Record<string, string>>): string =>
  signedFields
    .flatMap((name) => (message[name] === undefined ? [] : [`${name}\n${message[name]}\n`]))
    .join("");

/** A part of a query, with the colons of ARNs as SNS writes them. */
const inQuery = (text: string): string => encodeURIComponent(text).replaceAll("%3A", ":");
