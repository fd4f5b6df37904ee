import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { agreementMessages } from "../../src/webhooks/messages.ts";
import { calls, newContractListing } from "./support/contracts.ts";
import { tick, usage } from "./support/delivering.ts";
import { admin, call, json } from "./support/gateway.ts";
import { arrive, aws, notify } from "./support/marketplace.ts";
import { locationOf } from "./support/registering.ts";
import { ago, DAY, HOUR } from "./support/times.ts";

interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}

interface Description {
  readonly webhooks: Readonly<
    Record<string, { post: { requestBody: { content: { "application/json": { schema: Schema } } } } }>
  >;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** A customer who buys a contract, signs up on the gateway's page, and leaves with usage that nobody is billed for. */
async function wholeLife(): Promise<void> {
  const listing = await newContractListing();
  await admin("PATCH", `/v1/products/${listing.id}`, { signUpUrl: null });
  const { registrationToken, agreementId, accountId } = await aws.agreement(listing.id, {
    entitlements: calls(10),
  });
  const page = locationOf(await arrive(registrationToken));
  await call("POST", page, {
    body: new URLSearchParams({ email: "alice@example.com", name: "Alice", company: "Acme" }).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  await notify(agreementId, "license-updated", { at: ago(DAY) });
  await tick();
  await listing.post(usage(accountId, 15));
  await notify(agreementId, "license-deprovisioned", { at: ago(2 * HOUR) });
  await listing.post(usage(accountId, 1));
  await tick();
}

/** A customer who comes to an address that is no product's, until a person has looked after it. */
async function mistakenAddress(): Promise<void> {
  const listing = await newContractListing();
  const { registrationToken } = await aws.agreement(listing.id);
  await arrive(registrationToken, { path: "/register/mistaken" });
  await tick();
  await env.DB.exec("DELETE FROM arrivals");
  await tick();
}

describe("the messages that /openapi.json describes", () => {
  it("are all that are sent, with the fields that they have", async () => {
    const { webhooks, components } = await json<Description>(call("GET", "/openapi.json"));
    const partsOf = (schema: Schema): Schema[] => {
      const { $ref, allOf = [], anyOf = [] } = schema;
      const named = components.schemas[$ref?.split("/").at(-1) ?? ""];
      return [schema, ...[...(named === undefined ? [] : [named]), ...allOf, ...anyOf].flatMap(partsOf)];
    };
    const expectDescribed = (schema: Schema, value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      const parts = partsOf(schema);
      if (Array.isArray(value)) {
        const [items = {}] = parts.flatMap((part) => part.items ?? []);
        for (const item of value) expectDescribed(items, item);
        return;
      }
      expect(new Set(Object.keys(value))).toEqual(new Set(parts.flatMap(({ required = [] }) => required)));
      const properties = Object.fromEntries(parts.flatMap((part) => Object.entries(part.properties ?? {})));
      for (const [name, member] of Object.entries(value)) expectDescribed(properties[name] ?? {}, member);
    };

    await wholeLife();
    await mistakenAddress();
    const { messages } = await json<{ messages: { type: string; payload: object }[] }>(
      admin("GET", "/v1/messages?limit=1000"),
    );
    const types = [...agreementMessages, "alarm.raised", "alarm.cleared"];
    expect(new Set(messages.map(({ type }) => type))).toEqual(new Set(types));
    expect(new Set(Object.keys(webhooks))).toEqual(new Set(types));
    // They have something within, whose fields are compared, too.
    const sent = (type: string) => messages.filter((message) => message.type === type);
    for (const [type, data] of [
      ["agreement.signed_up", { contact: { company: "Acme" } }],
      ["agreement.entitlements_changed", { entitlements: [{ dimension: "calls" }] }],
      ["agreement.ended", { unbilled: [{ dimension: "api" }] }],
    ] as const)
      expect(sent(type)).toMatchObject([{ payload: { data } }]);
    for (const { type, payload } of messages)
      expectDescribed(webhooks[type]?.post.requestBody.content["application/json"].schema ?? {}, payload);
  });
});
