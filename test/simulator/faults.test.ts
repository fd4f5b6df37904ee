import { beforeEach, describe, expect, it } from "vitest";
import { aws, control, send, signed } from "./client.ts";
import {
  books,
  errorOf,
  meter,
  meterLegacy,
  newAgreement,
  newCustomer,
  startOver,
  statuses,
  tenOClock,
  usage,
  type Agreement,
} from "./world.ts";

beforeEach(startOver);

async function order(...faults: object[]): Promise<void> {
  const { status, body } = await control("POST", "/faults", { faults });
  if (status !== 200) throw new Error(`the faults were refused: ${JSON.stringify(body)}`);
}

const dimensions = ["requests", "storage"];

/** Usage of several hours and dimensions, so that the order of results shows. */
const several = (agreement: Agreement, count = 4) =>
  Array.from({ length: count }, (_, n) =>
    usage(agreement, {
      Timestamp: tenOClock - 1800 - Math.floor(n / 2) * 3600,
      Dimension: dimensions[n % 2] ?? "",
      Quantity: n,
    }),
  );

describe("a fault in place of the answer", () => {
  it.each([
    [{ kind: "throttle" }, 400, "ThrottlingException"],
    [{ kind: "internal-error" }, 500, "InternalServiceErrorException"],
    [{ kind: "expired-session" }, 400, "ExpiredTokenException"],
    [{ kind: "error", error: "InvalidTagException" }, 400, "InvalidTagException"],
  ])("%j strikes one call, stores nothing, and is gone", async (fault, status, type) => {
    const customer = await newCustomer();
    await order(fault);
    expect(errorOf(await meter([usage(customer)]))).toEqual({ status, type });
    expect(await books()).toEqual([]);
    expect(statuses(await meter([usage(customer)]))).toEqual(["Success"]);
  });

  it("names an expired session in the words of AWS's generic error", async () => {
    await order({ kind: "expired-session" });
    const { body } = await meter([]);
    expect(body.message).toBe("The security token included in the request is expired");
  });

  it("says what it was told to say", async () => {
    await order({ kind: "error", error: "AccessDeniedException", message: "You may not." });
    expect((await meter([])).body).toEqual({ __type: "AccessDeniedException", message: "You may not." });
  });

  it("answers an internal error though everything is stored; the same record again is the first one", async () => {
    const customer = await newCustomer();
    await order({ kind: "internal-error-after-store" });
    expect(errorOf(await meter([usage(customer)]))).toEqual({
      status: 500,
      type: "InternalServiceErrorException",
    });
    const [stored] = await books();
    const again = await meter([usage(customer)]);
    expect(again.body.Results).toMatchObject([
      { Status: "Success", MeteringRecordId: stored?.meteringRecordId },
    ]);
    expect(await books()).toHaveLength(1);
  });

  it("answers 503 with a page for people", async () => {
    await order({ kind: "html-503" });
    const response = await send(await signed("BatchMeterUsage", { UsageRecords: [] }));
    expect(response.status).toBe(503);
    expect(response.headers.get("content-type")).toContain("text/html");
    expect(await response.text()).toMatch(/^<html>/);
  });

  it.each([
    ["drop-connection", 0],
    ["drop-connection-after-store", 1],
  ])("breaks the connection: %s stores %i records", async (kind, stored) => {
    const customer = await newCustomer();
    await order({ kind });
    const request = await signed("BatchMeterUsage", { UsageRecords: [usage(customer)] });
    await expect(send(request).then((response) => response.text())).rejects.toThrow(/.+/);
    expect(await books()).toHaveLength(stored);
  });

  it("waits while another has the call, in the order of the list", async () => {
    await order({ kind: "throttle", times: 2 }, { kind: "internal-error" });
    const answers = [await meter([]), await meter([]), await meter([]), await meter([])];
    expect(answers.map(({ status, body }) => body.__type ?? status)).toEqual([
      "ThrottlingException",
      "ThrottlingException",
      "InternalServiceErrorException",
      200,
    ]);
  });
});

describe("a fault in the answer", () => {
  it("leaves records unprocessed and out of the books, the first time only", async () => {
    const customer = await newCustomer();
    const records = several(customer);
    await order({ kind: "unprocessed", records: 3 });
    const { body } = await meter(records);
    expect(body.Results).toMatchObject([{ Status: "Success", UsageRecord: records[0] }]);
    expect(body.UnprocessedRecords).toEqual(records.slice(1));
    expect(await books()).toHaveLength(1);
    expect(statuses(await meter(body.UnprocessedRecords))).toEqual(["Success", "Success", "Success"]);
    expect(await books()).toHaveLength(4);
  });

  it("leaves records unprocessed each time, until it is taken back", async () => {
    const customer = await newCustomer();
    await order({ kind: "unprocessed", times: null });
    for (let i = 0; i < 3; i += 1) {
      expect((await meter([usage(customer)])).body).toMatchObject({
        Results: [],
        UnprocessedRecords: [usage(customer)],
      });
    }
    expect((await control("DELETE", "/faults")).body).toEqual({ faults: [] });
    expect(statuses(await meter([usage(customer)]))).toEqual(["Success"]);
  });

  it("gives a stored record a status that no client knows", async () => {
    const customer = await newCustomer();
    await order({ kind: "unknown-status", status: "OnHold", records: 1 });
    expect(statuses(await meter(several(customer, 2)))).toEqual(["OnHold", "Success"]);
    expect(await books()).toHaveLength(2);
  });

  it("leaves the record's id out", async () => {
    const customer = await newCustomer();
    await order({ kind: "missing-record-id" });
    expect((await meter([usage(customer)])).body.Results).toEqual([
      { UsageRecord: usage(customer), Status: "Success" },
    ]);
  });

  it("brings the results in another order", async () => {
    const customer = await newCustomer();
    const records = several(customer);
    await order({ kind: "shuffle" });
    const answered = (await meter(records)).body.Results.map(({ UsageRecord }) => UsageRecord);
    expect(answered).not.toEqual(records);
    expect(new Set(answered)).toEqual(new Set(records));
  });

  it("adds fields that no client knows", async () => {
    const customer = await newCustomer();
    const usual = await meter([usage(customer)]);
    await order({ kind: "extra-fields" });
    const odd = await meter([usage(customer)]);
    expect(odd.body).toMatchObject(usual.body);
    expect(Object.keys(odd.body).length).toBeGreaterThan(Object.keys(usual.body).length);
    expect(Object.keys(odd.body.Results[0] ?? {}).length).toBeGreaterThan(3);
  });

  it("puts a namespace before an error's name", async () => {
    await order({ kind: "namespaced-type" });
    const { body } = await meterLegacy("unknown", []);
    expect(body.__type).toBe("com.amazonaws.marketplacemetering#InvalidProductCodeException");
  });

  it("names an error in a header alone", async () => {
    await order({ kind: "header-only-type" }, { kind: "throttle" });
    const { body, headers, status } = await meter([]);
    expect(status).toBe(400);
    expect(body).not.toHaveProperty("__type");
    expect(headers.get("x-amzn-errortype")).toMatch(/^ThrottlingException:http/);
  });

  it("adds up with others: late, shuffled and without ids", async () => {
    const customer = await newCustomer();
    await order({ kind: "latency", milliseconds: 1 }, { kind: "shuffle" }, { kind: "missing-record-id" });
    const { Results } = (await meter(several(customer, 2))).body;
    expect(Results.map(({ UsageRecord }) => UsageRecord.Quantity)).toEqual([1, 0]);
    expect(Results[0]).not.toHaveProperty("MeteringRecordId");
    expect((await control("GET", "/faults")).body).toEqual({ faults: [] });
  });

  it("brings the answer later", async () => {
    await order({ kind: "latency", milliseconds: 60 });
    const began = Date.now();
    await meter([]);
    expect(Date.now() - began).toBeGreaterThanOrEqual(60);
  });
});

describe("what a fault is aimed at", () => {
  it("is one operation", async () => {
    const { registrationToken } = await newCustomer();
    await order({ kind: "throttle", operation: "BatchMeterUsage" });
    const resolved = await aws("ResolveCustomer", { RegistrationToken: registrationToken });
    expect(resolved.status).toBe(200);
    expect(errorOf(await meter([])).type).toBe("ThrottlingException");
  });

  it("is one Region", async () => {
    await order({ kind: "throttle", region: "eu-west-1" });
    expect((await meter([], { region: "us-east-1" })).status).toBe(200);
    expect(errorOf(await meter([], { region: "eu-west-1" })).type).toBe("ThrottlingException");
  });

  it("is one product, also where a record names only its license", async () => {
    const [spared, struck] = [await newCustomer(), await newCustomer()];
    await order({ kind: "throttle", productCode: struck.productCode });
    expect((await meter([usage(spared)])).status).toBe(200);
    expect(errorOf(await meter([usage(struck)])).type).toBe("ThrottlingException");
  });

  it("is one license or dimension among a batch's records", async () => {
    const first = await newCustomer();
    const second = await newAgreement(first.productCode);
    await order(
      { kind: "unprocessed", licenseArn: second.licenseArn, dimension: "storage" },
      { kind: "unknown-status", licenseArn: first.licenseArn, dimension: "requests", status: "Odd" },
    );
    const { body } = await meter([...several(first, 2), ...several(second, 2)]);
    expect(body.Results.map(({ Status }) => Status)).toEqual(["Odd", "Success", "Success"]);
    expect(body.UnprocessedRecords).toMatchObject([{ LicenseArn: second.licenseArn, Dimension: "storage" }]);
  });

  it("is the calls after the first few that fit", async () => {
    await order({ kind: "throttle", after: 2 });
    const codes = [await meter([]), await meter([]), await meter([]), await meter([])];
    expect(codes.map(({ status }) => status)).toEqual([200, 200, 400, 200]);
  });

  it("is never a call without a right signature", async () => {
    await order({ kind: "throttle" });
    const key = { accessKeyId: "AKIDSIMULATOR0000000", secretAccessKey: "wrong" };
    expect(errorOf(await meter([], { key })).type).toBe("InvalidSignatureException");
    expect(errorOf(await meter([])).type).toBe("ThrottlingException");
  });
});

describe("the faults on order", () => {
  it("are shown with what is left of them, and replaced by the next order", async () => {
    await order({ kind: "throttle", times: 3 });
    await meter([]);
    expect((await control("GET", "/faults")).body).toEqual({
      faults: [{ kind: "throttle", times: 2, after: 0 }],
    });
    await order({ kind: "html-503", times: null });
    expect((await control("GET", "/faults")).body).toEqual({
      faults: [{ kind: "html-503", times: null, after: 0 }],
    });
  });

  it("are in the log by what the caller saw", async () => {
    await order({ kind: "throttle" }, { kind: "html-503" }, { kind: "drop-connection" });
    await meter([]);
    await meter([]).catch(() => null);
    await meter([]).catch(() => null);
    const { body } = await control<{ calls: unknown[] }>("GET", "/calls");
    expect(body.calls).toMatchObject([
      { status: 400, error: "ThrottlingException" },
      { status: 503, error: "html-503" },
      { error: "dropped" },
    ]);
  });

  it.each([
    [{ kind: "meteor" }, "faults[0].kind"],
    [{ kind: "throttle", times: 0 }, "faults[0].times"],
    [{ kind: "throttle", operation: "DeleteEverything" }, "faults[0].operation"],
    [{ kind: "throttle", colour: "red" }, "faults[0].colour"],
    [{ kind: "error" }, "faults[0].error"],
    [{ kind: "error", error: "NoSuchException" }, "faults[0].error"],
    [{ kind: "latency", milliseconds: -1 }, "faults[0].milliseconds"],
    [{ kind: "unprocessed", records: 26 }, "faults[0].records"],
  ])("are refused as a whole for %j", async (wrong, field) => {
    await order({ kind: "throttle" });
    const { status, body } = await control("POST", "/faults", {
      faults: [{ kind: "html-503" }, wrong].toReversed(),
    });
    expect(status).toBe(400);
    expect(body).toMatchObject({ field });
    expect((await control("GET", "/faults")).body).toMatchObject({ faults: [{ kind: "throttle" }] });
  });
});
