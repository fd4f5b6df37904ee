import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin, call, json, type TestProduct } from "./support/gateway.ts";
import { aws, newArrival, newListing, notify, type AwsAgreement } from "./support/marketplace.ts";
import { agreementOf } from "./support/registering.ts";
import { HOUR, steadyAgo } from "./support/times.ts";

/** What EventBridge's events say of an agreement beside what they are. */

const ago = steadyAgo();

const endOf = async (listing: TestProduct) => {
  const { id } = await agreementOf(listing.id);
  return (await json<{ endsAt: string | null }>(admin("GET", `/v1/agreements/${id}`))).endsAt;
};

interface Event {
  detail: { agreement: Record<string, unknown> };
}

/** Posts an event that says something else of the agreement, or beside it. */
async function post({ agreementId }: AwsAgreement, wishes: object, change: (event: Event) => object) {
  const { notice } = await aws.notice(agreementId, {
    via: "eventbridge",
    kind: "agreement-created",
    ...wishes,
  });
  const event = notice as Event;
  const detail = { ...event.detail, ...change(event) };
  const headers = { "x-api-key": env.EVENTS_SECRET ?? "" };
  expect((await call("POST", "/aws/events", { body: { ...event, detail }, headers })).status).toBe(200);
}

const endingAt =
  (endTime: string | null) =>
  ({ detail: { agreement } }: Event) => ({ agreement: { ...agreement, endTime } });

describe("the end that an agreement is made for", () => {
  it.each([
    ["9999-01-01T00:00:00Z", null],
    ["9999-12-31T23:59:59Z", null],
    ["2099-01-01T00:00:00Z", "2099-01-01T00:00:00.000Z"],
    ["soon", null],
    [null, null],
  ])("is as AWS says, by whom the year 9999 is none: %s", async (endTime, endsAt) => {
    const listing = await newListing();
    const bought = await newArrival(listing);
    await notify(bought.agreementId, "license-updated", { at: ago(3 * HOUR) });
    await post(bought, { at: ago(2 * HOUR) }, endingAt("2031-05-01T00:00:00Z"));
    expect(await endOf(listing)).toBe("2031-05-01T00:00:00.000Z");
    await post(bought, { at: ago(HOUR), intent: "AMEND" }, endingAt(endTime));
    expect(await endOf(listing)).toBe(endsAt);
  });
});

describe("the agreement that another one renews", () => {
  it.each([
    [
      "in the new agreement",
      (previousAgreementId: string) =>
        ({ detail }: Event) => ({
          agreement: { ...detail.agreement, previousAgreementId },
        }),
    ],
    ["beside it", (previousAgreementId: string) => () => ({ previousAgreementId })],
  ])("is known by its id %s", async (_where, renewing) => {
    const listing = await newListing();
    const bought = await newArrival(listing);
    await notify(bought.agreementId, "license-updated", { at: ago(3 * HOUR) });
    const next = `${bought.agreementId}-next`;
    await post(bought, { agreementId: next, intent: "RENEW", at: ago(HOUR) }, renewing(bought.agreementId));
    await notify(bought.agreementId, "agreement-ended", { at: ago(0.9 * HOUR), status: "EXPIRED" });
    const { id, state } = await agreementOf(listing.id);
    expect(state).toBe("active");
    expect(await json(admin("GET", `/v1/agreements/${id}`))).toMatchObject({ awsAgreementId: next });
  });
});
