import { forgetIncident, noteIncident } from "../../ledger/incidents.ts";
import { EVENTS_SECRET_MISSING } from "../secrets.ts";
import type { Surroundings } from "../surroundings.ts";
import type { SnsNotification } from "./sns-message.ts";

const WHAT_NOW =
  "Look at AWS which agreements have begun or ended meanwhile, and say so: POST /v1/agreements/:id/activate and /end.";

/**
 * Notes that an event was refused that AWS has sent, as whoever knows the secret; or that there is no secret yet. An
 * operator is told for a day.
 *
 * @param status the HTTP status that it was answered with
 */
export async function noteRefusedEvent({ ledger, now, report }: Surroundings, status: number): Promise<void> {
  const [subject, why] = status === 503 ? NO_SECRET : NO_EVENT;
  report(`an event was refused with ${status}: ${why}`, {});
  const detail = `EventBridge has sent events that were refused. ${why} ${WHAT_NOW}`;
  await noteIncident(ledger, { kind: "notices_refused", subject, detail }, now());
}

/** Forgets that events were refused since there was no secret: EventBridge sends them again. */
export function forgetMissingSecret({ ledger }: Surroundings): Promise<void> {
  return forgetIncident(ledger, "notices_refused", NO_SECRET[0]);
}

const NO_SECRET = [
  "eventbridge_secret",
  `${EVENTS_SECRET_MISSING} EventBridge sends them again for a day.`,
] as const;

const NO_EVENT = [
  "eventbridge_form",
  "They are not events of AWS Marketplace, and EventBridge does not send them again. Let the rule match the source aws.agreement-marketplace only, and send the matched event as it is, without an input transformer.",
] as const;

/** Notes that SNS has ended the subscription of a topic: an operator is told until it is confirmed again. */
export async function noteUnsubscribed({ ledger, now, report }: Surroundings, topic: string): Promise<void> {
  report("SNS has ended the subscription: its notices come no more", { topic });
  const detail = `The subscription of the topic ${topic} has ended, and no notice comes by it. Subscribe the gateway's /aws/sns to it again, or take it out of the product's snsTopics. ${WHAT_NOW}`;
  await noteIncident(ledger, { kind: "notices_unsubscribed", subject: topic, detail }, now());
}

/** Notes that SNS has sent something by a product's topic that is no notice of that product. */
export async function noteForeignMessage(
  { ledger, now, report }: Surroundings,
  { TopicArn: topic, MessageId: message }: SnsNotification,
): Promise<void> {
  report("a message of SNS is no notice of its product", { message });
  const detail = `Messages of the topic ${topic} were refused, since they are no notices of AWS Marketplace about the product whose topic it is. ${WHAT_NOW}`;
  await noteIncident(ledger, { kind: "notices_refused", subject: topic, detail }, now());
}
