import { describe, expect, it } from "vitest";
import { agreementMessages } from "../../src/webhooks/messages.ts";
import { call, json } from "./gateway.ts";
import { newCustomer, newListing, notify } from "./marketplace.ts";
import { agreementOf, toldOf } from "./registering.ts";

interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Description {
  readonly webhooks: Readonly<
    Record<string, { post: { requestBody: { content: { "application/json": { schema: Schema } } } } }>
  >;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

describe("the messages that /openapi.json describes", () => {
  it("are all that are sent, with the fields that they have", async () => {
    const { webhooks, components } = await json<Description>(call("GET", "/openapi.json"));
    expect(new Set(Object.keys(webhooks))).toEqual(
      new Set([...agreementMessages, "alarm.raised", "alarm.cleared"]),
    );
    const requiredOf = ({ $ref, allOf = [], required = [] }: Schema): string[] => {
      const named = $ref === undefined ? undefined : components.schemas[$ref.split("/").at(-1) ?? ""];
      return [...required, ...(named === undefined ? [] : requiredOf(named)), ...allOf.flatMap(requiredOf)];
    };
    const listing = await newListing();
    const { agreementId } = await newCustomer(listing);
    await notify(agreementId, "license-deprovisioned");
    const { id } = await agreementOf(listing.id);
    const told = await toldOf(id);
    expect(told.map(({ type }) => type)).toEqual([
      "agreement.registered",
      "agreement.activated",
      "agreement.ending",
    ]);
    for (const { type, data } of told) {
      const { schema } = webhooks[type]?.post.requestBody.content["application/json"] ?? { schema: {} };
      expect(new Set(requiredOf(schema.properties?.["data"] ?? {}))).toEqual(new Set(Object.keys(data)));
    }
  });
});
