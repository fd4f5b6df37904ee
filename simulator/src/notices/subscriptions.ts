import type { Store } from "../store.ts";
import { xmlAnswer, xmlErrorAnswer, type Answer } from "../wire/answer.ts";
import { awsError, type AwsError } from "../wire/errors.ts";
import type { World } from "../world.ts";

const namespace = "http://sns.amazonaws.com/doc/2010-03-31/";

/** Answers what a subscriber asks by GET, as the SubscribeURL lets it: ConfirmSubscription, and nothing else. */
export function answerSubscriber(world: World, query: Readonly<Record<string, string>>): Answer {
  const requestId = world.newId();
  const confirmed = confirm(world, query);
  if (typeof confirmed !== "string") return xmlErrorAnswer(confirmed, requestId, namespace);
  return xmlAnswer("ConfirmSubscription", { SubscriptionArn: confirmed }, requestId, namespace);
}

/** @returns the subscription's ARN: the same one however often a subscriber confirms it */
function confirm(world: World, query: Readonly<Record<string, string>>): string | AwsError {
  const { store, now } = world;
  const { Action, TopicArn, Token } = query;
  if (Action !== "ConfirmSubscription") {
    return awsError("UnknownOperationException", `The action ${Action} is not valid for this endpoint.`);
  }
  if (TopicArn === undefined) return invalid("TopicArn");
  const topicArn = Token === undefined ? undefined : store.get("snsToken", Token);
  if (topicArn !== TopicArn) return invalid("Token");
  const held = store.get("snsSubscription", topicArn);
  if (held !== undefined) return held.subscriptionArn;
  const subscriptionArn = `${topicArn}:${world.newId()}`;
  store.put("snsSubscription", topicArn, { subscriptionArn, confirmedAt: now });
  return subscriptionArn;
}

const invalid = (parameter: string): AwsError =>
  awsError("InvalidParameterException", `Invalid parameter: ${parameter}`);

/** The ARN under which a topic posts to its subscriber; a new one while nobody has confirmed. */
export const subscriptionArnOf = (store: Store, topicArn: string, newId: () => string): string =>
  store.get("snsSubscription", topicArn)?.subscriptionArn ?? `${topicArn}:${newId()}`;
