import { describe, expect, it } from "vitest";
import { createMarketplaceClient, createStsClient } from "../../../src/marketplace/index.ts";
import { json, network, options, usage } from "./stand-in.ts";

describe("BatchMeterUsage", () => {
  it("travels as AWS's own clients send it", async () => {
    // Given a client in us-east-1
    const { fetch, received } = network(json(200, { Results: [], UnprocessedRecords: [] }));
    const client = createMarketplaceClient(options(fetch));

    // When one record with tags is reported
    await client.batchMeterUsage({
      UsageRecords: [
        usage({ UsageAllocations: [{ AllocatedUsageQuantity: 5, Tags: [{ Key: "team", Value: "a" }] }] }),
      ],
    });

    // Then it is a POST in awsJson 1.1, signed for aws-marketplace, with its fields in a fixed order
    const [request] = received;
    expect(request?.url).toBe("https://metering.marketplace.us-east-1.amazonaws.com/");
    expect(request?.method).toBe("POST");
    expect(request?.redirect).toBe("manual");
    expect(request?.headers.get("content-type")).toBe("application/x-amz-json-1.1");
    expect(request?.headers.get("x-amz-target")).toBe("AWSMPMeteringService.BatchMeterUsage");
    expect(request?.headers.get("x-amz-date")).toBe("20261123T100000Z");
    expect(request?.headers.get("authorization")).toContain(
      "Credential=AKIDEXAMPLE/20261123/us-east-1/aws-marketplace/aws4_request",
    );
    expect(request?.body).toBe(
      '{"UsageRecords":[{"Timestamp":1795426200,"Dimension":"requests","Quantity":5,' +
        '"UsageAllocations":[{"AllocatedUsageQuantity":5,"Tags":[{"Key":"team","Value":"a"}]}],' +
        '"CustomerAWSAccountId":"111122223333",' +
        '"LicenseArn":"arn:aws:license-manager::111122223333:license:l-0123456789abcdef"}]}',
    );
  });

  it("answers each record's own status and id, and the call's request id", async () => {
    const { fetch } = network(
      json(200, {
        Results: [{ UsageRecord: usage(), MeteringRecordId: "m-1", Status: "Success" }],
        UnprocessedRecords: [usage({ Dimension: "storage" })],
      }),
    );

    const outcome = await createMarketplaceClient(options(fetch)).batchMeterUsage({
      UsageRecords: [usage()],
    });

    expect(outcome).toEqual({
      ok: true,
      value: {
        Results: [{ UsageRecord: usage(), MeteringRecordId: "m-1", Status: "Success" }],
        UnprocessedRecords: [usage({ Dimension: "storage" })],
      },
      requestId: "req-1",
    });
  });
});

describe("an answer of BatchMeterUsage", () => {
  async function answer(body: unknown) {
    const { fetch } = network(json(200, body));
    const outcome = await createMarketplaceClient(options(fetch)).batchMeterUsage({
      UsageRecords: [usage()],
    });
    return outcome.ok ? outcome.value : null;
  }

  it("keeps a status that AWS has only just invented", async () => {
    expect(await answer({ Results: [{ Status: "HeldForReview" }] })).toMatchObject({
      Results: [{ Status: "HeldForReview" }],
    });
  });

  it.each([
    ["both lists", {}, { Results: [], UnprocessedRecords: [] }],
    [
      "the lists' contents",
      { Results: null, UnprocessedRecords: null },
      { Results: [], UnprocessedRecords: [] },
    ],
    ["a result's every member", { Results: [{}] }, { Results: [{}], UnprocessedRecords: [] }],
    [
      "the record's id",
      { Results: [{ Status: "Success", MeteringRecordId: null }] },
      { Results: [{ Status: "Success" }], UnprocessedRecords: [] },
    ],
  ])("may leave out %s", async (_what, body, read) => {
    expect(await answer(body)).toEqual(read);
  });

  it("may say more than the model does", async () => {
    const body = { Results: [{ Status: "Success", Reviewed: true }], BilledTo: { account: 1 } };
    expect(await answer(body)).toEqual({ Results: [{ Status: "Success" }], UnprocessedRecords: [] });
  });

  it.each([
    ["a number", 1_795_426_200],
    ["a fraction", 1_795_426_200.5],
    ["a date, as AWS's examples write it", "2026-11-23T09:30:00Z"],
    ["a number in quotes", "1795426200"],
  ])("may give a time as %s", async (_form, Timestamp) => {
    const read = await answer({ Results: [{ UsageRecord: { Timestamp } }] });
    expect(Math.floor(read?.Results[0]?.UsageRecord?.Timestamp ?? 0)).toBe(1_795_426_200);
  });

  it("echoes allocations whole or not at all", async () => {
    const good = [{ AllocatedUsageQuantity: 5, Tags: [{ Key: "a", Value: "b" }] }];
    const read = await answer({
      Results: [
        { UsageRecord: { UsageAllocations: good } },
        { UsageRecord: { UsageAllocations: [{ Tags: 1 }] } },
      ],
    });
    expect(read?.Results).toEqual([{ UsageRecord: { UsageAllocations: good } }, { UsageRecord: {} }]);
  });
});

describe("ResolveCustomer", () => {
  it("turns a registration token into the customer and the agreement", async () => {
    const customer = {
      CustomerIdentifier: "X01EXAMPLEX",
      ProductCode: "abc123",
      CustomerAWSAccountId: "111122223333",
      LicenseArn: "arn:aws:license-manager::111122223333:license:l-0123",
    };
    const { fetch, received } = network(json(200, customer));

    const outcome = await createMarketplaceClient(options(fetch)).resolveCustomer({
      RegistrationToken: "a+b/c=",
    });

    expect(outcome).toEqual({ ok: true, value: customer, requestId: "req-1" });
    expect(received[0]?.headers.get("x-amz-target")).toBe("AWSMPMeteringService.ResolveCustomer");
    expect(received[0]?.body).toBe('{"RegistrationToken":"a+b/c="}');
  });

  it("has no customer identifier for a new product, whether AWS leaves it out or empty", async () => {
    for (const body of [{ ProductCode: "abc123" }, { ProductCode: "abc123", CustomerIdentifier: "" }]) {
      const { fetch } = network(json(200, body));
      const outcome = await createMarketplaceClient(options(fetch)).resolveCustomer({
        RegistrationToken: "token",
      });
      expect(outcome).toMatchObject({ ok: true, value: { ProductCode: "abc123" } });
      expect(outcome.ok && outcome.value).not.toHaveProperty("CustomerIdentifier");
    }
  });
});

describe("MeterUsage", () => {
  const request = {
    ProductCode: "abc123",
    Timestamp: 1_795_426_200,
    UsageDimension: "d",
    UsageQuantity: 3,
    ClientToken: "t-1",
  };

  it("travels with all of its fields and answers the record's id", async () => {
    const { fetch, received } = network(json(200, { MeteringRecordId: "m-1" }));

    const outcome = await createMarketplaceClient(options(fetch)).meterUsage({
      ...request,
      DryRun: false,
      UsageAllocations: [{ AllocatedUsageQuantity: 3 }],
    });

    expect(outcome).toMatchObject({ ok: true, value: { MeteringRecordId: "m-1" } });
    expect(received[0]?.headers.get("x-amz-target")).toBe("AWSMPMeteringService.MeterUsage");
    expect(received[0]?.body).toBe(
      '{"ProductCode":"abc123","Timestamp":1795426200,"UsageDimension":"d","UsageQuantity":3,"DryRun":false,' +
        '"UsageAllocations":[{"AllocatedUsageQuantity":3}],"ClientToken":"t-1"}',
    );
  });

  it("counts a permitted dry run as a success, though AWS answers it with an error's name", async () => {
    const { fetch } = network(json(400, { __type: "DryRunOperation", message: "would have succeeded" }));
    const client = createMarketplaceClient(options(fetch));

    expect(await client.meterUsage({ ...request, DryRun: true })).toEqual({
      ok: true,
      value: {},
      requestId: "req-1",
    });
    expect(await client.meterUsage(request)).toMatchObject({ ok: false, error: { kind: "unknown-error" } });
  });

  it("says that a refused dry run lacks permission", async () => {
    const { fetch } = network(json(400, { __type: "UnauthorizedException" }));
    const outcome = await createMarketplaceClient(options(fetch)).meterUsage({ ...request, DryRun: true });
    expect(outcome).toMatchObject({ ok: false, error: { kind: "access-denied" } });
  });
});

describe("RegisterUsage", () => {
  it("answers the signature, and when the key was rotated", async () => {
    const { fetch, received } = network(
      json(200, { Signature: "eyJ0.eyJ0.sig", PublicKeyRotationTimestamp: 1_795_000_000 }),
    );

    const outcome = await createMarketplaceClient(options(fetch)).registerUsage({
      ProductCode: "abc123",
      PublicKeyVersion: 1,
      Nonce: "n-1",
    });

    expect(outcome).toMatchObject({
      ok: true,
      value: { Signature: "eyJ0.eyJ0.sig", PublicKeyRotationTimestamp: 1_795_000_000 },
    });
    expect(received[0]?.headers.get("x-amz-target")).toBe("AWSMPMeteringService.RegisterUsage");
    expect(received[0]?.body).toBe('{"ProductCode":"abc123","PublicKeyVersion":1,"Nonce":"n-1"}');
  });
});

describe("a call", () => {
  it("has thirty seconds unless its client is told otherwise", async () => {
    const given: number[] = [];
    const { fetch } = network(json(200, {}));
    const timer = (milliseconds: number) => {
      given.push(milliseconds);
      return () => undefined;
    };

    await createMarketplaceClient(options(fetch, { timer })).batchMeterUsage({ UsageRecords: [] });
    await createStsClient(options(fetch, { timer })).assumeRole({
      RoleArn: "arn:aws:iam::111122223333:role/metering",
      RoleSessionName: "metergate",
    });

    expect(given).toEqual([30_000, 30_000]);
  });
});
