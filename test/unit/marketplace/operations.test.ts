import { describe, expect, it } from "vitest";
import { createMarketplaceClient } from "../../../src/marketplace/index.ts";
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
