import { describe, expect, it } from "vitest";
import type { GetEntitlementsRequest } from "../../../src/marketplace/index.ts";
import { createEntitlementClient, getAllEntitlements } from "../../../src/marketplace/index.ts";
import { json, network, options } from "./stand-in.ts";

const seats = {
  ProductCode: "abc123",
  Dimension: "seats",
  CustomerIdentifier: "X01EXAMPLEX",
  CustomerAWSAccountId: "111122223333",
  LicenseArn: "arn:aws:license-manager::111122223333:license:l-0123",
  Value: { IntegerValue: 25 },
  ExpirationDate: 1_800_000_000,
};

describe("GetEntitlements", () => {
  it("travels to the entitlement service with its fields in a fixed order", async () => {
    const { fetch, received } = network(json(200, { Entitlements: [] }));

    await createEntitlementClient(options(fetch)).getEntitlements({
      MaxResults: 25,
      NextToken: "page-2",
      Filter: { LICENSE_ARN: [seats.LicenseArn], CUSTOMER_AWS_ACCOUNT_ID: ["111122223333"] },
      ProductCode: "abc123",
    });

    const [request] = received;
    expect(request?.url).toBe("https://entitlement.marketplace.us-east-1.amazonaws.com/");
    expect(request?.headers.get("x-amz-target")).toBe("AWSMPEntitlementService.GetEntitlements");
    expect(request?.headers.get("authorization")).toContain("/us-east-1/aws-marketplace/aws4_request");
    expect(request?.body).toBe(
      `{"ProductCode":"abc123","Filter":{"CUSTOMER_AWS_ACCOUNT_ID":["111122223333"],"LICENSE_ARN":["${seats.LicenseArn}"]},` +
        '"NextToken":"page-2","MaxResults":25}',
    );
  });

  it("answers what the contract includes, of each type of value", async () => {
    const values = [{ IntegerValue: 25 }, { DoubleValue: 0.5 }, { BooleanValue: false }, { StringValue: "" }];
    const Entitlements = values.map((Value) => ({ ...seats, Value }));
    const { fetch } = network(json(200, { Entitlements, NextToken: "page-2", Other: 1 }));

    const outcome = await createEntitlementClient(options(fetch)).getEntitlements({ ProductCode: "abc123" });

    expect(outcome).toEqual({ ok: true, value: { Entitlements, NextToken: "page-2" }, requestId: "req-1" });
  });

  it.each<[Partial<GetEntitlementsRequest>, string]>([
    [{ ProductCode: "" }, "ProductCode"],
    [{ MaxResults: 0 }, "MaxResults"],
    [{ MaxResults: 26 }, "MaxResults"],
    [{ NextToken: "" }, "NextToken"],
    [{ NextToken: "with space" }, "NextToken"],
    [{ Filter: { DIMENSION: [] } }, "Filter.DIMENSION"],
    [{ Filter: { DIMENSION: ["seats", ""] } }, "Filter.DIMENSION[1]"],
    [
      { Filter: { CUSTOMER_IDENTIFIER: ["c"], CUSTOMER_AWS_ACCOUNT_ID: ["1"] } },
      "Filter.CUSTOMER_IDENTIFIER",
    ],
  ])("is not sent with %j", async (wrong, field) => {
    const { fetch, received } = network(json(200, {}));
    const outcome = await createEntitlementClient(options(fetch)).getEntitlements({
      ProductCode: "p",
      ...wrong,
    });
    expect(outcome).toMatchObject({ ok: false, error: { kind: "invalid-request", field } });
    expect(received).toEqual([]);
  });

  it("that names no list is unreadable", async () => {
    const { fetch } = network(json(200, { Entitlements: "none" }));
    const outcome = await createEntitlementClient(options(fetch)).getEntitlements({ ProductCode: "p" });
    expect(outcome).toMatchObject({ ok: false, error: { kind: "unreadable-answer" } });
  });
});

describe("all entitlements", () => {
  const request = { ProductCode: "abc123" };

  it("are read to the last page, past an empty one", async () => {
    const { fetch, received } = network(
      json(200, { Entitlements: [seats], NextToken: "2" }),
      json(200, { Entitlements: [], NextToken: "3" }),
      json(200, { Entitlements: [{ ...seats, Dimension: "gigabytes" }] }),
    );

    const outcome = await getAllEntitlements(createEntitlementClient(options(fetch)), request);

    expect(outcome).toMatchObject({ ok: true, value: [{ Dimension: "seats" }, { Dimension: "gigabytes" }] });
    expect(received.map(({ body }) => (JSON.parse(body) as GetEntitlementsRequest).NextToken)).toEqual([
      undefined,
      "2",
      "3",
    ]);
  });

  it("are none at all when one page fails: half a contract is worse than an error", async () => {
    const { fetch } = network(
      json(200, { Entitlements: [seats], NextToken: "2" }),
      json(400, { __type: "InvalidParameterException", message: "token" }),
    );
    const outcome = await getAllEntitlements(createEntitlementClient(options(fetch)), request);
    expect(outcome).toMatchObject({ ok: false, error: { kind: "invalid-parameter", advice: "fix-setting" } });
  });

  it("are given up when the pages have no end", async () => {
    const { fetch, received } = network(json(200, { Entitlements: [], NextToken: "again" }));
    const outcome = await getAllEntitlements(createEntitlementClient(options(fetch)), request, 3);
    expect(outcome).toMatchObject({ ok: false, error: { kind: "unreadable-answer" } });
    expect(received).toHaveLength(3);
  });
});
